//! The name of a client, from its certificate.

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A name for the holder of `certificate`, which was verified already: its URI (a SPIFFE id), else its DNS name or
/// e-mail address, else the common name of its subject, else a fingerprint. Never empty, at most 256 characters, and
/// without control characters, because it goes into log lines and audit rows.
pub fn of(certificate: &CertificateDer<'_>) -> String {
    let name = name(certificate)
        .map(|name| name.chars().filter(|character| !character.is_control()).take(256).collect::<String>());
    match name {
        Some(name) if !name.is_empty() => name,
        _ => fingerprint(certificate),
    }
}

/// Every URI and every DNS name of the subject's alternatives, as they are in it.
pub fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let alternatives = parsed.subject_alternative_name().ok().flatten();
    let names = alternatives.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::URI(name) | GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    names.iter().filter_map(name).collect()
}

fn name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let alternatives = parsed.subject_alternative_name().ok().flatten();
    let names = alternatives.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let uri = names.iter().find_map(|name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    });
    let dns_or_mail = || {
        names.iter().find_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
            _ => None,
        })
    };
    let common_name = || {
        let name = parsed.subject().iter_common_name().next()?;
        name.as_str().ok().map(str::to_owned)
    };
    uri.or_else(dns_or_mail).or_else(common_name)
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = Sha256::digest(certificate);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let names = vec!["node.example.com".to_owned()];
        rcgen::generate_simple_self_signed(names).unwrap().cert.der().to_vec()
    });

    fn check(der: Vec<u8>) -> Result<String, TestCaseError> {
        let name = of(&CertificateDer::from(der));
        prop_assert!(!name.is_empty() && name.chars().count() <= 256);
        prop_assert!(!name.contains(char::is_control));
        Ok(name)
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_name(der: Vec<u8>) {
            check(der)?;
        }

        #[test]
        fn a_damaged_certificate_has_a_name(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
            let mut der = WHOLE.clone();
            for (at, byte) in &damage {
                let at = at.index(der.len());
                der[at] = *byte;
            }
            let name = check(der)?;
            prop_assert!(!damage.is_empty() || name == "node.example.com");
        }
    }
}
