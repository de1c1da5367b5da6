//! Who this Envoy is, as it says itself.

use std::collections::BTreeMap;
use umbra_resource::NodeAttributes;

/// An Envoy can carry pages of metadata about itself; overrides name a handful of keys.
const MAX_ENTRIES: usize = 256;

/// A longer value is not one that an operator compares with, in bytes.
const MAX_VALUE_BYTES: usize = 1_024;

/// Reads the attributes by `property`, which answers Envoy's property of a path with its bytes.
pub fn attributes(property: impl Fn(&[&str]) -> Option<Vec<u8>>) -> NodeAttributes {
    let text =
        |path: &[&str]| property(path).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    NodeAttributes {
        id: text(&["xds", "node", "id"]),
        cluster: text(&["xds", "node", "cluster"]),
        zone: text(&["xds", "node", "locality", "zone"]),
        region: text(&["xds", "node", "locality", "region"]),
        metadata: property(&["xds", "node", "metadata"]).and_then(|bytes| texts(&bytes)).unwrap_or_default(),
    }
}

/// The Envoy's version by `property`, as `1.40.0`; empty if it does not say.
pub fn version(property: impl Fn(&[&str]) -> Option<Vec<u8>>) -> String {
    // Envoy writes a number as the eight bytes of the machine, which is one of little ends.
    let number = |name| {
        let bytes = property(&["xds", "node", "user_agent_build_version", "version", name])?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    match (number("major_number"), number("minor_number"), number("patch")) {
        (Some(major), Some(minor), Some(patch)) => format!("{major}.{minor}.{patch}"),
        _ => String::new(),
    }
}

/// The entries of a serialized map that are text.
///
/// Envoy writes a structure's top level as a map of pairs: strings as they are, numbers and truth values as the
/// bytes of the machine, structures as maps again. It does not say which is which. What is not readable text
/// is left out: a number would come out as garbage.
fn texts(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut entries = BTreeMap::new();
    for (key, value) in pairs(bytes)?.into_iter().take(MAX_ENTRIES) {
        let (Ok(key), Ok(value)) = (std::str::from_utf8(key), std::str::from_utf8(value)) else { continue };
        if value.len() <= MAX_VALUE_BYTES && !value.chars().any(char::is_control) {
            entries.insert(key.to_owned(), value.to_owned());
        }
    }
    Some(entries)
}

/// The proxy-wasm form of a map: a count, the length of each key and value, then each of them with a zero behind it.
fn pairs(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (count, rest) = split_u32(bytes)?;
    let (mut lengths, mut data) = rest.split_at_checked(usize::try_from(count).ok()?.checked_mul(8)?)?;
    let mut pairs = Vec::new();
    while let Some((key_length, after)) = split_u32(lengths) {
        let (value_length, after) = split_u32(after)?;
        lengths = after;
        let (key, after) = split_terminated(data, key_length)?;
        let (value, after) = split_terminated(after, value_length)?;
        data = after;
        pairs.push((key, value));
    }
    Some(pairs)
}

fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*head), rest))
}

fn split_terminated(bytes: &[u8], length: u32) -> Option<(&[u8], &[u8])> {
    let (value, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    Some((value, rest.split_first()?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serialized(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = u32::try_from(entries.len()).unwrap().to_le_bytes().to_vec();
        for (key, value) in entries {
            out.extend_from_slice(&u32::try_from(key.len()).unwrap().to_le_bytes());
            out.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
        }
        for (key, value) in entries {
            out.extend_from_slice(key.as_bytes());
            out.push(0);
            out.extend_from_slice(value);
            out.push(0);
        }
        out
    }

    #[test]
    fn texts_are_kept_and_numbers_left_out() {
        let metadata = serialized(&[
            ("team", b"cart"),
            ("empty", b""),
            ("number", &1.5_f64.to_le_bytes()),
            ("truth", &[1]),
            ("nested", &serialized(&[("a", b"b")])),
        ]);
        let read = attributes(|path| match path {
            ["xds", "node", "id"] => Some(b"node-1".to_vec()),
            ["xds", "node", "metadata"] => Some(metadata.clone()),
            _ => None,
        });
        assert_eq!(read.id, "node-1");
        assert_eq!(read.zone, "");
        let kept: Vec<_> = read.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(kept, [("empty", ""), ("team", "cart")]);
    }

    #[test]
    fn a_version_is_whole_or_not_known() {
        let of = |minor: &[u8]| {
            version(|path| match path.last() {
                Some(&"major_number") => Some(1_u64.to_le_bytes().to_vec()),
                Some(&"minor_number") => Some(minor.to_vec()),
                _ => Some(vec![0; 8]),
            })
        };
        assert_eq!(of(&40_u64.to_le_bytes()), "1.40.0");
        assert_eq!(of(b"40"), "");
        assert_eq!(version(|_| None), "");
    }

    #[test]
    fn what_is_no_map_is_no_metadata() {
        let map = serialized(&[("team", b"cart")]);
        for length in 0..map.len() {
            assert_eq!(texts(map.get(..length).unwrap()), None, "cut after {length} bytes");
        }
        assert_eq!(texts(&[0xff; 64]), None);
    }
}
