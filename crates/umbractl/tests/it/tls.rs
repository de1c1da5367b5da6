//! TLS and mutual TLS to the control plane.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    sync::Arc,
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

use crate::run::{Run, binary, finish};

/// Answers every request with an empty list of nodes, over TLS, to clients with a certificate of its own CA.
/// Writes `ca.pem`, `client.pem` and `client.key` into `directory`.
fn serve(directory: &Path) -> String {
    let mut ca = CertificateParams::new([]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let leaf = |name: &str| {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &ca).unwrap(), key)
    };
    let (client, client_key) = leaf("operator");
    fs::write(directory.join("ca.pem"), ca.pem()).unwrap();
    fs::write(directory.join("client.pem"), client.pem()).unwrap();
    fs::write(directory.join("client.key"), client_key.serialize_pem()).unwrap();

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let (server, server_key) = leaf("localhost");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
            let mut line = String::new();
            // A client that does not trust this server, or is not trusted, ends here.
            while tls.read_line(&mut line).is_ok_and(|read| read > 0) && !line.ends_with("\r\n\r\n") {}
            let body = r#"{"revision":0,"items":[]}"#;
            let _ = write!(
                tls.get_mut(),
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            tls.get_mut().conn.send_close_notify();
            let _ = tls.get_mut().flush();
        }
    });
    format!("https://localhost:{port}")
}

fn get_nodes(server: &str, directory: &Path, options: &[&str]) -> Run {
    let mut command = binary();
    command.current_dir(directory).args(["get", "nodes", "--server", server]).args(options);
    finish(command, "")
}

#[test]
fn mutual_tls_works_with_the_three_files_and_says_what_is_missing_without() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = serve(directory);
    let ours = ["--ca-cert", "ca.pem", "--client-cert", "client.pem", "--client-key", "client.key"];
    get_nodes(&server, directory, &ours).exits(0);

    let run = get_nodes(&server, directory, &ours[..2]).exits(2);
    assert!(run.stderr.contains("--client-cert"), "{}", run.stderr);
    let run = get_nodes(&server, directory, &["--ca-cert", "client.pem"]).exits(2);
    assert!(run.stderr.contains("--ca-cert names the certificates to trust"), "{}", run.stderr);
    let run = get_nodes(&server, directory, &ours[..4]).exits(2);
    assert!(run.stderr.contains("--client-cert and --client-key go together"), "{}", run.stderr);
    let run = get_nodes(&server, directory, &["--ca-cert", "client.key"]).exits(2);
    assert!(run.stderr.contains("client.key: no certificate in PEM form"), "{}", run.stderr);
    let run = get_nodes(&server.replace("https", "http"), directory, &[]).exits(2);
    assert!(run.stderr.contains("does it want https?"), "{}", run.stderr);
}
