//! Changes of who gets in, when whoever asked for them is gone, and when the database fails.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use axum::http::HeaderMap;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use umbra_control_plane::access::bootstrap::Bootstrap;
use umbra_control_plane::access::oidc::OidcOptions;
use umbra_control_plane::access::oidc::keys::Source;
use umbra_control_plane::access::{Access, AccessOptions};
use umbra_control_plane::model::access::token::{Grant, NewToken};
use umbra_control_plane::model::audit::{AuditFilter, Origin};
use umbra_control_plane::store::metrics::StoreMetrics;
use umbra_control_plane::store::{DatabaseUrl, Store};

use crate::support::{database, folder, soon, sql, until};

/// What a server knows of who gets in.
struct Server {
    store: Store,
    access: Arc<Access>,
}

impl Server {
    async fn open(folder: &Path) -> Server {
        Server::open_with(folder, None).await
    }

    async fn open_with(folder: &Path, oidc: Option<OidcOptions>) -> Server {
        let metrics = StoreMetrics::register(&mut Registry::default());
        let url = DatabaseUrl::from(database(folder));
        let store = Store::open(&url, [0; 16], |_| Ok(()), metrics).await.unwrap();
        let options = AccessOptions { key_file: folder.join("key"), oidc, ..AccessOptions::default() };
        let access = Arc::new(Access::open(store.access(), options).await.unwrap());
        Server { store, access }
    }

    async fn again(self, folder: &Path) -> Server {
        self.store.close().await;
        drop(self);
        Server::open(folder).await
    }

    /// A viewer's token: its id and its text.
    async fn viewer(&self) -> (String, String) {
        let (token, text) = self.access.create(viewer(), &Origin::default()).await.unwrap();
        (token.id, text)
    }

    async fn lets_in(&self, text: &str) -> bool {
        self.access.authenticate(&headers("authorization", &format!("Bearer {text}")), None).await.is_ok()
    }

    /// What the server does now and then, once more.
    async fn keep(&self) {
        let stop = CancellationToken::new();
        stop.cancel();
        soon(Arc::clone(&self.access).keep(stop)).await;
    }

    /// The last change of a token in the audit trail.
    async fn last(&self) -> (String, String) {
        let tokens = AuditFilter { kind: Some("Token".to_owned()), ..AuditFilter::default() };
        let rows = self.store.audit(&tokens, 1, None).await.unwrap();
        (rows[0].record.action.clone(), rows[0].record.name.clone())
    }
}

fn headers(name: &'static str, value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(name, value.parse().unwrap());
    headers
}

fn viewer() -> NewToken {
    NewToken { name: "v".to_owned(), grant: Grant::of("viewer", None).unwrap(), expires_ms: None }
}

/// Asks, and hangs up when that has only just begun.
async fn hang_up(asked: impl Future) {
    let mut asked = Box::pin(asked);
    assert!(futures::poll!(&mut asked).is_pending());
}

#[tokio::test]
async fn a_session_ends_on_disk_when_the_client_hangs_up() {
    let folder = folder();
    let server = Server::open(folder.path()).await;
    let (_, text) = server.viewer().await;
    let cookie = server.access.sign_in(&text, None).await.unwrap().cookie;
    let browser = headers("cookie", cookie.split(';').next().unwrap());
    server.access.authenticate(&browser, None).await.unwrap();
    hang_up(server.access.sign_out(&browser)).await;
    server.access.authenticate(&browser, None).await.unwrap_err();
    server.keep().await;
    let server = server.again(folder.path()).await;
    server.access.authenticate(&browser, None).await.unwrap_err();
}

