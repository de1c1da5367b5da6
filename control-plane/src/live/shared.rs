//! A value that many are shown, written once.

use std::sync::{Arc, OnceLock};

use hyper::body::Bytes;

/// A value, and how it is written for clients once somebody asked.
#[derive(Debug)]
pub struct Shared<T> {
    value: T,
    text: OnceLock<Bytes>,
}

impl<T> Shared<T> {
    /// Not written yet.
    pub fn new(value: T) -> Arc<Self> {
        Arc::new(Shared { value, text: OnceLock::new() })
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// How it is written: by `write`, unless somebody did already.
    pub fn text(&self, write: impl FnOnce(&T) -> Bytes) -> Bytes {
        self.text.get_or_init(|| write(&self.value)).clone()
    }
}
