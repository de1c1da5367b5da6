//! File descriptors: as many as the system gives this process, and what to use them for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::app::server::MAX_API_CONNECTIONS;

/// The database, its connections, the log, and whatever a library opens for a moment.
const OTHERS: usize = 128;

/// Raises this process's limit as far as it may, and says how many connections of Envoys fit: `wanted` at most. Without that,
/// Envoys that are too many would keep operators from connecting, and the database from opening a file.
pub(crate) fn connections(wanted: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let limit = if raised { maximum } else { current };
    let Some(limit) = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)) else { return wanted };
    let room = limit.saturating_sub(MAX_API_CONNECTIONS + OTHERS).max(limit / 2);
    if room < wanted {
        warn!(
            limit,
            connections = room,
            "this process may open fewer files than --max-xds-connections wants: raise its limit (LimitNOFILE of systemd, \
             ulimit -Hn), or the connections that are one too many wait"
        );
    }
    wanted.min(room)
}
