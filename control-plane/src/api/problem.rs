//! Refusals, as RFC 9457 problem details.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tracing::error;
use umbra_resource::Problem as FieldProblem;
use utoipa::ToSchema;

use crate::model::command::Rejection;
use crate::store::error::{Cause, StoreError, WriteError};

/// Why a request was refused (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Problem {
    /// What kind of problem it is, for programs: `urn:umbra:problem:` and a word.
    #[serde(rename = "type")]
    #[schema(example = "urn:umbra:problem:invalid-resource")]
    pub(crate) kind: String,
    /// The same for people.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What is wrong this time.
    pub(crate) detail: String,
    /// Every field that is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldError>,
}

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FieldError {
    /// The resource, as `Shadow/checkout-v2`, if it is one of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<String>,
    /// Where, as `spec.match[0].path.regex`.
    pub(crate) field: String,
    /// What is wrong, and what would be right.
    pub(crate) message: String,
}

/// The kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Malformed,
    Unauthenticated,
    Forbidden,
    Csrf,
    Misdirected,
    TooManyRequests,
    Invalid,
    NotFound,
    MethodNotAllowed,
    Stale,
    InUse,
    TooLarge,
    UnsupportedMediaType,
    Timeout,
    Unavailable,
    Internal,
}

impl Kind {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Kind::Malformed => (StatusCode::BAD_REQUEST, "malformed", "The request cannot be read"),
            Kind::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated", "Say who you are"),
            Kind::Csrf => (StatusCode::FORBIDDEN, "csrf", "The request may be another site's"),
            Kind::Misdirected => {
                (StatusCode::MISDIRECTED_REQUEST, "misdirected", "The server has another name")
            }
            Kind::TooManyRequests => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Wait before you try again")
            }
            Kind::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "You may not"),
            Kind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-resource", "A resource is invalid"),
            Kind::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Kind::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here")
            }
            Kind::Stale => (StatusCode::PRECONDITION_FAILED, "stale", "The precondition does not hold"),
            Kind::InUse => (StatusCode::CONFLICT, "in-use", "The resource is still used"),
            Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Kind::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body's type is not supported",
            ),
            Kind::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "timeout", "The request took too long"),
            Kind::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The server cannot do it now")
            }
            Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed"),
        }
    }
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (status, word, title) = kind.parts();
        Problem {
            kind: format!("urn:umbra:problem:{word}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// Why the store does not serve, and what that means for whoever asked.
    fn of_store(cause: Cause, meaning: &str) -> Self {
        Problem::new(Kind::Unavailable, format!("{cause}; {meaning}; the server's log says more"))
    }

    /// One wrong field of a body that is no resource.
    pub(crate) fn field(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut problem = Problem::new(Kind::Invalid, format!("{field}: {message}"));
        problem.errors.push(FieldError { resource: None, field: field.to_owned(), message });
        problem
    }

    /// What is wrong with resources. `Malformed` if nothing could be read at all.
    pub(crate) fn of_resources(kind: Kind, problems: Vec<FieldProblem>) -> Self {
        let mut problem = Problem::new(kind, Rejection::Invalid(problems.clone()).to_string());
        problem.errors = problems
            .into_iter()
            .map(|FieldProblem { resource, field, message }| FieldError { resource, field, message })
            .collect();
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"umbra\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            Rejection::NotFound { .. } => Problem::new(Kind::NotFound, detail),
            Rejection::Stale { .. } => Problem::new(Kind::Stale, detail),
            Rejection::InUse { .. } => Problem::new(Kind::InUse, detail),
            Rejection::OutOfScope { .. } => Problem::new(Kind::Forbidden, detail),
            Rejection::Invalid(problems) => Problem::of_resources(Kind::Invalid, problems),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // The chain may hold paths and SQL: it belongs into the log, not to the client.
        error!(error = &error as &dyn std::error::Error, "the store failed a request");
        Problem::of_store(error.cause(), "read before you write again")
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Rejected(rejection) => rejection.into(),
            WriteError::Failed(error) => error.into(),
            // The writer has logged it.
            WriteError::Undone(error) => Problem::of_store(error.cause(), "nothing was changed"),
        }
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Problem::new(Kind::Malformed, rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Problem::new(Kind::Malformed, rejection.body_text())
    }
}
