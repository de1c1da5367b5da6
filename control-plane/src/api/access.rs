//! What each route asks of whoever calls it: the one table.
//!
//! The guard in front of the API looks a request up here before any handler sees it. What is not in the table is for admins
//! alone, so that a route that was forgotten is closed; and a test finds it.

use axum::http::Method;

use crate::model::access::Role;

/// What a route asks of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Public,
    /// This role at least.
    Role(Role),
}

/// A method and a path, and what they ask.
#[derive(Clone, Debug)]
pub struct Route {
    /// `GET` also stands for `HEAD`.
    pub method: Method,
    /// As in the API's description, with its placeholders.
    pub path: &'static str,
    /// What it asks.
    pub need: Need,
}

const PUBLIC: Need = Need::Public;
const VIEWER: Need = Need::Role(Role::Viewer);
const OPERATOR: Need = Need::Role(Role::Operator);
const ADMIN: Need = Need::Role(Role::Admin);

/// Every route. The handlers of some ask for more: an operator moves only what is in its scope, and applies only what
/// is a dry run.
pub const ROUTES: &[Route] = &[
    // What an orchestrator and a stranger may know: that the server lives, and what it could be asked.
    route(Method::GET, "/livez", PUBLIC),
    route(Method::GET, "/readyz", PUBLIC),
    route(Method::GET, "/version", PUBLIC),
    route(Method::GET, "/api/v1/openapi.json", PUBLIC),
    // Its labels name what is shadowed.
    route(Method::GET, "/metrics", VIEWER),
    route(Method::GET, "/api/v1/stamps", VIEWER),
    route(Method::GET, "/api/v1/stamps/{name}", VIEWER),
    route(Method::PUT, "/api/v1/stamps/{name}", ADMIN),
    route(Method::DELETE, "/api/v1/stamps/{name}", ADMIN),
    route(Method::GET, "/api/v1/shadows", VIEWER),
    route(Method::GET, "/api/v1/shadows/{name}", VIEWER),
    route(Method::PUT, "/api/v1/shadows/{name}", ADMIN),
    route(Method::DELETE, "/api/v1/shadows/{name}", ADMIN),
    route(Method::PATCH, "/api/v1/shadows/{name}/valve", OPERATOR),
    route(Method::GET, "/api/v1/shadows/{name}/report", VIEWER),
    route(Method::GET, "/api/v1/shadows/{name}/verdict", VIEWER),
    route(Method::GET, "/api/v1/shadows/{name}/pairs", VIEWER),
    route(Method::GET, "/api/v1/shadows/{name}/history", VIEWER),
    route(Method::GET, "/api/v1/board", VIEWER),
    route(Method::GET, "/api/v1/events", VIEWER),
    route(Method::GET, "/api/v1/config-dump", ADMIN),
    // It changes nothing.
    route(Method::POST, "/api/v1/explain", VIEWER),
    route(Method::POST, "/api/v1/apply", OPERATOR),
    route(Method::GET, "/api/v1/nodes", VIEWER),
    route(Method::GET, "/api/v1/audit", VIEWER),
    route(Method::GET, "/api/v1/audit/verify", VIEWER),
    route(Method::GET, "/api/v1/me", VIEWER),
    // Whoever begins a session is nobody yet.
    route(Method::POST, "/api/v1/session", PUBLIC),
    route(Method::DELETE, "/api/v1/session", VIEWER),
    route(Method::GET, "/api/v1/tokens", ADMIN),
    route(Method::POST, "/api/v1/tokens", ADMIN),
    route(Method::DELETE, "/api/v1/tokens/{id}", ADMIN),
];

const fn route(method: Method, path: &'static str, need: Need) -> Route {
    Route { method, path, need }
}

/// What the route with this `method` and `path` asks.
pub fn need(method: &Method, path: &str) -> Need {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let found = ROUTES.iter().find(|route| route.method == *method && route.path == path);
    found.map_or(ADMIN, |route| route.need)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_stands_once_and_what_does_not_is_for_admins() {
        for (index, route) in ROUTES.iter().enumerate() {
            let first =
                ROUTES.iter().position(|other| (&other.method, other.path) == (&route.method, route.path));
            assert_eq!(first, Some(index), "{route:?}");
            assert_eq!(need(&route.method, route.path), route.need);
        }
        assert_eq!(need(&Method::HEAD, "/livez"), PUBLIC);
        assert_eq!(need(&Method::DELETE, "/livez"), ADMIN);
        assert_eq!(need(&Method::GET, "/api/v1/forgotten"), ADMIN);
    }
}
