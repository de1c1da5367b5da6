//! A JSON document as it was written: numbers as text, names in order and as often as they came. Strings are borrowed from
//! the text where nothing in them is escaped.

use std::borrow::Cow;

use jiter::{Jiter, JiterError, JsonValue, Peek};

use super::rules::Mark;

/// Nesting beyond this is not followed. serde_json and most servers stop at the same depth.
pub const MAX_DEPTH: usize = 128;

/// Documents with more values than this are not read: a body of eight kilobytes can unfold to millions, of which each takes
/// some hundred bytes here.
pub const MAX_VALUES: usize = 500_000;

/// A value, and what the rules say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'a> {
    /// The value.
    pub value: Value<'a>,
    /// What the rules say of it; set by [`super::rules::Rules::mark`].
    pub mark: Mark,
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as written; also `NaN`, `Infinity` and `-Infinity`.
    Number(&'a str),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// The elements, in order.
    Array(Vec<Node<'a>>),
    /// The members, in order. A name may come more than once.
    Object(Vec<Member<'a>>),
}

/// A name, unescaped, and its value.
pub type Member<'a> = (Cow<'a, str>, Node<'a>);

/// Why a text is not read as JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// It nests deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// It has more than [`MAX_VALUES`] values.
    #[error("of more than {MAX_VALUES} values")]
    TooLarge,
}

/// Reads one JSON document.
///
/// # Errors
/// When it is not JSON (RFC 8259, but for `NaN` and `Infinity`, which are taken), has something behind the document, is
/// not UTF-8, nests too deep, or has too many values.
pub fn parse(text: &[u8]) -> Result<Node<'_>, NotJson> {
    let mut reader = Jiter::new(text).with_allow_inf_nan();
    let first = reader.peek().map_err(syntax)?;
    let mut room = MAX_VALUES;
    let node = read(&mut reader, first, 0, &mut room)?;
    reader.finish().map_err(syntax)?;
    Ok(node)
}

/// `room` is for how many more values there is room.
fn read<'a>(reader: &mut Jiter<'a>, next: Peek, depth: usize, room: &mut usize) -> Result<Node<'a>, NotJson> {
    if depth > MAX_DEPTH {
        return Err(NotJson::TooDeep);
    }
    *room = room.checked_sub(1).ok_or(NotJson::TooLarge)?;
    let value = match next {
        Peek::Null => {
            reader.known_null().map_err(syntax)?;
            Value::Null
        }
        Peek::True | Peek::False => Value::Bool(reader.known_bool(next).map_err(syntax)?),
        Peek::String => Value::String(read_string(reader)?),
        Peek::Array => Value::Array(read_array(reader, depth, room)?),
        Peek::Object => Value::Object(read_object(reader, depth, room)?),
        _ => Value::Number(read_number(reader, next)?),
    };
    Ok(Node { value, mark: Mark::default() })
}

fn read_number<'a>(reader: &mut Jiter<'a>, next: Peek) -> Result<&'a str, NotJson> {
    let start = reader.current_index();
    reader.known_skip(next).map_err(syntax)?;
    // Whatever jiter takes for a number is ASCII.
    std::str::from_utf8(reader.slice_to_current(start)).map_err(|error| NotJson::Syntax(error.to_string()))
}

fn read_array<'a>(reader: &mut Jiter<'a>, depth: usize, room: &mut usize) -> Result<Vec<Node<'a>>, NotJson> {
    let mut elements = Vec::new();
    let mut next = reader.known_array().map_err(syntax)?;
    while let Some(peek) = next {
        elements.push(read(reader, peek, depth + 1, room)?);
        next = reader.array_step().map_err(syntax)?;
    }
    Ok(elements)
}

fn read_string<'a>(reader: &mut Jiter<'a>) -> Result<Cow<'a, str>, NotJson> {
    match reader.known_value(Peek::String).map_err(syntax)? {
        JsonValue::Str(string) => Ok(string),
        _ => Err(NotJson::Syntax("a string is none".to_owned())),
    }
}

fn read_object<'a>(
    reader: &mut Jiter<'a>,
    depth: usize,
    room: &mut usize,
) -> Result<Vec<Member<'a>>, NotJson> {
    let mut members = Vec::new();
    let mut start = reader.current_index();
    let mut is_named = reader.next_object_bytes().map_err(syntax)?.is_some();
    while is_named {
        let name = read_name(reader.slice_to_current(start))?;
        let peek = reader.peek().map_err(syntax)?;
        members.push((name, read(reader, peek, depth + 1, room)?));
        start = reader.current_index();
        is_named = reader.next_key_bytes().map_err(syntax)?.is_some();
    }
    Ok(members)
}

/// The name in `{"name":` or `,"name":`. The reader has passed over it, and lends names no longer than to its next step.
fn read_name(passed: &[u8]) -> Result<Cow<'_, str>, NotJson> {
    let mut quotes = passed.iter().enumerate().filter(|(_, byte)| **byte == b'"').map(|(at, _)| at);
    let (first, last) = (quotes.next().unwrap_or_default(), quotes.next_back().unwrap_or_default());
    let quoted = passed.get(first..=last).unwrap_or_default();
    if quoted.contains(&b'\\') {
        return read_string(&mut Jiter::new(quoted));
    }
    let name = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    std::str::from_utf8(name).map(Cow::Borrowed).map_err(|error| NotJson::Syntax(error.to_string()))
}

