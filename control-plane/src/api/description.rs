//! The description of the API, completed from the table of routes: how to say who one is, and how one is refused.

use axum::http::Method;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, schema,
};

use crate::api::access::{self, Need};

/// Puts on every operation what [`access::ROUTES`] says of it.
pub(crate) fn complete(description: &mut OpenApi) {
    for (path, item) in &mut description.paths.paths {
        for (method, operation) in operations(item) {
            if let Need::Role(role) = access::need(&method, path) {
                let words =
                    operation.description.take().map(|words| format!("{words}\n\n")).unwrap_or_default();
                operation.description = Some(format!("{words}Takes the role {role}."));
                guarded(operation);
            }
        }
    }
    let components = description.components.get_or_insert_default();
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description = Some("A token of this server, or one of its identity provider (JWT)".to_owned());
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    let cookie = "The console's; writes need the header x-umbra-csrf with what GET /api/v1/me says";
    let cookie = ApiKeyValue::with_description("umbra_session", cookie);
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    for (name, response) in [
        (
            "Unauthenticated",
            problem("Nobody said who asks, or not so that it is believed").header("www-authenticate", text()),
        ),
        ("Malformed", problem("A parameter or a header is wrong")),
        ("Forbidden", problem("Who asks may not")),
        (
            "TooManyRequests",
            problem("Too many failed attempts from there, or too many writes of this caller")
                .header("retry-after", text()),
        ),
    ] {
        components.responses.insert(name.to_owned(), RefOr::T(response.build()));
    }
}

fn guarded(operation: &mut Operation) {
    let none: [&str; 0] = [];
    operation.security =
        Some(vec![SecurityRequirement::new("token", none), SecurityRequirement::new("session", none)]);
    if operation.parameters.is_some() {
        let refused = RefOr::<Response>::Ref(Ref::from_response_name("Malformed"));
        operation.responses.responses.entry("400".to_owned()).or_insert(refused);
    }
    for (status, name) in [("401", "Unauthenticated"), ("403", "Forbidden"), ("429", "TooManyRequests")] {
        let refused = RefOr::<Response>::Ref(Ref::from_response_name(name));
        operation.responses.responses.entry(status.to_owned()).or_insert(refused);
    }
}

fn problem(words: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(words).content("application/problem+json", content)
}

fn text() -> utoipa::openapi::Header {
    HeaderBuilder::new().schema(Some(schema::Object::with_type(schema::Type::String))).build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
        (Method::PATCH, &mut item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}
