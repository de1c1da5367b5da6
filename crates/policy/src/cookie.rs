//! Cookies, from all the `cookie` lines of a request (RFC 6265, 4.2 and 5.4).

use crate::path::until;

/// The values of the cookie `name`, in the order they were sent.
///
/// Lines are split at `;`, pieces at their first `=`, and white space around names and values goes.
/// Values are otherwise as sent: quotes stay, nothing is decoded. Names are compared with case. A piece
/// without `=` is no cookie.
pub fn values<'a>(lines: impl Iterator<Item = &'a [u8]>, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    lines.flat_map(|line| line.split(|byte| *byte == b';')).filter_map(move |piece| {
        let piece = piece.trim_ascii();
        if !piece.contains(&b'=') {
            return None;
        }
        let (key, value) = until(piece, b'=');
        (key.trim_ascii_end() == name.as_bytes()).then(|| value.trim_ascii_start())
    })
}
