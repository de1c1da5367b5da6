//! Collecting what is wrong with a policy, each error with the path of its field.

use std::fmt;

/// A field that is wrong.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct FieldError {
    /// Where, in the names of [`crate::spec`]: `shadows[2].share_ppm`, `stamps[0].clauses[1].path.regex`,
    /// `stamps[0].clauses[1].headers[3].exact`. Positions are those of the spec as it was given.
    pub path: String,
    /// What is wrong, as the rest of a sentence about the field, where possible with what to write instead.
    pub message: String,
}

/// Where a field is. A chain of borrowed steps, so that only errors cost an allocation.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    parent: Option<&'a At<'a>>,
    name: &'a str,
    position: Option<usize>,
}

/// The errors found so far.
#[derive(Default)]
pub(crate) struct Errors(Vec<FieldError>);

impl<'a> At<'a> {
    /// A list of the policy itself.
    pub(crate) fn root(name: &'a str, position: Option<usize>) -> At<'a> {
        At { parent: None, name, position }
    }

    pub(crate) fn field(&'a self, name: &'a str) -> At<'a> {
        At { parent: Some(self), name, position: None }
    }

    pub(crate) fn item(&'a self, name: &'a str, position: usize) -> At<'a> {
        At { parent: Some(self), name, position: Some(position) }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.name)?;
        self.position.map_or(Ok(()), |position| write!(f, "[{position}]"))
    }
}

impl Errors {
    pub(crate) fn add(&mut self, at: At<'_>, message: impl Into<String>) {
        self.0.push(FieldError { path: at.to_string(), message: message.into() });
    }

    /// The value of a check, or `None` and its error noted.
    pub(crate) fn keep<T, E: Into<String>>(&mut self, at: At<'_>, result: Result<T, E>) -> Option<T> {
        result.map_err(|message| self.add(at, message)).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<FieldError> {
        self.0
    }

    /// Whether a list has no more items than it may have.
    pub(crate) fn at_most(&mut self, at: At<'_>, count: usize, most: usize) -> bool {
        if count > most {
            self.add(at, format!("has {count} items, and {most} are the most"));
        }
        count <= most
    }
}

/// `[a-z0-9]([-a-z0-9.]*[a-z0-9])?`, 1 to 63 characters: what names stamps and shadows.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    let is_end = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let fits = (1..=63).contains(&bytes.len())
        && bytes.first().is_some_and(is_end)
        && bytes.last().is_some_and(is_end)
        && bytes.iter().all(|byte| is_end(byte) || b"-.".contains(byte));
    if fits {
        Ok(())
    } else {
        Err("is not a name: give 1 to 63 of a-z, 0-9, - and ., with a letter or digit at both ends")
    }
}

/// A method, which is compared with case.
pub(crate) fn check_method(method: &str) -> Result<(), &'static str> {
    const COMMON: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    if method.len() > 64 || !is_token(method) {
        return Err("is not a method");
    }
    if COMMON.iter().any(|common| method.eq_ignore_ascii_case(common) && method != *common) {
        return Err("is in lower case: methods are compared with case, and this one is written in capitals");
    }
    Ok(())
}

/// A header's name in lower case, as it is compared.
pub(crate) fn header_name(name: &str) -> Result<String, &'static str> {
    if name.len() > 256 || !is_token(name) {
        return Err("is not a header name");
    }
    let name = name.to_ascii_lowercase();
    if name.starts_with("x-umbra-") {
        return Err("is one of Umbra's own headers, which are removed before any rule is asked");
    }
    Ok(name)
}

/// A cookie's name. Wider than RFC 6265's token, because what is in use is: anything that can be found again.
pub(crate) fn check_cookie_name(name: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte > b' ' && byte != 0x7f && byte != b'=' && byte != b';';
    if (1..=256).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err("is not a cookie name: give 1 to 256 bytes without white space, = and ;")
    }
}

/// A query parameter's name, decoded.
pub(crate) fn check_query_name(name: &str) -> Result<(), &'static str> {
    if (1..=256).contains(&name.len()) { Ok(()) } else { Err("is not 1 to 256 bytes long") }
}

/// An Envoy cluster's name, which travels as a header value.
pub(crate) fn check_cluster(name: &str) -> Result<(), &'static str> {
    if (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("is not a cluster name: give 1 to 255 visible ASCII characters without white space")
    }
}

/// A header's value that can be sent (RFC 9110, 5.5).
pub(crate) fn check_header_value(value: &str) -> Result<(), &'static str> {
    if value.len() > 4_096 {
        return Err("is longer than 4096 bytes");
    }
    if value.bytes().any(|byte| byte == 0x7f || (byte < b' ' && byte != b'\t')) {
        return Err("has a control character, which no header value may have");
    }
    Ok(())
}

/// A token of RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
