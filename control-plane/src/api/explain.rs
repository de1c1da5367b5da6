//! What a request would get under the resources as they are now.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use serde::Deserialize;
use umbra_policy::BodyLength;
use umbra_resource::NodeAttributes;
use umbra_resource::explain::{self, ExplainRequest, Explanation};
use utoipa::ToSchema;

use crate::api::problem::{Kind, Problem};
use crate::api::query::NoQuery;
use crate::api::schema::explain::ExplanationDocument;
use crate::api::{ApiContext, body};

/// Headers that a node does not take from the list of headers, and what stands for each.
const HAS_ITS_FIELD: [(&str, &str); 4] = [
    ("host", "request.host"),
    (":authority", "request.host"),
    ("content-length", "request.body_bytes"),
    ("transfer-encoding", "request.body_bytes"),
];

/// A request, and the node that it comes to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainQuestion {
    /// The request.
    request: AskedRequest,
    /// The node. Left out: one of which nothing is known.
    node: Option<AskedNode>,
}

/// A request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedRequest {
    /// With or without a port.
    #[schema(example = "shop.example.com")]
    host: String,
    /// With its query.
    #[schema(example = "/api/cart?page=2")]
    path: String,
    /// `GET` if left out.
    method: Option<String>,
    /// Names and values, in order; a name may stand several times.
    #[serde(default)]
    #[schema(required = false, example = json!([["x-tenant", "acme"]]))]
    headers: Vec<[String; 2]>,
    /// Names and values.
    #[serde(default)]
    #[schema(required = false, example = json!([["session", "abc"]]))]
    cookies: Vec<[String; 2]>,
    /// The address that it comes from.
    #[schema(value_type = Option<String>)]
    source_ip: Option<IpAddr>,
    /// How long its body is; none if left out.
    #[schema(format = "uint64")]
    body_bytes: Option<u64>,
}

/// A node, as Envoy's `node` says.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedNode {
    id: Option<String>,
    cluster: Option<String>,
    zone: Option<String>,
    region: Option<String>,
    #[serde(default)]
    #[schema(required = false)]
    metadata: BTreeMap<String, String>,
}

/// What a request would get
///
/// On a node, under the resources as they are now: by the same code that decides in the filter.
#[utoipa::path(post, path = "/api/v1/explain", tag = "operation", request_body = ExplainQuestion, responses(
    (status = 200, description = "Which stamps and shadows, and why not", body = ExplanationDocument),
    (status = 400, description = "Not readable", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "Invalid", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn explain(
    State(context): State<ApiContext>,
    query: Result<Query<NoQuery>, QueryRejection>,
    request: Request,
) -> Result<Json<Explanation>, Problem> {
    query?;
    let (parts, body) = request.into_parts();
    let ExplainQuestion { request, node } =
        body::json(&parts.headers, body, context.limits.resource_bytes).await?;
    for [name, _] in &request.headers {
        let name = name.to_ascii_lowercase();
        if let Some((_, field)) = HAS_ITS_FIELD.iter().find(|(known, _)| *known == name) {
            return Err(Problem::field("request.headers", format!("{name} is not taken here: give {field}")));
        }
    }
    let AskedNode { id, cluster, zone, region, metadata } = node.unwrap_or_default();
    let known = Option::unwrap_or_default;
    let node = NodeAttributes {
        id: known(id),
        cluster: known(cluster),
        zone: known(zone),
        region: known(region),
        metadata,
    };
    let asked = ExplainRequest {
        method: request.method.unwrap_or_else(|| "GET".to_owned()),
        host: request.host,
        path: request.path,
        headers: request.headers.into_iter().map(|[name, value]| (name, value.into_bytes())).collect(),
        cookies: request.cookies.into_iter().map(|[name, value]| (name, value)).collect(),
        source_ip: request.source_ip,
        body: request.body_bytes.map_or(BodyLength::None, BodyLength::Known),
    };
    let state = context.store.state();
    // Ten thousand stamps take long enough to hold up others.
    let explained = tokio::task::spawn_blocking(move || explain::explain(state.set(), &node, &asked));
    let explained = explained.await.map_err(|_| Problem::new(Kind::Internal, "it cannot be explained"))?;
    explained.map(Json).map_err(|problems| Problem::of_resources(Kind::Invalid, problems))
}
