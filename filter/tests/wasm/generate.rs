//! Random numbers with a fixed seed, and what is made of them.

/// SplitMix64: small, and the same numbers on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    /// True in so many of 100 cases.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// Up to `most` bytes: of any kind, or of those that parsers look for.
    pub(crate) fn soup(&mut self, most: usize) -> Vec<u8> {
        const SIGNS: &[u8] = b"/?#&=;, \t\"%:.[]*-+0123456789abzAZ{}()\\\0\xc3\xa4\xff";
        let any = self.percent(30);
        (0..self.below(most + 1))
            .map(|_| if any { (self.next() >> 32) as u8 } else { SIGNS[self.below(SIGNS.len())] })
            .collect()
    }
}
