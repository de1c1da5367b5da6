//! The server's key, without which what the database says of tokens and sessions proves nothing.
//!
//! It is in a file of its own, so that a stolen database reveals no token and makes none.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tracing::warn;

use crate::access::random::{self, NoRandom};

/// HMAC-SHA-256 under the server's key.
pub type Tag = [u8; 32];

/// A key of 256 bits is 64 digits and a line's end; more is something else.
const MAX_FILE_BYTES: u64 = 128;

/// What a tag is of. A tag of one thing is none of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The secret of a token.
    Token,
    /// The secret of a session's cookie.
    Session,
    /// What proves that a request of a session was made by the console's own page.
    Csrf,
    /// Nothing: tells whether this is the key that the database was used with.
    Check,
}

/// The server's key.
#[derive(Clone)]
pub struct ServerKey([u8; 32]);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is not there and cannot be made, or cannot be read.
    #[error("cannot read or make the token key {}", path.display())]
    File {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} holds no token key: it should be 64 hexadecimal digits", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// No key can be made.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

impl ServerKey {
    /// Reads the key from `path`. Where there is no such file, makes a key and keeps it there, for its owner alone.
    ///
    /// # Errors
    /// There is no key in it, or it cannot be read or made.
    pub fn load_or_make(path: &Path) -> Result<ServerKey, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return ServerKey::make(path),
            Err(error) => return Err(failed(error)),
        };
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777), "others may read the token key");
        }
        let mut text = String::new();
        Read::by_ref(&mut file).take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(failed)?;
        unhex(text.trim()).map(ServerKey).ok_or_else(|| KeyError::NoKey { path: path.to_owned() })
    }

    fn make(path: &Path) -> Result<ServerKey, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let key = random::bytes()?;
        let mut file = File::options().create_new(true).write(true).mode(0o600).open(path).map_err(failed)?;
        writeln!(file, "{}", random::hex(&key)).map_err(failed)?;
        // Tokens are made under it right away: it must not be younger than they are after a power cut.
        file.sync_all().map_err(failed)?;
        Ok(ServerKey(key))
    }

    /// The tag of `data`.
    pub fn tag(&self, purpose: Purpose, data: &[u8]) -> Tag {
        self.mac(purpose, data).finalize().into_bytes().into()
    }

    /// Whether `tag` is that of `data`, in a time that says nothing about either.
    pub fn proves(&self, purpose: Purpose, data: &[u8], tag: &[u8]) -> bool {
        self.mac(purpose, data).verify_slice(tag).is_ok()
    }

    fn mac(&self, purpose: Purpose, data: &[u8]) -> Hmac<Sha256> {
        // HMAC pads a key that is shorter than a block with zeros (RFC 2104, section 2).
        let mut block = [0; 64];
        block.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        let purpose: &[u8] = match purpose {
            Purpose::Token => b"umbra token\0",
            Purpose::Session => b"umbra session\0",
            Purpose::Csrf => b"umbra csrf\0",
            Purpose::Check => b"umbra check\0",
        };
        mac.update(purpose);
        mac.update(data);
        mac
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(…)")
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("umbra.db.key");
        let made = ServerKey::load_or_make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(ServerKey::load_or_make(&path).unwrap().0, made.0);
        assert_eq!(format!("{made:?}"), "ServerKey(…)");
        let other = ServerKey::load_or_make(&folder.path().join("other")).unwrap();
        assert_ne!(other.0, made.0);
        for text in ["", "abc", &"g".repeat(64), &"a".repeat(66), &"é".repeat(32)] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(ServerKey::load_or_make(&path), Err(KeyError::NoKey { .. })), "{text}");
        }
    }

    #[test]
    fn a_tag_proves_one_thing_for_one_purpose_under_one_key() {
        let key = ServerKey([1; 32]);
        let tag = key.tag(Purpose::Token, b"secret");
        assert!(key.proves(Purpose::Token, b"secret", &tag));
        assert!(!key.proves(Purpose::Token, b"secreT", &tag));
        assert!(!key.proves(Purpose::Session, b"secret", &tag));
        assert!(!ServerKey([2; 32]).proves(Purpose::Token, b"secret", &tag));
        assert!(!key.proves(Purpose::Token, b"secret", &tag[..31]));
    }
}
