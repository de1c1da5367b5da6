//! The web console: pages that are part of the program, and talk to the API as every other client does.

mod files;
mod headers;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::console::files::File;

/// Where the console's pages are. Which one is shown is decided in the browser.
///
/// **Invariant:** these are the routes of `control-plane/console/src/app/app.tsx`, and none of them is the API's.
const PAGES: [&str; 7] = ["/", "/nodes", "/stamps", "/audit", "/tokens", "/sign-in", "/shadows/{name}"];

/// The pages and what they are made of. Any other path is for others to answer.
pub fn router() -> Router {
    let mut router = Router::new().route("/icon.svg", get(icon)).route("/assets/{name}", get(asset));
    for page in PAGES {
        router = router.route(page, get(index));
    }
    router.layer(middleware::map_response(headers::secure))
}

async fn index(headers: HeaderMap) -> Response {
    answer("index.html", &headers)
}

async fn icon(headers: HeaderMap) -> Response {
    answer("icon.svg", &headers)
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    answer(&format!("assets/{name}"), &headers)
}

fn answer(path: &str, headers: &HeaderMap) -> Response {
    let Some(file) = files::find(path) else { return StatusCode::NOT_FOUND.into_response() };
    let File { bytes, tag, kind, caching } = file;
    let about = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, caching.to_owned())];
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    if known.flat_map(|value| value.split(',')).any(|value| fits(value.trim(), &tag)) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, [(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response()
}

/// RFC 9110, section 13.1.2: the weak comparison.
fn fits(listed: &str, tag: &str) -> bool {
    listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == tag
}
