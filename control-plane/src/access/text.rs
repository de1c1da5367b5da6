//! Tokens as people and programs hold them: `umbra_<id>_<secret>`, and `umbra_node_<id>_<secret>` for nodes.

use crate::access::random::{self, NoRandom};

/// What every token begins with, so that scanners of source code and logs find those that were lost.
pub const PREFIX: &str = "umbra_";
/// What follows it in those of nodes.
const NODE: &str = "node_";
/// Secrets that somebody else made may have this many characters: the least holds 256 bits in base 64.
const SECRET_CHARACTERS: std::ops::RangeInclusive<usize> = 43..=128;
/// The same of ids.
const ID_CHARACTERS: std::ops::RangeInclusive<usize> = 1..=32;

/// A token that was shown, taken apart. Nothing says yet that it is good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    /// Whether it says that it is a node's.
    pub is_node: bool,
    /// Finds what is known of it.
    pub id: &'a str,
    /// Proves it.
    pub secret: &'a str,
}

/// A token that was just made: nobody has it but whoever asked.
pub struct Made {
    /// Finds it.
    pub id: String,
    /// The whole of it, for its holder's eyes alone.
    pub text: String,
}

impl<'a> Shown<'a> {
    /// Takes a token apart; `None` for what cannot be one.
    pub fn parse(text: &'a str) -> Option<Shown<'a>> {
        let rest = text.strip_prefix(PREFIX)?;
        let (rest, is_node) = rest.strip_prefix(NODE).map_or((rest, false), |rest| (rest, true));
        let (id, secret) = rest.split_once('_')?;
        let is_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_secret = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let fits = ID_CHARACTERS.contains(&id.len())
            && SECRET_CHARACTERS.contains(&secret.len())
            && id.chars().all(is_id)
            && secret.chars().all(is_secret);
        fits.then_some(Shown { is_node, id, secret })
    }
}

impl Made {
    /// Makes a token with 256 bits of secret.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new(is_node: bool) -> Result<Made, NoRandom> {
        let (id, secret): ([u8; 6], [u8; 32]) = (random::bytes()?, random::bytes()?);
        let (id, secret) = (random::hex(&id), random::hex(&secret));
        let node = if is_node { NODE } else { "" };
        Ok(Made { text: format!("{PREFIX}{node}{id}_{secret}"), id })
    }

    /// What proves it.
    pub fn secret(&self) -> &str {
        self.text.rsplit('_').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_made_is_read() {
        for is_node in [false, true] {
            let made = Made::new(is_node).unwrap();
            let shown = Shown::parse(&made.text).unwrap();
            assert_eq!((shown.is_node, shown.id, shown.secret), (is_node, made.id.as_str(), made.secret()));
            assert_eq!(shown.secret.len(), 64);
            assert_ne!(Made::new(is_node).unwrap().text, made.text);
        }
    }

    #[test]
    fn what_holds_less_than_256_bits_is_none() {
        let ok = format!("umbra_bootstrap_{}", "a".repeat(43));
        assert!(Shown::parse(&ok).is_some_and(|shown| shown.id == "bootstrap"));
        for text in [
            format!("umbra_bootstrap_{}", "a".repeat(42)),
            format!("umbra_bootstrap_{}", "a".repeat(129)),
            format!("umbra__{}", "a".repeat(43)),
            format!("umbra_A_{}", "a".repeat(43)),
            format!("umbra_a_{}é", "a".repeat(43)),
            format!("umbra_{}", "a".repeat(64)),
            format!("other_a_{}", "a".repeat(43)),
            String::new(),
        ] {
            assert!(Shown::parse(&text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_panics(text in "(umbra_)?(node_)?.{0,80}") {
            if let Some(shown) = Shown::parse(&text) {
                prop_assert!(text.contains(shown.id) && text.ends_with(shown.secret));
            }
        }
    }
}
