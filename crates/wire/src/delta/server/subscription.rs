//! What is known of one name on one stream.

/// What the node has of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Has {
    /// It has not said, and was sent nothing.
    #[default]
    Untold,
    /// It was sent something that it can no longer answer.
    Unsure,
    /// This version.
    Version(String),
    /// It acknowledged that there is none.
    Nothing,
}

/// One name. The default is one that the wildcard brought in.
#[derive(Debug, Default)]
pub(crate) struct Subscription {
    /// Whether the node asked for it by its name, and is owed an answer even when there is none.
    pub(crate) by_name: bool,
    pub(crate) has: Has,
    /// Whether the node asked for it, so that it is sent whatever is known.
    pub(crate) asked_again: bool,
    /// What the node refused last: a version, or that there is none.
    refused: Option<Option<String>>,
}

impl Subscription {
    /// The node subscribes by name. When it has already, it wants to be sent what there is.
    pub(crate) fn ask(&mut self) {
        self.by_name = true;
        self.asked_again = true;
    }

    /// The node said at the start of the stream that it has this version.
    pub(crate) fn has_initially(&mut self, version: String) {
        self.has = Has::Version(version);
        self.asked_again = false;
    }

    pub(crate) fn acked(&mut self, version: Option<String>) {
        self.has = version.map_or(Has::Nothing, Has::Version);
        self.refused = None;
    }

    pub(crate) fn nacked(&mut self, version: Option<String>) {
        self.refused = Some(version);
    }

    /// Whether this is what the node refused last.
    pub(crate) fn refuses(&self, version: Option<&str>) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.as_deref() == version)
    }

    /// Whether the node must be told that this is what there is: a version, or none.
    pub(crate) fn needs(&self, version: Option<&str>) -> bool {
        if self.asked_again {
            return true;
        }
        if self.refuses(version) {
            return false;
        }
        match (&self.has, version) {
            (Has::Version(has), Some(version)) => has != version,
            (Has::Nothing, None) => false,
            // By the wildcard, a name that the node never had need not be taken back.
            (Has::Untold, None) => self.by_name,
            (Has::Unsure, None) | (Has::Version(_), None) => true,
            (Has::Untold | Has::Unsure | Has::Nothing, Some(_)) => true,
        }
    }
}
