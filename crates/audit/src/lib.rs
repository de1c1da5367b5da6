//! The audit trail's hash chain. The control plane adds to it, and `umbractl audit verify` checks it from an export, with
//! the same code.
//!
//! A row's hash is SHA-256 over the hash of the row before it (32 zero bytes before the first) and the row's
//! [canonical encoding](Entry::encode). So a row that was changed, taken out, put in or moved breaks the chain at the
//! first row that it touches.
//!
//! A chain says nothing of rows that are missing at its end, nor of one that was made anew from its beginning: whoever can
//! write to the database can do both. What shows it is a head, [`Chain::head`], that somebody wrote down elsewhere: it
//! must be the hash of some row, [`Chain::remembers`], ever after.
//!
//! Not here: who may write, and where rows are kept.

mod hash;
mod line;

use sha2::{Digest, Sha256};

pub use crate::hash::Hash;
pub use crate::line::Line;

/// What is hashed of a row: everything but its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Grows with every row.
    pub id: u64,
    /// The store's revision that the change made.
    pub revision: u64,
    /// RFC 3339, UTC, to the letter.
    pub at: &'a str,
    /// Who.
    pub actor: &'a str,
    /// From where.
    pub source: &'a str,
    /// What was done.
    pub action: &'a str,
    /// To what kind of thing.
    pub kind: &'a str,
    /// To which.
    pub name: &'a str,
    /// What it was before: JSON text, to the letter.
    pub before: Option<&'a str>,
    /// What it was after: JSON text, to the letter.
    pub after: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
}

/// A chain as far as it was followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    head: Hash,
    rows: u64,
    last_id: u64,
    wanted: Option<Hash>,
    found: bool,
}

/// A row does not go on from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The row's id.
    pub id: u64,
}

impl Entry<'_> {
    /// `umbra-audit-1` and a zero byte; id and revision, 8 bytes each, big end first; then the texts in the order of the
    /// fields, each as a byte 1, its length in bytes (8 bytes, big end first) and its UTF-8, or as a byte 0 where there
    /// is none. No two rows have one encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = b"umbra-audit-1\0".to_vec();
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(self.revision.to_be_bytes());
        let texts = [self.at, self.actor, self.source, self.action, self.kind, self.name];
        for text in texts.into_iter().map(Some).chain([self.before, self.after, self.reason]) {
            match text {
                None => bytes.push(0),
                Some(text) => {
                    bytes.push(1);
                    bytes.extend((text.len() as u64).to_be_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
        bytes
    }
}

impl Chain {
    /// The chain after a row that is known to be whole.
    #[must_use]
    pub fn after(id: u64, hash: Hash) -> Self {
        Chain { head: hash, last_id: id, ..Chain::default() }
    }

    /// From the beginning, looking out for a head that somebody wrote down.
    #[must_use]
    pub fn looking_for(head: Option<Hash>) -> Self {
        Chain { wanted: head, found: head == Some(Hash::default()), ..Chain::default() }
    }

    /// Adds a row, and says its hash.
    pub fn add(&mut self, entry: &Entry<'_>) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(self.head.bytes());
        hasher.update(entry.encode());
        self.head = Hash::new(hasher.finalize().into());
        self.last_id = entry.id;
        self.rows += 1;
        self.found |= self.wanted == Some(self.head);
        self.head
    }

    /// Adds a row that has this hash.
    ///
    /// # Errors
    /// It has another, or its id is not above the last: the row, or what is before it, is not what was written.
    pub fn check(&mut self, entry: &Entry<'_>, hash: Hash) -> Result<(), Broken> {
        let grows = entry.id > self.last_id;
        if self.add(entry) == hash && grows { Ok(()) } else { Err(Broken { id: entry.id }) }
    }

    /// The hash of the last row; zeros before the first.
    #[must_use]
    pub fn head(&self) -> Hash {
        self.head
    }

    /// How many rows were added.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The id of the last row; 0 before the first.
    #[must_use]
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Whether the head that it was [looking for](Chain::looking_for) was there; `true` if for none.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.wanted.is_none() || self.found
    }
}
