//! Where the fields of a YAML or JSON text are, so that a problem can be shown with its line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A value's line, and those of what is inside it.
#[derive(Debug)]
pub(crate) struct Lines {
    line: u64,
    inside: Inside,
}

#[derive(Debug)]
enum Inside {
    Fields(Vec<(String, Lines)>),
    Items(Vec<Lines>),
    Scalar(Option<String>),
}

/// The values of a text: one for each document that is not empty, up to the first that cannot be read. What is
/// wrong with that is for another to report.
pub(crate) fn of_documents(text: &str) -> Vec<Lines> {
    serde_saphyr::read(&mut text.as_bytes()).map_while(Result::ok).collect()
}

impl Lines {
    /// The resources in a document that can be named: itself, or what it lists.
    pub(crate) fn into_resources(self) -> Vec<(String, Lines)> {
        let listed = match self.inside {
            Inside::Items(items) => items,
            Inside::Fields(ref fields) if !fields.iter().any(|(name, _)| name == "kind") => self.into_items(),
            _ => vec![self],
        };
        listed.into_iter().filter_map(|value| Some((value.resource_name()?, value))).collect()
    }

    fn into_items(self) -> Vec<Lines> {
        let Inside::Fields(fields) = self.inside else { return Vec::new() };
        match fields.into_iter().find(|(name, _)| name == "items") {
            Some((_, Lines { inside: Inside::Items(items), .. })) => items,
            _ => Vec::new(),
        }
    }

    /// `Shadow/checkout-v2`, where the value has a kind and a name.
    fn resource_name(&self) -> Option<String> {
        let kind = self.field("kind")?.text()?;
        let name = self.field("metadata")?.field("name")?.text()?;
        Some(format!("{kind}/{name}"))
    }

    /// The line, counted from 1, of a field such as `spec.match[0].path.regex`, or of the innermost value around
    /// it that is there.
    pub(crate) fn line_of(&self, field: &str) -> u64 {
        let mut value = self;
        let mut rest = field;
        while !rest.is_empty() {
            let Some((inner, after)) = value.step(rest) else { break };
            value = inner;
            rest = after.trim_start_matches('.');
        }
        value.line
    }

    /// The value of the path's first segment, and the rest of the path. A field's own name may have dots.
    fn step<'p>(&self, path: &'p str) -> Option<(&Lines, &'p str)> {
        match &self.inside {
            Inside::Scalar(_) => None,
            Inside::Items(items) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                Some((items.get(index.parse::<usize>().ok()?)?, rest))
            }
            Inside::Fields(fields) => fields
                .iter()
                .filter_map(|(name, value)| Some((value, path.strip_prefix(name.as_str())?)))
                .filter(|(_, rest)| rest.is_empty() || rest.starts_with(['.', '[']))
                .min_by_key(|(_, rest)| rest.len()),
        }
    }

    fn field(&self, wanted: &str) -> Option<&Lines> {
        match &self.inside {
            Inside::Fields(fields) => fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match &self.inside {
            Inside::Scalar(text) => text.as_deref(),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned: Spanned<Inside> = Spanned::deserialize(deserializer)?;
        Ok(Lines { line: spanned.referenced.line(), inside: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Inside {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InsideVisitor)
    }
}

struct InsideVisitor;

impl<'de> Visitor<'de> for InsideVisitor {
    type Value = Inside;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Inside, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            fields.push((name, map.next_value()?));
        }
        Ok(Inside::Fields(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Inside, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Inside::Items(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<Inside, E> {
        Ok(Inside::Scalar(Some(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Inside, E> {
        Ok(Inside::Scalar(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Inside, E> {
        Ok(Inside::Scalar(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Inside, E> {
        Ok(Inside::Scalar(None))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Inside, E> {
        Ok(Inside::Scalar(None))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Inside, E> {
        Ok(Inside::Scalar(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Inside, E> {
        Ok(Inside::Scalar(None))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Inside, E> {
        Ok(Inside::Scalar(None))
    }

    fn visit_none<E>(self) -> Result<Inside, E> {
        Ok(Inside::Scalar(None))
    }

    fn visit_unit<E>(self) -> Result<Inside, E> {
        Ok(Inside::Scalar(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Inside, D::Error> {
        Inside::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Inside, D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        Ok(Inside::Scalar(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# A comment first.
kind: Stamp
metadata: {name: a}
spec:
  match:
  - hosts: [x]
    path:
      regex: '('
---
kind: Shadow
metadata:
  name: b
  labels:
    a.b: 1
spec: {percent: 101, enabled: true, target: ~}
";

    #[test]
    fn every_field_has_its_line() {
        let documents = of_documents(TEXT);
        assert_eq!(documents.len(), 2);
        for (document, field, line) in [
            (0, "", 2),
            (0, "metadata.name", 3),
            (0, "spec.match[0].path.regex", 8),
            (0, "spec.match[0].hosts[0]", 6),
            (1, "", 10),
            (1, "metadata.labels.a.b", 14),
            (1, "spec.percent", 15),
        ] {
            assert_eq!(documents[document].line_of(field), line, "{document} {field}");
        }
    }

    #[test]
    fn a_field_that_is_not_there_has_the_line_of_what_is_around_it() {
        let documents = of_documents(TEXT);
        assert_eq!(documents[1].line_of("metadata.labels.c"), documents[1].line_of("metadata.labels"));
        assert_eq!(documents[0].line_of("spec.match[7].path"), documents[0].line_of("spec.match"));
        assert_eq!(documents[0].line_of("nonsense[]]..["), 2);
    }

    #[test]
    fn resources_are_named_in_documents_arrays_and_lists() {
        let names = |text: &str| -> Vec<_> {
            let documents = of_documents(text);
            documents.into_iter().flat_map(Lines::into_resources).map(|(name, _)| name).collect()
        };
        assert_eq!(names(TEXT), ["Stamp/a", "Shadow/b"]);
        let one = r#"{"kind": "Stamp", "metadata": {"name": "a"}}"#;
        assert_eq!(names(&format!("[{one}]")), ["Stamp/a"]);
        assert_eq!(names(&format!(r#"{{"items": [{one}, {one}], "revision": 3}}"#)), ["Stamp/a", "Stamp/a"]);
        assert!(names("a: [").is_empty());
    }
}
