//! Tokens of an identity provider, which is a small server here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::sync::watch;
use umbra_control_plane::app::options::ServeOptions;

use crate::api::problem;
use crate::support::{Api, CHECKOUT, TestServer, folder, soon, until};

const ISSUER: &str = "https://id.example.com";
const VALVE: &str = "/api/v1/shadows/checkout-v2/valve";

/// A key that tokens are signed with.
struct Signer {
    id: &'static str,
    pair: EcdsaKeyPair,
}

impl Signer {
    fn new(id: &'static str) -> Signer {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Signer { id, pair: EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap() }
    }

    fn public(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.id, "x": encode(x), "y": encode(y)})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token that is good, apart from what `more` makes of its claims.
    fn token(&self, more: Value) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": ["umbra", "other"], "sub": "ann", "exp": now() + 600, "realm": {"roles": ["x", "operator"]},
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.sign(&json!({"alg": "ES256", "kid": self.id}), &claims)
    }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Where keys are had from.
struct Provider {
    keys: watch::Sender<Option<Value>>,
    asked: Arc<AtomicUsize>,
    url: String,
}

impl Provider {
    /// With these keys; with none, it fails.
    async fn start(keys: Option<Value>) -> Provider {
        let (keys, shown) = watch::channel(keys);
        let asked = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&asked);
        let answer = move || {
            count.fetch_add(1, Ordering::Relaxed);
            let keys = shown.borrow().clone();
            async move { keys.map(|keys| keys.to_string()).ok_or(StatusCode::INTERNAL_SERVER_ERROR) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let router = Router::new().route("/keys", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Provider { keys, asked, url }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn options(jwks: &str) -> ServeOptions {
    ServeOptions {
        oidc_issuer: Some(ISSUER.to_owned()),
        oidc_audience: Some("umbra".to_owned()),
        oidc_jwks: Some(jwks.to_owned()),
        oidc_role_claim: Some("realm.roles".to_owned()),
        oidc_scope_claim: Some("shadows".to_owned()),
        ..ServeOptions::default()
    }
}

async fn me(api: &Api) -> reqwest::Response {
    soon(api.request(Method::GET, "/api/v1/me").send()).await.unwrap()
}

async fn valve(api: &Api) -> reqwest::Response {
    api.send(Method::PATCH, VALVE, "application/json", r#"{"percent": 10}"#).await
}

#[tokio::test]
async fn claims_say_who_somebody_is_and_what_they_may() {
    let folder = folder();
    let signer = Signer::new("one");
    let provider = Provider::start(Some(json!({"keys": [signer.public()]}))).await;
    let server = TestServer::guarded(folder.path(), options(&provider.url)).await;
    server.api.apply(CHECKOUT).await;
    let with = |claims: Value| server.api.with(Some(&signer.token(claims)));

    let ann = with(json!({"shadows": "team=cart"}));
    let known: Value = me(&ann).await.json().await.unwrap();
    assert_eq!((&known["name"], &known["role"]), (&json!("oidc:ann"), &json!("operator")));
    assert_eq!((&known["via"], &known["scope"]), (&json!("oidc"), &json!({"selector": "team=cart"})));
    assert!(known["expires_at"].is_string(), "{known}");
    assert_eq!(valve(&ann).await.status(), 200);
    assert_eq!(server.api.get("/api/v1/audit?action=valve").await["items"][0]["actor"], "oidc:ann");
    assert_eq!(valve(&with(json!({"shadows": ["a", "checkout-v2"]}))).await.status(), 200);
    problem(valve(&with(json!({"shadows": ["a"]}))).await, 403, "forbidden").await;
    problem(valve(&with(json!({"realm": {"roles": "viewer"}}))).await, 403, "forbidden").await;
    let boss = with(json!({"realm": {"roles": ["viewer", "admin"]}}));
    assert_eq!(boss.get("/api/v1/tokens").await["items"].as_array().unwrap().len(), 1);

    for (claims, words) in [
        (json!({}), "has no scope in its claim shadows: is not there"),
        (json!({"realm": {"roles": ["root"]}}), "has no role in its claim realm.roles"),
        (json!({"sub": ""}), "has no name in its claim sub"),
    ] {
        let refused = problem(me(&with(claims)).await, 401, "unauthenticated").await;
        assert!(refused["detail"].as_str().unwrap().contains(words), "{refused}");
    }
    assert_eq!(provider.asked(), 1, "keys that are known are not asked for");
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_found() {
    let folder = folder();
    let (signer, stranger) = (Signer::new("one"), Signer::new("one"));
    let file = folder.path().join("keys.json");
    std::fs::write(&file, json!({"keys": [signer.public()]}).to_string()).unwrap();
    let good = json!({"realm": {"roles": "viewer"}});
    let of = |more: Value| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        signer.token(claims)
    };
    let unsigned = |header: Value| {
        let claims = json!({"iss": ISSUER, "aud": "umbra", "sub": "ann", "exp": now() + 600, "realm": {"roles": "admin"}});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", encode(&header), encode(&claims))
    };
    // What the public key signs as if it were a secret: the confusion of RFC 8725, 2.1.
    let by_secret = {
        let message = unsigned(json!({"alg": "HS256", "kid": "one"}));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, signer.pair.public_key().as_ref());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes())))
    };
    let cut = of(json!({}));
    let (head, _) = cut.rsplit_once('.').unwrap();
    let cases = [
        (of(json!({"exp": now() - 90})), "ExpiredSignature"),
        (of(json!({"nbf": now() + 90})), "ImmatureSignature"),
        (of(json!({"iss": "https://id.example.org"})), "InvalidIssuer"),
        (of(json!({"aud": "other"})), "InvalidAudience"),
        (stranger.token(good.clone()), "InvalidSignature"),
        (format!("{head}."), "InvalidSignature"),
        (format!("{}.", unsigned(json!({"alg": "none", "kid": "one"}))), "cannot be read"),
        (by_secret, "is signed with a secret"),
        (signer.sign(&json!({"alg": "ES384", "kid": "one"}), &good), "is not good"),
        (signer.sign(&json!({"alg": "RS256", "kid": "one"}), &good), "a key that the provider does not have"),
        (
            signer.sign(&json!({"alg": "ES256", "kid": "one", "crit": ["b64"], "b64": false}), &good),
            "asks for an extension",
        ),
        (signer.sign(&json!({"alg": "ES256", "kid": "two"}), &good), "a key that the provider does not have"),
        (signer.sign(&json!({"alg": "ES256", "kid": "one"}), &json!({"iss": ISSUER, "aud": "umbra"})), "exp"),
    ];
    // Ten attempts from one address are told what is wrong.
    for some in cases.chunks(5) {
        let own = crate::support::folder();
        let server = TestServer::guarded(own.path(), options(&file.display().to_string())).await;
        for (token, words) in some {
            let refused = problem(me(&server.api.with(Some(token))).await, 401, "unauthenticated").await;
            assert!(refused["detail"].as_str().unwrap().contains(words), "{words}: {refused}");
        }
        // The clocks of two machines are not the same.
        for claims in [json!({"exp": now() - 20}), json!({"nbf": now() + 20})] {
            assert_eq!(me(&server.api.with(Some(&of(claims)))).await.status(), 200);
        }
        // A token names no key where there is only one.
        let nameless = json!({"iss": ISSUER, "aud": "umbra", "sub": "ann", "exp": now() + 600, "realm": {"roles": "viewer"}});
        let nameless = signer.sign(&json!({"alg": "ES256"}), &nameless);
        assert_eq!(me(&server.api.with(Some(&nameless))).await.status(), 200);
    }
}

/// Strangers make up ids of keys, and the provider is asked once; while it is down, it is only its own tokens that are
/// not believed.
#[tokio::test]
async fn the_provider_is_asked_seldom_and_may_be_down() {
    let folder = folder();
    let viewer = json!({"realm": {"roles": "viewer"}});
    let (one, two) = (Signer::new("one"), Signer::new("two"));
    let provider = Provider::start(None).await;
    let server = TestServer::guarded(folder.path(), options(&provider.url)).await;
    let ann = server.api.with(Some(&one.token(viewer.clone())));
    for _ in 0..20 {
        let refused = problem(me(&ann).await, 401, "unauthenticated").await;
        assert_eq!(refused["detail"], "the identity provider's keys cannot be had now");
        assert_eq!(me(&server.api).await.status(), 200);
    }
    assert_eq!(provider.asked(), 1, "and it is no attempt to get in");

    // It is asked again after ten seconds; the next key after another ten.
    provider.keys.send_replace(Some(json!({"keys": [one.public(), two.public()]})));
    until(|| async { (me(&ann).await.status() == 200).then_some(()) }).await;
    assert_eq!(me(&server.api.with(Some(&two.token(viewer.clone())))).await.status(), 200);
    assert_eq!(provider.asked(), 2);
    provider.keys.send_replace(None);
    let stranger = server.api.with(Some(&Signer::new("three").token(viewer)));
    for _ in 0..3 {
        problem(me(&stranger).await, 401, "unauthenticated").await;
    }
    assert_eq!(provider.asked(), 2, "it was just asked");
    assert_eq!(me(&ann).await.status(), 200, "what is known goes on");
}

#[tokio::test]
async fn keys_in_a_file_must_be_there() {
    let folder = folder();
    let all =
        ["--listen-api=127.0.0.1:0", "--listen-xds=127.0.0.1:0", "--oidc-issuer=a", "--oidc-audience=b"];
    let with = |jwks: &str| {
        let jwks = format!("--oidc-jwks={jwks}");
        crate::process::run(folder.path(), &[&all[..], &[jwks.as_str()]].concat())
    };
    let (code, log) = with("none.json");
    assert_eq!(code, Some(1));
    assert!(log.contains("cannot read none.json"), "{log}");
    std::fs::write(folder.path().join("bad.json"), "[]").unwrap();
    assert!(with("bad.json").1.contains("bad.json is no set of keys"));
    assert!(with("http://id.example.com/keys").1.contains("is not the place of keys"));
    let (code, log) = crate::process::run(folder.path(), &all);
    assert_eq!(code, Some(1));
    assert!(log.contains("need all of --oidc-issuer, --oidc-audience, --oidc-jwks"), "{log}");
}
