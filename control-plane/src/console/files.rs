//! The built console, as it is committed: a build of the server needs no Node.

use std::borrow::Cow;
use std::fmt::Write;

use rust_embed::Embed;

/// What `npm run build` leaves; `cargo xtask console --check` holds it to its source.
#[derive(Embed)]
#[folder = "console/dist"]
struct Built;

/// One file, and what is said with it.
pub(super) struct File {
    pub(super) bytes: Cow<'static, [u8]>,
    /// An entity tag (RFC 9110), of the content.
    pub(super) tag: String,
    pub(super) kind: &'static str,
    pub(super) caching: &'static str,
}

/// The file at this path, below the build's folder.
pub(super) fn find(path: &str) -> Option<File> {
    let file = Built::get(path)?;
    Some(File {
        tag: tag(&file.metadata.sha256_hash()),
        kind: kind(path),
        caching: caching(path),
        bytes: file.data,
    })
}

/// Every path there is.
#[cfg(test)]
pub(super) fn paths() -> impl Iterator<Item = Cow<'static, str>> {
    Built::iter()
}

/// Half of the digest tells files apart.
fn tag(digest: &[u8; 32]) -> String {
    let mut tag = String::from("\"");
    for byte in digest.iter().take(16) {
        // Writing to a string does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// Names of assets carry a hash of their content: what has another content has another name. Everything else is asked
/// for anew, so that a newer server is noticed at once.
fn caching(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

#[cfg(test)]
mod tests {
    use super::{find, paths};

    #[test]
    fn every_file_has_a_type_and_a_tag() {
        let mut count = 0;
        for path in paths() {
            let file = find(&path).unwrap();
            assert_ne!(file.kind, "application/octet-stream", "{path}");
            assert_eq!(file.tag.len(), 34, "{path}");
            assert_eq!(file.caching == "no-cache", !path.starts_with("assets/"), "{path}");
            count += 1;
        }
        assert!(count >= 4, "{count} files");
    }

    #[test]
    fn the_first_page_names_what_is_there_and_nothing_elsewhere() {
        let index = find("index.html").unwrap();
        let text = std::str::from_utf8(&index.bytes).unwrap();
        let names: Vec<&str> = text.split("\"/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(names.len() >= 3, "{text}");
        for name in names {
            assert!(find(name).is_some(), "{name}");
        }
        assert!(!text.contains("//"), "{text}");
        // The content security policy would not run it.
        assert!(!text.contains("<style") && !text.contains("<script>"), "{text}");
    }
}
