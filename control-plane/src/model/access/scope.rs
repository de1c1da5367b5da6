//! Which shadows an operator may move: all, some by name, or those whose labels fit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use umbra_resource::manifest::Metadata;

/// Names in one scope, or terms in one selector. Who needs more wants a label.
const MAX_ITEMS: usize = 100;
/// A name, a label's key or its value, in bytes.
const MAX_ITEM_BYTES: usize = 256;

/// Which shadows an operator may move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub enum Scope {
    /// Every one.
    #[default]
    All,
    /// Those with these names; at least one.
    Shadows(BTreeSet<String>),
    /// Those whose labels fit, as they are at the moment of asking.
    Selector(Selector),
}

/// A condition on labels: all of its terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    key: String,
    value: String,
    /// `true`: the label is there and has this value. `false`: it is not there, or has another.
    wanted: bool,
}

impl Scope {
    /// The shadows with these names.
    ///
    /// # Errors
    /// In words: there are none, too many, or one that no shadow can have.
    pub fn shadows(names: impl IntoIterator<Item = String>) -> Result<Scope, String> {
        let names: BTreeSet<String> = names.into_iter().collect();
        if names.is_empty() {
            return Err("names no shadow: give one at least".to_owned());
        }
        if names.len() > MAX_ITEMS {
            return Err(format!("names more than {MAX_ITEMS} shadows: give them a label, and a selector"));
        }
        if let Some(name) = names.iter().find(|name| name.is_empty() || name.len() > MAX_ITEM_BYTES) {
            return Err(format!("{name:?} is not a shadow's name"));
        }
        Ok(Scope::Shadows(names))
    }

    /// What a person types: names between commas, or a selector, which has an `=`.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub fn parse(text: &str) -> Result<Scope, String> {
        if text.contains('=') {
            return Selector::parse(text).map(Scope::Selector);
        }
        Scope::shadows(text.split(',').map(|name| name.trim().to_owned()))
    }

    /// Whether the shadow that has this `metadata` is one of them.
    pub fn holds(&self, metadata: &Metadata) -> bool {
        match self {
            Scope::All => true,
            Scope::Shadows(names) => names.contains(&metadata.name),
            Scope::Selector(selector) => selector.fits(&metadata.labels),
        }
    }
}

impl fmt::Display for Scope {
    /// In words for people: `every shadow`, `the shadows a, b`, `the shadows with team=cart`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::All => f.write_str("every shadow"),
            Scope::Shadows(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                write!(f, "the shadows {}", names.join(", "))
            }
            Scope::Selector(selector) => write!(f, "the shadows with {selector}"),
        }
    }
}

impl Selector {
    /// Reads `team=cart,env!=prod`: the equality-based selectors of Kubernetes. `==` is `=`; `!=` also takes what has
    /// no such label.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub fn parse(text: &str) -> Result<Selector, String> {
        let terms = text.split(',').map(Term::parse).collect::<Result<Vec<_>, _>>()?;
        if terms.len() > MAX_ITEMS {
            return Err(format!("has more than {MAX_ITEMS} terms"));
        }
        Ok(Selector { terms })
    }

    /// Whether `labels` meet all of its terms.
    pub fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        self.terms.iter().all(|term| (labels.get(&term.key) == Some(&term.value)) == term.wanted)
    }
}

impl Term {
    fn parse(text: &str) -> Result<Term, String> {
        let wrong = || format!("{text:?} is not a condition on a label: give key=value or key!=value");
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        let (key, wanted) = match key.strip_suffix('!') {
            Some(key) => (key, false),
            None => (key, true),
        };
        let value = if wanted { value.strip_prefix('=').unwrap_or(value) } else { value };
        let (key, value) = (key.trim(), value.trim());
        let is_sound = |text: &str| {
            text.len() <= MAX_ITEM_BYTES && !text.chars().any(|c| c.is_control() || matches!(c, '=' | '!'))
        };
        if key.is_empty() || !is_sound(key) || !is_sound(value) {
            return Err(wrong());
        }
        Ok(Term { key: key.to_owned(), value: value.to_owned(), wanted })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Term { key, value, wanted }) in self.terms.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let sign = if *wanted { "=" } else { "!=" };
            write!(f, "{comma}{key}{sign}{value}")?;
        }
        Ok(())
    }
}

/// As kept and as shown: exactly one of these.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shadows: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    selector: Option<String>,
}

impl From<Scope> for Written {
    fn from(scope: Scope) -> Written {
        let (all, shadows, selector) = match scope {
            Scope::All => (Some(true), None, None),
            Scope::Shadows(names) => (None, Some(names), None),
            Scope::Selector(selector) => (None, None, Some(selector.to_string())),
        };
        Written { all, shadows, selector }
    }
}

impl TryFrom<Written> for Scope {
    type Error = String;

    fn try_from(written: Written) -> Result<Scope, String> {
        match written {
            Written { all: Some(true), shadows: None, selector: None } => Ok(Scope::All),
            Written { all: None, shadows: Some(names), selector: None } => Scope::shadows(names),
            Written { all: None, shadows: None, selector: Some(text) } => {
                Selector::parse(&text).map(Scope::Selector)
            }
            _ => {
                Err("a scope is one of {\"all\": true}, {\"shadows\": […]} and {\"selector\": \"…\"}"
                    .to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shadow(name: &str, labels: &[(&str, &str)]) -> Metadata {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Metadata { name: name.to_owned(), labels, ..Metadata::default() }
    }

    #[test]
    fn names_and_selectors_hold_what_they_say() {
        let cart = shadow("a", &[("team", "cart"), ("env", "prod")]);
        let other = shadow("b", &[("team", "search")]);
        for (text, of_cart, of_other) in [
            ("a", true, false),
            ("a, b", true, true),
            ("team=cart", true, false),
            ("team==cart", true, false),
            ("team!=cart", false, true),
            ("env!=prod", false, true),
            ("team=cart,env!=prod", false, false),
            ("team=cart, env=prod", true, false),
            ("env=", false, false),
        ] {
            let scope = Scope::parse(text).unwrap();
            assert_eq!((scope.holds(&cart), scope.holds(&other)), (of_cart, of_other), "{text}");
        }
        assert!(Scope::All.holds(&cart));
    }

    #[test]
    fn what_would_hold_by_mistake_is_refused() {
        for text in ["", ",", "a,,b", "=x", "!=x", "team=a=b", "team=a,,", "team===a", "te!am=x"] {
            assert!(Scope::parse(text).is_err(), "{text}");
        }
        for json in
            [r"{}", r#"{"all":false}"#, r#"{"all":true,"shadows":["a"]}"#, r#"{"shadows":[]}"#, r#"{"x":1}"#]
        {
            assert!(serde_json::from_str::<Scope>(json).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_what_is_written_is_read_back(text in "[a-c!=, ]{0,12}|.{0,20}") {
            if let Ok(scope) = Scope::parse(&text) {
                let json = serde_json::to_string(&scope).unwrap();
                prop_assert_eq!(serde_json::from_str::<Scope>(&json).unwrap(), scope);
            }
        }
    }
}
