//! Ctrl-C and polite kills: they set a flag, and whoever waits looks at it, so that everything that was
//! started is ended by the ordinary way out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// How often a waiting loop looks again: short beside anything waited for, long beside the cost of looking.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Starts listening for SIGINT, SIGTERM and SIGHUP.
///
/// # Errors
/// When the process may not install signal handlers.
pub(crate) fn listen() -> Result<()> {
    let requested = REQUESTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register(signal, Arc::clone(requested)).context("cannot listen for signals")?;
    }
    Ok(())
}

/// Whether somebody asked this process to end.
pub(crate) fn requested() -> bool {
    REQUESTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Ends the caller with an error when somebody asked for it.
pub(crate) fn check() -> Result<()> {
    if requested() {
        bail!("interrupted");
    }
    Ok(())
}

/// Waits until `look` gives something.
///
/// # Errors
/// What `look` fails with, an interrupt, or `limit` passed: then the message says what was awaited.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        check()?;
        if start.elapsed() > limit {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        thread::sleep(LOOK_AGAIN);
    }
}
