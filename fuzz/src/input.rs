//! Bytes as a row of choices, taken from the front. At their end every choice is the first one, so that any bytes are
//! an input, and a mutation in one place leaves the choices before it as they are.

/// The bytes that are left.
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// Below `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub(crate) fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A length of one byte, and as many bytes.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// A length of two bytes, and as many bytes.
    pub(crate) fn long_bytes(&mut self) -> &'a [u8] {
        let length = (usize::from(self.byte()) << 8 | usize::from(self.byte())).min(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// Mostly one of these, so that what must fit together does; sometimes any bytes.
    pub(crate) fn word(&mut self, likely: &[&str]) -> Vec<u8> {
        match self.byte() {
            byte @ 0..224 => likely[usize::from(byte) % likely.len()].as_bytes().to_vec(),
            _ => self.bytes().to_vec(),
        }
    }

    pub(crate) fn text(&mut self, likely: &[&str]) -> String {
        String::from_utf8_lossy(&self.word(likely)).into_owned()
    }

    /// Up to `most` of them.
    pub(crate) fn list<T>(&mut self, most: usize, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| item(self)).collect()
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }
}
