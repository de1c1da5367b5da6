//! `cargo xtask tidy`: the rules of docs/architecture.md that a compiler does not know. Every breach is listed, not
//! only the first.

mod code;
mod files;
mod length;
mod locks;
mod modules;
mod packages;
mod pure;
mod words;

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::say;

/// Checks everything.
///
/// # Errors
/// When a rule is broken, or when the checkout cannot be read.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let files = files::list(checkout)?;
    let mut breaches = packages::check(checkout)?;
    breaches.extend(locks::check(checkout)?);
    breaches.extend(pure::check(&files));
    breaches.extend(modules::check(&files));
    breaches.extend(length::check(&files));
    breaches.extend(words::check(&files));
    if !breaches.is_empty() {
        bail!("{} rules are broken:\n  {}", breaches.len(), breaches.join("\n  "));
    }
    say::line(format_args!("{} files keep the rules; {}", files.len(), length::report(&files)));
    Ok(())
}
