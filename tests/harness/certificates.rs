//! A certificate authority for one test, and certificates that it signed.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};

/// A certificate and its key, as files in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// An authority that signs for one test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
    /// Its own certificate, in PEM.
    pub certificate: PathBuf,
}

impl Authority {
    /// A new one called `name`, with its certificate in `folder`.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let names = &mut parameters.distinguished_name;
        names.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = folder.join(format!("{name}.pem"));
        let signed = parameters.self_signed(&key).unwrap();
        std::fs::write(&certificate, signed.pem()).unwrap();
        Self { issuer: Issuer::new(parameters, key), folder: folder.to_owned(), certificate }
    }

    /// A certificate for `name` as its common name and its only DNS name.
    pub fn sign(&self, name: &str) -> Identity {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let names = &mut parameters.distinguished_name;
        names.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let signed = parameters.signed_by(&key, &self.issuer).unwrap();
        let identity = Identity {
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        };
        std::fs::write(&identity.certificate, signed.pem()).unwrap();
        std::fs::write(&identity.key, key.serialize_pem()).unwrap();
        identity
    }
}