fn syntax(error: JiterError) -> NotJson {
    NotJson::Syntax(error.to_string())
}

impl Node<'_> {
    /// The value as JSON text, at most about `max_bytes` long: what is longer ends in `…`, inside a string.
    pub fn to_text(&self, max_bytes: usize) -> String {
        let mut text = String::new();
        self.write(&mut text, max_bytes);
        cut(text, max_bytes)
    }

    fn write(&self, text: &mut String, max_bytes: usize) {
        // Beyond the bound the rest would be cut off anyway.
        if text.len() > max_bytes {
            return;
        }
        match &self.value {
            Value::Null => text.push_str("null"),
            Value::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
            // What JSON has no number for is shown as a string, so that the text stays JSON.
            Value::Number(number) if number.ends_with(['N', 'y']) => text.push_str(&quote(number)),
            Value::Number(number) => text.push_str(number),
            Value::String(string) => text.push_str(&quote(beginning(string, max_bytes.saturating_add(1)))),
            Value::Array(elements) => write_array(elements, text, max_bytes),
            Value::Object(members) => {
                text.push('{');
                for (index, (name, member)) in members.iter().enumerate() {
                    text.push_str(if index > 0 { "," } else { "" });
                    text.push_str(&quote(name));
                    text.push(':');
                    member.write(text, max_bytes);
                }
                text.push('}');
            }
        }
    }
}

/// Elements as the JSON text of an array, at most about `max_bytes` long, as [`Node::to_text`] writes it.
pub fn array_text(elements: &[Node<'_>], max_bytes: usize) -> String {
    let mut text = String::new();
    write_array(elements, &mut text, max_bytes);
    cut(text, max_bytes)
}

fn write_array(elements: &[Node<'_>], text: &mut String, max_bytes: usize) {
    text.push('[');
    for (index, element) in elements.iter().enumerate() {
        // Beyond the bound the rest would be cut off anyway.
        if text.len() > max_bytes {
            return;
        }
        text.push_str(if index > 0 { "," } else { "" });
        element.write(text, max_bytes);
    }
    text.push(']');
}

fn cut(text: String, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text;
    }
    quote(&format!("{}…", beginning(&text, max_bytes)))
}

/// As much of a string as fits into so many bytes.
pub(crate) fn beginning(string: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(string.len())).rev().find(|at| string.is_char_boundary(*at));
    string.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// A string as JSON text.
pub fn quote(string: &str) -> String {
    serde_json::Value::from(string).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_what_was_written() {
        let text = r#"{"id":9007199254740993,"id":1.50,"ü":["a\n",null,true,NaN]}"#;
        let node = parse(text.as_bytes()).unwrap();
        assert_eq!(node.to_text(1_000), r#"{"id":9007199254740993,"id":1.50,"ü":["a\n",null,true,"NaN"]}"#);
    }

    #[test]
    fn long_values_are_cut_inside_a_string() {
        let node = parse(br#"["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]"#).unwrap();
        assert_eq!(node.to_text(6), r#""[\"aaaa…""#);
        let node = parse("\"ü\\nüüü\"".as_bytes()).unwrap();
        let whole = node.to_text(100);
        assert_eq!(whole, r#""ü\nüüü""#);
        assert_eq!(node.to_text(usize::MAX), whole);
        for max_bytes in 0..whole.len() {
            let shown: String = serde_json::from_str(&node.to_text(max_bytes)).unwrap();
            let shown = shown.strip_suffix('…').unwrap();
            assert!(whole.starts_with(shown) && max_bytes - shown.len() < 2, "{max_bytes}: {shown}");
        }
    }

    #[test]
    fn names_are_unescaped() {
        for text in
            [r#"{"a\"b":1,"c":2}"#, r#"{ "\u0061\"b" : 1 , "c":2}"#, "{\n\t\"a\\u0022b\":1 ,\r\"c\" :2}"]
        {
            let Value::Object(members) = parse(text.as_bytes()).unwrap().value else { panic!("{text}") };
            assert_eq!(
                members.iter().map(|(name, _)| name.as_ref()).collect::<Vec<_>>(),
                ["a\"b", "c"],
                "{text}"
            );
        }
        assert!(
            matches!(parse(br#"{"":{"\\":1}}"#).unwrap().value, Value::Object(members) if members.len() == 1)
        );
        for text in [&br#"{"\x":1}"#[..], b"{\"\xff\":1}", b"{\"\x01\":1}", br#"{"\ud800":1}"#] {
            assert!(parse(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in ["", "{", "[1,]", "{\"a\" 1}", "1 2", "nul", "'a'", "\"\u{1}\""] {
            assert!(matches!(parse(text.as_bytes()), Err(NotJson::Syntax(_))), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
            assert_eq!(parse(text.as_bytes()), Err(NotJson::TooDeep));
        }
    }

    #[test]
    fn a_document_of_very_many_values_is_an_error() {
        let ones = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
        assert!(parse(ones(MAX_VALUES - 1).as_bytes()).is_ok(), "the array is a value too");
        assert_eq!(parse(ones(MAX_VALUES).as_bytes()), Err(NotJson::TooLarge));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
