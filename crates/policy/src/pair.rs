//! Pair ids: what joins the primary's response and its shadows', and proves that a copy is Umbra's own.

use std::fmt::{self, Write};

use crate::share::sip24;

/// 16 bytes: 8 random ones and a tag of 8, the `SipHash-2-4` of the random ones under the mesh key.
///
/// The tag lets any node of a mesh tell a copy from a request of a client who writes the same header.
/// Shown as 32 lower-case hexadecimal digits, both halves in big-endian order.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PairId {
    random: u64,
    tag: u64,
}

impl PairId {
    /// The length of the written form, in bytes.
    pub const TEXT_BYTES: usize = 32;

    /// An id for this random number. Without a mesh key the tag is made under a key of zeros: the id still
    /// joins, and proves nothing.
    pub fn new(random: u64, mesh_key: Option<&[u8; 16]>) -> PairId {
        PairId { random, tag: tag(random, mesh_key) }
    }

    /// Reads the written form. `None` for anything but 32 lower-case hexadecimal digits.
    pub fn parse(text: &[u8]) -> Option<PairId> {
        let text: &[u8; Self::TEXT_BYTES] = text.try_into().ok()?;
        let mut id = 0_u128;
        for digit in text {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            id = id << 4 | u128::from(value);
        }
        Some(PairId::from_u128(id))
    }

    /// The written form, for the request path: nothing is allocated.
    pub fn to_text(self) -> [u8; Self::TEXT_BYTES] {
        let mut rest = u128::from_be_bytes(self.to_bytes());
        let mut text = [0; Self::TEXT_BYTES];
        for digit in text.iter_mut().rev() {
            // The last four bits, which fit into a byte.
            let value = (rest & 0xf) as u8;
            *digit = if value < 10 { b'0' + value } else { b'a' - 10 + value };
            rest >>= 4;
        }
        text
    }

    /// Whether the tag was made under this key.
    pub fn verify(&self, mesh_key: Option<&[u8; 16]>) -> bool {
        // One comparison of two machine words takes the same time whatever they hold.
        self.tag == tag(self.random, mesh_key)
    }

    /// The 16 bytes in the order in which they are written.
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.random) << 64 | u128::from(self.tag)).to_be_bytes()
    }

    /// The id of these 16 bytes, in the order in which they are written.
    pub fn from_bytes(bytes: [u8; 16]) -> PairId {
        PairId::from_u128(u128::from_be_bytes(bytes))
    }

    fn from_u128(id: u128) -> PairId {
        // Both halves are meant to lose the other's bits.
        PairId { random: (id >> 64) as u64, tag: id as u64 }
    }
}

impl fmt::Display for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_text().iter().try_for_each(|digit| f.write_char(char::from(*digit)))
    }
}

fn tag(random: u64, mesh_key: Option<&[u8; 16]>) -> u64 {
    sip24(mesh_key.unwrap_or(&[0; 16]), &random.to_be_bytes())
}
