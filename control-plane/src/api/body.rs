//! Bodies: bounded, of a type that is understood, and read into resources.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use umbra_resource::Resource;

use crate::api::problem::{Kind, Problem};

/// Reads one resource or several, in JSON or YAML.
pub(crate) async fn resources(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Vec<Resource>, Problem> {
    let format = format(headers)?;
    let text = text(body, limit).await?;
    // Reading some megabytes takes long enough to hold up others.
    let read = tokio::task::spawn_blocking(move || match format {
        Format::Json => umbra_resource::from_json(&text),
        Format::Yaml => umbra_resource::from_yaml(&text),
    });
    let read = read.await.map_err(|_| Problem::new(Kind::Internal, "reading the body failed"))?;
    read.map_err(|problems| {
        // What names no field is about text that is no resource at all.
        let unreadable = problems.iter().all(|problem| problem.field.is_empty());
        let kind = if unreadable { Kind::Malformed } else { Kind::Invalid };
        Problem::of_resources(kind, problems)
    })
}

/// Reads a JSON object. What is not JSON is malformed; what does not fit `T` is invalid.
pub(crate) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<T, Problem> {
    if format(headers)? != Format::Json {
        return Err(unsupported("application/json"));
    }
    let text = text(body, limit).await?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| Problem::new(Kind::Malformed, error.to_string()))?;
    serde_json::from_value(value).map_err(|error| Problem::new(Kind::Invalid, error.to_string()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Yaml,
}

/// A body without a type is refused too: a web page can make a browser send one across origins without asking first.
fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    const TYPES: &str = "application/json or application/yaml";
    let value = headers.get(header::CONTENT_TYPE).ok_or_else(|| unsupported(TYPES))?;
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    match essence.trim().to_ascii_lowercase().as_str() {
        "application/json" | "application/merge-patch+json" => Ok(Format::Json),
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Ok(Format::Yaml),
        _ => Err(unsupported(TYPES)),
    }
}

fn unsupported(types: &str) -> Problem {
    Problem::new(Kind::UnsupportedMediaType, format!("give the body as {types}, and say so in content-type"))
}

async fn text(body: Body, limit: usize) -> Result<String, Problem> {
    let bytes = match Limited::new(body, limit).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(Problem::new(Kind::TooLarge, format!("at most {limit} bytes are taken here")));
        }
        Err(_) => return Err(Problem::new(Kind::Malformed, "the body ended early")),
    };
    String::from_utf8(bytes.into()).map_err(|_| Problem::new(Kind::Malformed, "the body is not UTF-8"))
}
