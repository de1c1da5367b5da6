//! A server on free ports with a database of its own, and a client for its API.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use umbra_control_plane::app::config::Config;
use umbra_control_plane::app::options::ServeOptions;
use umbra_control_plane::app::server::Server;

/// Far more than anything here takes, so that only what hangs runs into it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A stamp `checkout` and a shadow `checkout-v2` at 5 %.
pub(crate) const CHECKOUT: &str = r#"
apiVersion: umbra/v1
kind: Stamp
metadata: {name: checkout}
spec:
  match:
    - hosts: [shop.example.com]
---
apiVersion: umbra/v1
kind: Shadow
metadata: {name: checkout-v2, labels: {team: cart}}
spec:
  stamps: [checkout]
  target: {cluster: checkout-v2}
  percent: 5
"#;

pub(crate) struct TestServer {
    pub(crate) api: Api,
    pub(crate) xds: SocketAddr,
    pub(crate) stop: CancellationToken,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl TestServer {
    /// On the database in `folder`; it asks nobody who they are.
    pub(crate) async fn start(folder: &Path) -> TestServer {
        let dev = Some("true".to_owned());
        Self::start_with(folder, ServeOptions { dev, ..ServeOptions::default() }).await
    }

    /// With these options, apart from the ports and the database.
    pub(crate) async fn start_with(folder: &Path, options: ServeOptions) -> TestServer {
        let options = ServeOptions {
            listen_api: Some("127.0.0.1:0".to_owned()),
            listen_xds: Some("127.0.0.1:0".to_owned()),
            database_url: Some(format!("sqlite://{}", database(folder).display())),
            ..options
        };
        let config = Config::resolve(&options, |_| None, |_| unreachable!()).unwrap();
        let server = Server::start(config).await.unwrap();
        TestServer {
            api: Api::at(format!("http://{}", server.api_address())),
            xds: server.xds_address(),
            stop: server.stop_handle(),
            ended: tokio::spawn(server.ended()),
        }
    }

    /// One that asks for tokens, and a client with the first admin's.
    pub(crate) async fn guarded(folder: &Path, options: ServeOptions) -> TestServer {
        let file = folder.join("first-token");
        let bootstrap_token_file = Some(file.display().to_string());
        let mut server = Self::start_with(folder, ServeOptions { bootstrap_token_file, ..options }).await;
        server.api.token = Some(std::fs::read_to_string(file).unwrap().trim().to_owned());
        server
    }

    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        self.stop.cancel();
        soon(self.ended).await.unwrap()
    }
}

pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join("umbra.db")
}

/// Does something to the database behind the server's back.
pub(crate) async fn sql(folder: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(database(folder)).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    sqlx::query(statement).execute(&pool).await.unwrap();
    pool.close().await;
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Waits for `future`, but not for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it took too long")
}

/// Asks until `look` has an answer.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> T {
    soon(async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) client: reqwest::Client,
    pub(crate) base: String,
    /// Shown with every request.
    pub(crate) token: Option<String>,
}

impl Api {
    pub(crate) fn at(base: String) -> Api {
        // What the tests speak TLS with; the server names its own.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Api { client: reqwest::Client::builder().no_proxy().build().unwrap(), base, token: None }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The same server, to somebody else.
    pub(crate) fn with(&self, token: Option<&str>) -> Api {
        Api { token: token.map(str::to_owned), ..self.clone() }
    }

    /// Makes a token; what the API answers.
    pub(crate) async fn token(&self, wanted: Value) -> Value {
        let response =
            self.send(Method::POST, "/api/v1/tokens", "application/json", &wanted.to_string()).await;
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = soon(self.request(Method::GET, path).send()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    pub(crate) async fn send(&self, method: Method, path: &str, kind: &str, body: &str) -> Response {
        let request = self.request(method, path).header("content-type", kind).body(body.to_owned());
        soon(request.send()).await.unwrap()
    }

    pub(crate) async fn apply(&self, yaml: &str) -> Value {
        let response = self.send(Method::POST, "/api/v1/apply", "application/yaml", yaml).await;
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// Moves the valve of `checkout-v2`; the revision that this makes.
    pub(crate) async fn valve(&self, percent: f64) -> u64 {
        let body = json!({ "percent": percent }).to_string();
        let path = "/api/v1/shadows/checkout-v2/valve";
        let response = self.send(Method::PATCH, path, "application/json", &body).await;
        assert_eq!(response.status(), StatusCode::OK);
        let shadow: Value = response.json().await.unwrap();
        shadow["metadata"]["revision"].as_u64().unwrap()
    }

    /// The one node there is, once `fits` it.
    pub(crate) async fn node(&self, fits: impl Fn(&Value) -> bool) -> Value {
        until(|| async {
            let nodes = self.get("/api/v1/nodes").await;
            nodes["items"].get(0).filter(|node| fits(node)).cloned()
        })
        .await
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).rsplit(' ').next().unwrap().parse().unwrap()
    }
}
