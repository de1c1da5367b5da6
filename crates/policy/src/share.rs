//! Shares and sampling: which part of the requests a shadow takes.
//!
//! A salt and a sampling key make a *bucket*, a number that is uniform in 0 .. 2^64; a share takes the
//! buckets below share × 2^64. Hence, for one salt:
//!
//! - **Invariant:** a larger share takes everything that a smaller one takes.
//! - **Invariant:** two shadows with one salt and one key take the same requests, as far as their shares go.
//! - **Invariant:** 0 takes nothing, 1,000,000 parts per million take everything.
//!
//! The hash is `SipHash-2-4` (Aumasson and Bernstein, 2012), 64 bits, under a key made from the salt. It is
//! part of the interface: the golden values in the tests must never change, because a change moves every user of a
//! sticky shadow at once.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// All requests, in parts per million.
pub const WHOLE_PPM: u32 = 1_000_000;

/// A share in parts per million, 0 to [`WHOLE_PPM`].
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Share(u32);

/// The hash key that a salt stands for. Made once for each shadow, when a policy arrives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Salt([u8; 16]);

impl Share {
    /// Takes nothing.
    pub const ZERO: Share = Share(0);

    /// `None` above [`WHOLE_PPM`].
    pub fn from_ppm(ppm: u32) -> Option<Share> {
        (ppm <= WHOLE_PPM).then_some(Share(ppm))
    }

    /// In parts per million.
    pub fn ppm(self) -> u32 {
        self.0
    }

    /// The first bucket that is not taken: ⌊ppm × 2^64 / 1,000,000⌋, which for the whole is 2^64 itself.
    pub fn threshold(self) -> u128 {
        (u128::from(self.0) << 64) / u128::from(WHOLE_PPM)
    }

    /// Whether the share takes this bucket: bucket < [`Share::threshold`], without the division. A whole number is below ⌊x⌋ if
    /// its successor is not above x.
    pub fn takes(self, bucket: u64) -> bool {
        (u128::from(bucket) + 1) * u128::from(WHOLE_PPM) <= u128::from(self.0) << 64
    }
}

impl Salt {
    /// The hash key of a salt: 16 bytes, the hashes of the salt and a byte 0, and of the salt and a byte 1,
    /// under the key of 16 zero bytes, each written in little-endian order.
    pub fn new(salt: &str) -> Salt {
        let [low, high] = [0_u8, 1].map(|half| {
            let mut hasher = SipHasher24::new();
            hasher.write(salt.as_bytes());
            hasher.write(&[half]);
            hasher.finish()
        });
        Salt((u128::from(high) << 64 | u128::from(low)).to_le_bytes())
    }

    /// The bucket of a sampling key under this salt.
    pub fn bucket(&self, key: &[u8]) -> u64 {
        sip24(&self.0, key)
    }

    /// The bucket of a request that is sampled for itself: that of the random number's 8 bytes in
    /// little-endian order. Under one salt, equal numbers have equal buckets.
    pub fn bucket_of_random(&self, random: u64) -> u64 {
        self.bucket(&random.to_le_bytes())
    }
}

/// `SipHash-2-4` of a message, 64 bits.
pub(crate) fn sip24(key: &[u8; 16], message: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write(message);
    hasher.finish()
}
