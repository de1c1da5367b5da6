//! Which endpoint a request went to: its method, and its path with the variable parts generalised.

/// More segments than this are not told apart: the rest becomes `…`.
const MAX_SEGMENTS: usize = 32;

/// Path templates, in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    templates: Vec<String>,
}

impl Endpoints {
    /// `/users/{id}`: a segment in braces stands for any one segment that is not empty.
    pub fn new(templates: &[String]) -> Endpoints {
        Endpoints { templates: templates.to_vec() }
    }

    /// The endpoint of a request, as `GET /users/{id}`: the first template that fits the path, else the path with what
    /// looks like an identifier generalised to `{id}`. A query is left out.
    pub fn of(&self, method: &str, path: &str) -> String {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        match self.templates.iter().find(|template| fits(template, path)) {
            Some(template) => format!("{method} {template}"),
            None => format!("{method} {}", inferred(path)),
        }
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut found) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if is_variable(wanted) && !found.is_empty() => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
}

fn is_variable(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

fn inferred(path: &str) -> String {
    let mut segments: Vec<&str> = path.split('/').take(MAX_SEGMENTS + 1).collect();
    if segments.len() > MAX_SEGMENTS {
        segments.truncate(MAX_SEGMENTS);
        segments.push("…");
    }
    let general: Vec<&str> =
        segments.into_iter().map(|s| if is_identifier(s) { "{id}" } else { s }).collect();
    general.join("/")
}

/// All digits; a UUID; or eight and more hexadecimal digits of which one at least is a digit, so that `/facade` and
/// `/deadbeef` stay words.
fn is_identifier(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let hex = segment.bytes().all(|byte| byte.is_ascii_hexdigit());
    !segment.is_empty()
        && (digits == segment.len() || is_uuid(segment) || (hex && digits > 0 && segment.len() >= 8))
}

fn is_uuid(segment: &str) -> bool {
    let groups: Vec<&str> = segment.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_parts_are_generalised() {
        let cases = [
            ("/users/42", "GET /users/{id}"),
            ("/users/42/orders/7?page=2", "GET /users/{id}/orders/{id}"),
            ("/v1/users", "GET /v1/users"),
            ("/f/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "GET /f/{id}"),
            ("/blobs/9f86d081884c7d65", "GET /blobs/{id}"),
            ("/deadbeef/facade", "GET /deadbeef/facade"),
            ("/", "GET /"),
            ("", "GET "),
            ("//", "GET //"),
        ];
        for (path, expected) in cases {
            assert_eq!(Endpoints::default().of("GET", path), expected, "{path}");
        }
    }

    #[test]
    fn templates_come_first() {
        let endpoints = Endpoints::new(&["/posts/{slug}".to_owned(), "/posts/new".to_owned()]);
        assert_eq!(endpoints.of("GET", "/posts/hello-world"), "GET /posts/{slug}");
        assert_eq!(endpoints.of("GET", "/posts/new"), "GET /posts/{slug}");
        assert_eq!(endpoints.of("GET", "/posts/"), "GET /posts/");
        assert_eq!(endpoints.of("GET", "/posts/1/2"), "GET /posts/{id}/{id}");
    }

    #[test]
    fn very_long_paths_are_cut() {
        assert!(Endpoints::default().of("GET", &"/a".repeat(1_000)).ends_with("/a/…"));
    }
}