#[tokio::test]
async fn a_change_is_made_to_its_end_when_the_client_hangs_up() {
    let folder = folder();
    let server = Server::open(folder.path()).await;
    let (id, text) = server.viewer().await;
    hang_up(server.access.revoke(&id, &Origin::default())).await;
    server.keep().await;
    assert!(!server.lets_in(&text).await);
    assert_eq!(server.last().await, ("revoke".to_owned(), "v".to_owned()));

    let new = NewToken { name: "w".to_owned(), ..viewer() };
    hang_up(server.access.create(new, &Origin::default())).await;
    server.keep().await;
    assert_eq!(server.last().await, ("create".to_owned(), "w".to_owned()));
    let known = server.access.tokens();
    assert_eq!(known.len(), 2, "it is there to be revoked");

    let server = server.again(folder.path()).await;
    assert!(!server.lets_in(&text).await);
    assert_eq!(server.access.tokens(), known);
}

#[tokio::test]
async fn a_revocation_that_cannot_be_written_is_none() {
    let folder = folder();
    let server = Server::open(folder.path()).await;
    let (id, text) = server.viewer().await;
    sql(folder.path(), "CREATE TRIGGER no BEFORE UPDATE ON token BEGIN SELECT RAISE(ABORT, 'no'); END").await;
    server.access.revoke(&id, &Origin::default()).await.unwrap_err();
    assert!(server.lets_in(&text).await, "it was told that it failed");
    assert!(server.store.trouble().is_some(), "and so is /readyz");
    sql(folder.path(), "DROP TRIGGER no").await;
    assert!(server.access.revoke(&id, &Origin::default()).await.unwrap());
    assert!(server.store.trouble().is_none());
    assert!(!server.lets_in(&text).await);
    assert_eq!(server.last().await.0, "revoke");
}

/// As long as nobody can say whether a token is revoked, it is; then the disk has the last word.
#[tokio::test]
async fn a_token_in_doubt_lets_nobody_in() {
    let folder = folder();
    let server = Server::open(folder.path()).await;
    let (id, text) = server.viewer().await;
    let lose = "ALTER TABLE token RENAME TO elsewhere";
    let find = "ALTER TABLE elsewhere RENAME TO token";
    for is_revoked in [false, true] {
        sql(folder.path(), lose).await;
        for _ in 0..2 {
            server.access.revoke(&id, &Origin::default()).await.unwrap_err();
            assert!(!server.lets_in(&text).await);
        }
        server.keep().await;
        assert!(!server.lets_in(&text).await);
        if is_revoked {
            sql(folder.path(), "UPDATE elsewhere SET revoked_ms = 1").await;
        }
        sql(folder.path(), find).await;
        server.keep().await;
        assert_eq!(server.lets_in(&text).await, !is_revoked);
    }
    assert!(server.access.revoke(&id, &Origin::default()).await.unwrap());
    assert_eq!(server.last().await.0, "create", "it was revoked before");

    let (id, text) = server.viewer().await;
    sql(folder.path(), lose).await;
    server.access.revoke(&id, &Origin::default()).await.unwrap_err();
    sql(folder.path(), find).await;
    assert!(server.access.revoke(&id, &Origin::default()).await.unwrap(), "asked again");
    assert!(!server.lets_in(&text).await);
    assert_eq!(server.last().await.0, "revoke");
}

#[tokio::test]
async fn every_write_says_whether_it_could_be_done() {
    let folder = folder();
    let server = Server::open(folder.path()).await;
    let (id, text) = server.viewer().await;
    let cookie = server.access.sign_in(&text, None).await.unwrap().cookie;
    let browser = headers("cookie", cookie.split(';').next().unwrap());
    let origin = Origin::default();
    for (table, other) in [("token", "elsewhere"), ("session", "aside")] {
        let rename = async |from: &str, to: &str| {
            let statement = format!("ALTER TABLE {from} RENAME TO {to}");
            sql(folder.path(), statement.leak()).await;
        };
        rename(table, other).await;
        let failed = match table {
            "token" => server.access.create(viewer(), &origin).await.is_err(),
            _ => server.access.sign_in(&text, None).await.is_err(),
        };
        assert!(failed && server.store.trouble().is_some(), "{table}");
        rename(other, table).await;
        server.viewer().await;
        assert!(server.store.trouble().is_none(), "{table}");
        rename(table, other).await;
        let failed = match table {
            "token" => server.access.revoke(&id, &origin).await.is_err(),
            _ => server.access.sign_out(&browser).await.1.is_err(),
        };
        assert!(failed && server.store.trouble().is_some(), "{table}");
        rename(other, table).await;
        server.keep().await;
        assert!(server.lets_in(&text).await);
    }
}

