//! Entity tags and preconditions (RFC 9110, sections 8.8.3 and 13).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::api::problem::{Kind, Problem};
use crate::model::command::Precondition;

/// The entity tag of something at `revision`: `"7"`.
pub(crate) fn of(revision: u64) -> HeaderValue {
    // Digits between quotes are a valid header value, so the fallback is never taken.
    HeaderValue::from_str(&format!("\"{revision}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// What the client asks to hold before its write is done.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<Precondition, Problem> {
    let if_match = tags(headers, &header::IF_MATCH)?;
    let if_none_match = tags(headers, &header::IF_NONE_MATCH)?;
    match (if_match, if_none_match) {
        (None, None) => Ok(Precondition::None),
        (Some(Tags::Any), None) => Ok(Precondition::Present),
        // If-Match compares strongly: a weak tag never fits.
        (Some(Tags::Listed(tags)), None) => Ok(Precondition::Revision(
            tags.into_iter().filter(|tag| !tag.weak).filter_map(|tag| tag.revision).collect(),
        )),
        (None, Some(Tags::Any)) => Ok(Precondition::Absent),
        (None, Some(Tags::Listed(_))) => Err(Problem::new(
            Kind::Malformed,
            "if-none-match on a write takes * alone, which means: only if there is none yet",
        )),
        (Some(_), Some(_)) => {
            Err(Problem::new(Kind::Malformed, "if-match and if-none-match exclude each other: give one"))
        }
    }
}

/// Whether the client has what is at `revision` already, so that 304 is the answer.
pub(crate) fn not_modified(headers: &HeaderMap, revision: u64) -> Result<bool, Problem> {
    Ok(match tags(headers, &header::IF_NONE_MATCH)? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::Listed(tags)) => tags.iter().any(|tag| tag.revision == Some(revision)),
    })
}

enum Tags {
    Any,
    Listed(Vec<Tag>),
}

struct Tag {
    weak: bool,
    /// `None`: a tag that is none of ours, and fits nothing.
    revision: Option<u64>,
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    let malformed = || {
        Problem::new(
            Kind::Malformed,
            format!("{name} is not a list of entity tags: give * or \"7\", with the quotes"),
        )
    };
    let mut listed = Vec::new();
    let mut any = false;
    for line in headers.get_all(name) {
        // Our tags hold no commas, so that a tag that does fits nothing either way.
        for item in line.to_str().map_err(|_| malformed())?.split(',').map(str::trim) {
            if item.is_empty() {
                continue;
            }
            if item == "*" {
                any = true;
                continue;
            }
            let (weak, quoted) = match item.strip_prefix("W/") {
                Some(quoted) => (true, quoted),
                None => (false, item),
            };
            let inner =
                quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(malformed)?;
            listed.push(Tag { weak, revision: inner.parse().ok() });
        }
    }
    match (any, listed.is_empty()) {
        (true, true) => Ok(Some(Tags::Any)),
        (true, false) => Err(malformed()),
        (false, false) => Ok(Some(Tags::Listed(listed))),
        (false, true) if headers.contains_key(name) => Err(malformed()),
        (false, true) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use proptest::prelude::*;

    use super::{Precondition, not_modified, precondition};

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn preconditions_are_read_as_rfc_9110_has_them() {
        let of = |lines: &[(&'static str, &str)]| precondition(&headers(lines)).ok();
        let revisions = |revisions: &[u64]| Some(Precondition::Revision(revisions.to_vec()));
        assert_eq!(of(&[]), Some(Precondition::None));
        assert_eq!(of(&[("if-match", "*")]), Some(Precondition::Present));
        assert_eq!(of(&[("if-none-match", "*")]), Some(Precondition::Absent));
        assert_eq!(of(&[("if-match", "\"7\"")]), revisions(&[7]));
        assert_eq!(of(&[("if-match", "\"7\" ,, \"8\"")]), revisions(&[7, 8]));
        assert_eq!(of(&[("if-match", "\"7\""), ("if-match", "\"8\"")]), revisions(&[7, 8]));
        assert_eq!(of(&[("if-match", "W/\"7\", \"abc\", \"-1\"")]), revisions(&[]), "they fit nothing");
        for wrong in ["7", "\"7", "w/\"7\"", "\"7\", *", "", ","] {
            assert_eq!(of(&[("if-match", wrong)]), None, "{wrong}");
        }
        assert_eq!(of(&[("if-none-match", "\"7\"")]), None);
        assert_eq!(of(&[("if-none-match", "*"), ("if-match", "*")]), None);
    }

    proptest! {
        #[test]
        fn no_header_panics_and_only_the_same_revision_is_unmodified(bytes: Vec<u8>, revision: u64) {
            if let Ok(value) = axum::http::HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert("if-match", value.clone());
                headers.insert("if-none-match", value);
                drop((precondition(&headers), not_modified(&headers, revision)));
            }
            let headers = headers(&[("if-none-match", &format!("\"{revision}\""))]);
            prop_assert!(not_modified(&headers, revision).unwrap());
            prop_assert!(!not_modified(&headers, revision.wrapping_add(1)).unwrap());
        }
    }
}
