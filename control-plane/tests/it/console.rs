//! The console's pages, as a browser gets them.

use reqwest::{Method, Response, StatusCode};

use crate::support::{TestServer, folder, soon};

async fn get(server: &TestServer, path: &str) -> Response {
    soon(server.api.request(Method::GET, path).send()).await.unwrap()
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[tokio::test]
async fn every_page_is_the_console_and_says_what_may_run() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    for path in ["/", "/nodes", "/stamps", "/audit", "/tokens", "/sign-in", "/shadows/checkout-v2"] {
        let response = get(&server, path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&response, "cache-control"), "no-cache");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        let policy = header(&response, "content-security-policy").to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(response.text().await.unwrap().contains("<title>Umbra</title>"), "{path}");
    }
}

#[tokio::test]
async fn what_the_page_is_made_of_is_kept_by_browsers_for_long() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    let index = get(&server, "/").await.text().await.unwrap();
    for (start, kind) in [("src=\"/assets/", "text/javascript"), ("href=\"/assets/", "text/css")] {
        let name = index.split(start).nth(1).unwrap().split('"').next().unwrap();
        let path = format!("/assets/{name}");
        let response = get(&server, &path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(header(&response, "content-type").starts_with(kind), "{path}");
        assert!(header(&response, "cache-control").contains("immutable"), "{path}");
        let tag = header(&response, "etag").to_owned();
        let again = server.api.request(Method::GET, &path).header("if-none-match", format!("\"x\", W/{tag}"));
        assert_eq!(soon(again.send()).await.unwrap().status(), StatusCode::NOT_MODIFIED);
    }
    assert_eq!(get(&server, "/assets/none.js").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_no_page_is_the_apis_to_refuse() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    for path in ["/nowhere", "/api/v1/nowhere", "/shadows/a/b"] {
        let response = get(&server, path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header(&response, "content-type"), "application/problem+json", "{path}");
    }
}
