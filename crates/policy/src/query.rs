//! Query parameters, as forms write them (WHATWG URL, application/x-www-form-urlencoded).

use std::borrow::Cow;

use crate::path::until;

/// The decoded values of the parameter `name`, in the order they were sent.
///
/// `query` is what follows the `?`. Pieces are split at `&`, names from values at the first `=`; a piece
/// without `=` has the empty value. In both, `+` is a space and `%XX` is a byte; a `%` that two hexadecimal
/// digits do not follow is itself. Names are compared with case, after decoding.
pub fn values<'a>(query: &'a [u8], name: &'a str) -> impl Iterator<Item = Cow<'a, [u8]>> {
    query.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()).filter_map(move |piece| {
        let (key, value) = until(piece, b'=');
        Decoder { rest: key }.eq(name.bytes()).then(|| decode(value))
    })
}

/// Allocates only when there is something to decode.
fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        Cow::Owned(Decoder { rest: text }.collect())
    } else {
        Cow::Borrowed(text)
    }
}

struct Decoder<'a> {
    rest: &'a [u8],
}

impl Iterator for Decoder<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        match first {
            b'+' => Some(b' '),
            b'%' => {
                if let [high, low, after @ ..] = rest
                    && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
                {
                    self.rest = after;
                    return Some(high << 4 | low);
                }
                Some(b'%')
            }
            other => Some(*other),
        }
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    // A hexadecimal digit is below 16.
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