/// A failed sign-in is in the audit trail as soon as that can be written.
#[tokio::test]
async fn failed_sign_ins_wait_for_the_database() {
    let folder = folder();
    let server = Server::open(folder.path()).await;
    sql(folder.path(), "ALTER TABLE audit RENAME TO elsewhere").await;
    assert!(!server.lets_in("umbra").await);
    let stop = CancellationToken::new();
    let keeper = tokio::spawn(Arc::clone(&server.access).keep(stop.clone()));
    until(async || server.store.trouble()).await;
    assert!(!server.lets_in("umbra").await);
    sql(folder.path(), "ALTER TABLE elsewhere RENAME TO audit").await;
    until(async || server.store.trouble().is_none().then_some(())).await;
    stop.cancel();
    soon(keeper).await.unwrap();
    let rows = server.store.audit(&AuditFilter::default(), 10, None).await.unwrap();
    let attempts = rows.iter().map(|row| row.record.after.as_deref().unwrap());
    assert_eq!(attempts.collect::<Vec<_>>(), [r#"{"attempts":1}"#; 2]);
}

#[tokio::test]
async fn uses_wait_for_the_database() {
    let folder = folder();
    let server = Server::open(folder.path()).await;
    let (_, text) = server.viewer().await;
    assert!(server.lets_in(&text).await);
    sql(folder.path(), "ALTER TABLE token RENAME TO elsewhere").await;
    server.keep().await;
    sql(folder.path(), "ALTER TABLE elsewhere RENAME TO token").await;
    server.keep().await;
    let server = server.again(folder.path()).await;
    assert!(server.access.tokens()[0].last_used_ms.is_some());
}

/// Rows of spent tokens go after 90 days; the first admin's does not come back by that.
#[tokio::test]
async fn a_first_admin_who_was_revoked_does_not_come_back() {
    let folder = folder();
    let given = format!("umbra_first_{}", "4".repeat(64));
    let first = Bootstrap::Given(given.clone());
    let server = Server::open(folder.path()).await;
    server.access.bootstrap(&first).await.unwrap();
    assert!(server.lets_in(&given).await);
    assert!(server.access.revoke("first", &Origin::default()).await.unwrap());
    sql(folder.path(), "UPDATE token SET revoked_ms = 1").await;
    let server = server.again(folder.path()).await;
    server.viewer().await;
    let server = server.again(folder.path()).await;
    assert_eq!(server.access.tokens().len(), 1, "it was long ago");
    let refused = server.access.bootstrap(&first).await.unwrap_err();
    assert!(refused.to_string().contains("revoked or expired, and stays so"), "{refused}");
    server.store.close().await;
    drop(server);

    std::fs::write(folder.path().join("keys.json"), r#"{"keys": []}"#).unwrap();
    let oidc = OidcOptions {
        issuer: "https://id.example.com".to_owned(),
        audience: "umbra".to_owned(),
        jwks: Source::File(folder.path().join("keys.json")),
        role_claim: "role".to_owned(),
        scope_claim: None,
        name_claim: "sub".to_owned(),
    };
    let server = Server::open_with(folder.path(), Some(oidc)).await;
    assert_eq!(server.access.bootstrap(&first).await.unwrap(), None, "admins of the provider may come in");
    assert!(!server.lets_in(&given).await);

    server.store.access().forget_all(&Origin::default()).await.unwrap();
    let server = server.again(folder.path()).await;
    server.access.bootstrap(&first).await.unwrap();
    assert!(server.lets_in(&given).await, "a key was lost, and all begins anew");
}
