//! The first admin: without one nobody could make another.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::warn;

use crate::access::change::token;
use crate::access::text::{Made, Shown};
use crate::access::{Access, AccessError, now_ms};
use crate::model::access::Role;
use crate::model::access::scope::Scope;
use crate::model::access::token::{Grant, NewToken, Token};
use crate::model::audit::Origin;

/// More is no token.
const MAX_FILE_BYTES: u64 = 1_024;

/// Where the first admin's token comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Bootstrap {
    /// The operator made it.
    Given(String),
    /// This file has it; where it is not there, a token is made and written to it.
    File(PathBuf),
    /// One is made and handed to whoever started the server.
    Printed,
    /// There is no way to hand one to anybody.
    Nowhere,
}

impl std::fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Bootstrap::Given(_) => f.write_str("Given(…)"),
            Bootstrap::File(path) => write!(f, "File({})", path.display()),
            Bootstrap::Printed => f.write_str("Printed"),
            Bootstrap::Nowhere => f.write_str("Nowhere"),
        }
    }
}

impl Access {
    /// Makes the first admin's token, if nobody could come in as an admin otherwise. Returns it if it is to be printed.
    ///
    /// # Errors
    /// It cannot be had from where it should come, or there is nowhere to hand it to; with an identity provider, whose
    /// admins may come in, neither that nor a token that is spent is an error.
    pub async fn bootstrap(self: &Arc<Self>, from: &Bootstrap) -> Result<Option<String>, AccessError> {
        if self.has_admin() {
            return Ok(None);
        }
        match self.first(from).await {
            Err(error @ AccessError::Spent { .. }) if self.oidc.is_some() => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "only admins of the identity provider can come in"
                );
                Ok(None)
            }
            Err(AccessError::NoAdmin) if self.oidc.is_some() => Ok(None),
            first => first,
        }
    }

    async fn first(self: &Arc<Self>, from: &Bootstrap) -> Result<Option<String>, AccessError> {
        match from {
            Bootstrap::Given(text) => self.take("UMBRA_BOOTSTRAP_TOKEN", text).await.map(|()| None),
            Bootstrap::File(path) => {
                let text = match read(path).map_err(|source| file(path, source))? {
                    Some(text) => text,
                    None => {
                        // Written before it is good for anything: what cannot be written locks nobody out.
                        let made = Made::new(false)?;
                        write(path, &made.text).map_err(|source| file(path, source))?;
                        made.text
                    }
                };
                self.take(&path.display().to_string(), &text).await.map(|()| None)
            }
            Bootstrap::Printed => Ok(Some(self.create(new(), &origin()).await?.1)),
            Bootstrap::Nowhere => Err(AccessError::NoAdmin),
        }
    }

    /// Whether somebody can come in as an admin and make tokens.
    fn has_admin(&self) -> bool {
        let now_ms = now_ms();
        let is_admin = |token: &Token| {
            matches!(token.grant, Grant::Person { role: Role::Admin, .. }) && token.spent(now_ms).is_none()
        };
        self.dev || self.tokens.list().iter().any(is_admin)
    }

    async fn take(self: &Arc<Self>, place: &str, text: &str) -> Result<(), AccessError> {
        let wrong = |detail: &str| AccessError::Given { place: place.to_owned(), detail: detail.to_owned() };
        let shown = Shown::parse(text.trim()).filter(|shown| !shown.is_node).ok_or_else(|| {
            wrong("it is not a token: make one with  echo \"umbra_bootstrap_$(openssl rand -hex 32)\"")
        })?;
        // Rows of spent tokens go in the end. What was revoked does not come back for that.
        if self.tokens.get(shown.id).is_some() || self.store.was_made(shown.id).await? {
            return Err(AccessError::Spent { place: place.to_owned() });
        }
        let token = token(shown.id.to_owned(), new(), &origin());
        self.keep_token(token, shown.secret, &origin()).await
    }
}

fn new() -> NewToken {
    let grant = Grant::Person { role: Role::Admin, scope: Scope::All };
    NewToken { name: "bootstrap".to_owned(), grant, expires_ms: None }
}

fn origin() -> Origin {
    Origin { actor: "umbra".to_owned(), source: "start".to_owned(), reason: None }
}

fn file(path: &Path, source: io::Error) -> AccessError {
    AccessError::BootstrapFile { path: path.to_owned(), source }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    Ok(Some(text))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().create_new(true).write(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_not_shown() {
        let made = Made::new(false).unwrap();
        assert!(!format!("{:?}", Bootstrap::Given(made.text.clone())).contains(made.secret()));
    }

    #[test]
    fn a_file_is_written_once_for_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert_eq!(read(&path).unwrap(), None);
        write(&path, "abc").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("abc\n"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        write(&path, "abc").unwrap_err();
    }
}
