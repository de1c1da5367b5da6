//! Where state is kept.

use std::path::{Path, PathBuf};

/// Where state is kept: a SQLite file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUrl {
    path: PathBuf,
}

impl DatabaseUrl {
    /// Parses `sqlite://umbra.db` (in the working directory) or `sqlite:///var/lib/umbra.db`. What follows the two
    /// slashes is the path as it is: nothing in it is decoded, and there are no parameters.
    ///
    /// # Errors
    /// In words, for the operator.
    pub fn parse(text: &str) -> Result<DatabaseUrl, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Err("this release keeps state in SQLite only: give sqlite://PATH".to_owned());
        }
        let Some(path) = text.strip_prefix("sqlite://") else {
            return Err(format!(
                "{text:?} is not a database: give sqlite://PATH, as sqlite:///var/lib/umbra.db"
            ));
        };
        if path.is_empty() {
            return Err("the path is missing: give sqlite://PATH, as sqlite:///var/lib/umbra.db".to_owned());
        }
        if path.contains('?') {
            return Err("there are no parameters: give sqlite://PATH alone".to_owned());
        }
        Ok(DatabaseUrl { path: PathBuf::from(path) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl From<PathBuf> for DatabaseUrl {
    fn from(path: PathBuf) -> Self {
        DatabaseUrl { path }
    }
}
