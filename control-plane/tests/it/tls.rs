//! TLS and mutual TLS on both listeners, with certificates made for the occasion.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use reqwest::{Certificate, Identity, Method};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tonic::transport::{
    Certificate as TonicCertificate, ClientTlsConfig, Endpoint, Identity as TonicIdentity,
};
use umbra_control_plane::app::config::Config;
use umbra_control_plane::app::options::ServeOptions;
use umbra_control_plane::app::server::Server;
use umbra_control_plane::listener::identity;
use umbra_control_plane::listener::tls::{Protocols, TlsFiles};

use crate::delta::{Delta, hello};
use crate::support::{Api, CHECKOUT, TestServer, folder, soon};

/// A certificate authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn server(&self) -> Pair {
        self.sign(CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap())
    }

    pub(crate) fn client(&self, common_name: &str, names: Vec<SanType>) -> Pair {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names = names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        Pair { cert: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Both listeners with TLS by `authority`, clients by `client_authority` if there is one.
async fn start(folder: &Path, authority: &Authority, client_authority: Option<&Authority>) -> TestServer {
    let pair = authority.server();
    let cert = Some(write(folder, "cert.pem", &pair.cert));
    let key = Some(write(folder, "key.pem", &pair.key));
    let ca = client_authority.map(|authority| write(folder, "ca.pem", &authority.pem));
    let options = ServeOptions {
        dev: Some("true".to_owned()),
        api_tls_cert: cert.clone(),
        api_tls_key: key.clone(),
        api_tls_client_ca: ca.clone(),
        xds_tls_cert: cert,
        xds_tls_key: key,
        xds_tls_client_ca: ca,
        ..ServeOptions::default()
    };
    let mut server = TestServer::start_with(folder, options).await;
    server.api.base = server.api.base.replace("http:", "https:");
    server
}

fn api(server: &TestServer, authority: &Authority, pair: Option<&Pair>) -> Api {
    let root = Certificate::from_pem(authority.pem.as_bytes()).unwrap();
    let mut client = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
    if let Some(Pair { cert, key }) = pair {
        client = client.identity(Identity::from_pem(format!("{cert}{key}").as_bytes()).unwrap());
    }
    Api { client: client.build().unwrap(), base: server.api.base.clone(), token: None }
}

pub(crate) fn xds(address: SocketAddr, authority: &Authority, pair: Option<&Pair>) -> Endpoint {
    let mut tls = ClientTlsConfig::new().ca_certificate(TonicCertificate::from_pem(&authority.pem));
    if let Some(Pair { cert, key }) = pair {
        tls = tls.identity(TonicIdentity::from_pem(cert, key));
    }
    Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap()
}

#[tokio::test]
async fn tls_shows_the_servers_certificate() {
    let folder = folder();
    let authority = Authority::new("mesh");
    let server = start(folder.path(), &authority, None).await;
    let trusting = api(&server, &authority, None);
    trusting.apply(CHECKOUT).await;
    assert_eq!(trusting.get("/api/v1/audit").await["items"][0]["actor"], "dev");
    let stranger = api(&server, &Authority::new("other"), None);
    soon(stranger.request(Method::GET, "/livez").send()).await.unwrap_err();
    let plain = Api::at(server.api.base.replace("https:", "http:"));
    soon(plain.request(Method::GET, "/livez").send()).await.unwrap_err();

    let channel = xds(server.xds, &authority, None).connect().await.unwrap();
    Delta::open_on(channel, hello("a")).await.unwrap().pushed().await;
    xds(server.xds, &Authority::new("other"), None).connect().await.unwrap_err();
}

#[tokio::test]
async fn mutual_tls_lets_in_whom_the_ca_signed_and_names_them() {
    let folder = folder();
    let (authority, people) = (Authority::new("mesh"), Authority::new("people"));
    let server = start(folder.path(), &authority, Some(&people)).await;
    const URI: &str = "spiffe://example.org/ci";
    const DNS: &str = "ci.example.org";
    let uri = SanType::URI(URI.try_into().unwrap());
    let dns = SanType::DnsName(DNS.try_into().unwrap());
    let cases = [
        (vec![dns.clone(), uri], "spiffe://example.org/ci", vec![DNS.to_owned(), URI.to_owned()]),
        (vec![dns], DNS, vec![DNS.to_owned()]),
        (vec![], "Ann Example", vec![]),
    ];
    for (index, (names, name, listed)) in cases.into_iter().enumerate() {
        let pair = people.client("Ann Example", names);
        let client = api(&server, &authority, Some(&pair));
        client.apply(&CHECKOUT.replace("percent: 5", &format!("percent: {index}"))).await;
        let der = CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap();
        assert_eq!((identity::of(&der), identity::names(&der)), (name.to_owned(), listed));
    }
    let forged = Authority::new("people").client("Ann Example", vec![]);
    for pair in [None, Some(&forged)] {
        let client = api(&server, &authority, pair);
        soon(client.request(Method::GET, "/livez").send()).await.unwrap_err();
        // With TLS 1.3 a client learns that it was refused only when it reads.
        let refused = async {
            let channel = xds(server.xds, &authority, pair).connect().await.ok()?;
            let mut stream = Delta::open_on(channel, hello("a")).await.ok()?;
            stream.receive().await.ok()
        };
        assert!(soon(refused).await.is_none());
    }
    let envoy = people.client("envoy", vec![]);
    let channel = xds(server.xds, &authority, Some(&envoy)).connect().await.unwrap();
    Delta::open_on(channel, hello("a")).await.unwrap().pushed().await;
}

#[test]
fn errors_name_the_file() {
    let folder = folder();
    let path = |name: &str, text: &str| PathBuf::from(write(folder.path(), name, text));
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let (pair, strange) = (one.server(), other.server());
    let cert = path("cert.pem", &pair.cert);
    let key = path("key.pem", &pair.key);
    let (empty, garbage) = (
        path("empty.pem", ""),
        path("garbage.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
    );
    let (ca, strange_key) = (path("ca.pem", &one.pem), path("strange.pem", &strange.key));
    let missing = folder.path().join("missing.pem");
    let load = |cert: &PathBuf, key: &PathBuf, client_ca: Option<&PathBuf>| {
        let files = TlsFiles { cert: cert.clone(), key: key.clone(), client_ca: client_ca.cloned() };
        files.load(Protocols::Http).map(|_| ()).map_err(|error| error.to_string())
    };
    load(&cert, &key, None).unwrap();
    load(&cert, &key, Some(&ca)).unwrap();
    let cases = [
        (&missing, &key, None, "missing.pem"),
        (&empty, &key, None, "empty.pem holds no certificate"),
        (&garbage, &key, None, "garbage.pem"),
        (&cert, &missing, None, "missing.pem"),
        (&cert, &empty, None, "empty.pem holds no private key"),
        (&cert, &strange_key, None, "strange.pem do not work together"),
        (&cert, &key, Some(&missing), "missing.pem"),
        (&cert, &key, Some(&empty), "empty.pem holds no certificate"),
        (&cert, &key, Some(&key), "key.pem holds no certificate"),
    ];
    for (cert, key, client_ca, message) in cases {
        let error = load(cert, key, client_ca).unwrap_err();
        assert!(error.contains(message), "{error}\n{message}");
    }
}

#[tokio::test]
async fn nothing_is_written_when_the_certificates_are_wrong() {
    let folder = folder();
    let options = ServeOptions {
        database_url: Some(format!("sqlite://{}", folder.path().join("umbra.db").display())),
        api_tls_cert: Some("/nonexistent/cert.pem".to_owned()),
        api_tls_key: Some("/nonexistent/key.pem".to_owned()),
        ..ServeOptions::default()
    };
    let config = Config::resolve(&options, |_| None, |_| unreachable!()).unwrap();
    let error = Server::start(config).await.err().unwrap();
    assert!(format!("{error:#}").contains("/nonexistent/cert.pem"), "{error:#}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
