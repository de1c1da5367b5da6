//! wrk and h2load in front of a proxy, nginx behind it, and the proxy's CPU time from /proc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::{nginx, pin};
use crate::http::Client;
use crate::process::Process;
use crate::{ports, run, say};

/// Enough to keep one worker of Envoy busy.
const CONNECTIONS: u32 = 32;

/// Where the services answer with a few bytes of text.
pub(crate) const SMALL: &str = "/products/1?page=2";

/// Where they answer with 2 KB of JSON.
pub(crate) const SHORT_LIST: &str = "/orders";

/// Where they answer with 20 KB of JSON.
pub(crate) const LONG_LIST: &str = "/archive";

/// Where the services answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upstreams {
    /// Production.
    pub(crate) primary: u16,
    /// The shadow.
    pub(crate) shadow: u16,
}

/// What one run came to.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Requests that were answered.
    pub(crate) requests: u64,
    /// Those before the clock started.
    pub(crate) warm_up: u64,
    /// The CPU time that the proxy took meanwhile, in user and kernel mode.
    pub(crate) cpu: Duration,
    /// Copies, by what the services had.
    pub(crate) copies: u64,
}

/// How long answers took, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Latency {
    /// Half of them took at most that.
    pub(crate) p50_us: f64,
    /// 99 of 100 took at most that.
    pub(crate) p99_us: f64,
}

/// Running services, and what loads a proxy in front of them.
#[derive(Debug)]
pub(crate) struct Load {
    /// Dropped with this, which ends it.
    _nginx: Process,
    upstreams: Upstreams,
    /// Where h2load keeps how long each answer took.
    log: PathBuf,
}

/// Installs the tools that are missing, where this user may.
///
/// # Errors
/// When one is missing and cannot be installed: the message says what to install.
pub(crate) fn install_tools() -> Result<()> {
    let missing: Vec<&str> =
        [("nginx", nginx::find()), ("wrk", run::find("wrk")), ("nghttp2-client", run::find("h2load"))]
            .into_iter()
            .filter_map(|(package, tool)| tool.is_none().then_some(package))
            .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let hint = format!("install {} (Debian: apt-get install {})", missing.join(" and "), missing.join(" "));
    if !rustix::process::geteuid().is_root() || run::find("apt-get").is_none() {
        bail!("{hint}");
    }
    say::line(format_args!("installing {}", missing.join(" and ")));
    for arguments in [vec!["update", "-qq"], [&["install", "-qq", "--yes"][..], &missing].concat()] {
        let mut apt = Command::new("apt-get");
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        run::capture(&mut apt, Duration::from_secs(600)).with_context(|| hint.clone())?;
    }
    Ok(())
}

impl Load {
    /// Starts the services on two free ports, with their files in `folder`.
    ///
    /// # Errors
    /// When they do not come up.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let [primary, shadow] = ports::free()?;
        let upstreams = Upstreams { primary, shadow };
        let nginx =
            nginx::start("the services", pin::others, &nginx::services(upstreams, folder)?, folder, primary)?;
        Ok(Self { _nginx: nginx, upstreams, log: folder.join("latency.tsv") })
    }

    /// Where the services answer.
    pub(crate) fn upstreams(&self) -> Upstreams {
        self.upstreams
    }

    /// Loads the proxy that listens on `port` and is the process `id` with as many requests for this path as it carries.
    ///
    /// # Errors
    /// When wrk fails or an answer was not a success.
    pub(crate) fn run(&self, port: u16, id: u32, path: &str, seconds: u32) -> Result<Measured> {
        // Connections to the services are made, and caches filled, before the clock starts.
        let warm_up = self.wrk(port, path, 1)?;
        let (before, served) = (cpu(id)?, self.served()?);
        let requests = self.wrk(port, path, seconds)?;
        let cpu = cpu(id)?.saturating_sub(before);
        let copies = (self.served()? - served).saturating_sub(requests);
        Ok(Measured { requests, warm_up, cpu, copies })
    }

    /// How long answers take while so many requests a second come for this path.
    ///
    /// Each client has a rate of its own, by a timer of ten milliseconds. They begin one after the other, so that their
    /// timers, and their requests, are spread over that time: all at once, each would wait for all the others.
    ///
    /// # Errors
    /// When h2load fails or an answer was not a success.
    pub(crate) fn latency(
        &self,
        port: u16,
        path: &str,
        requests_per_second: u32,
        seconds: u32,
    ) -> Result<Latency> {
        let rate = (requests_per_second / CONNECTIONS).max(1);
        let requests = u64::from(rate) * u64::from(CONNECTIONS) * u64::from(seconds);
        // It appends.
        if self.log.exists() {
            fs::remove_file(&self.log).with_context(|| format!("cannot remove {}", self.log.display()))?;
        }
        let mut h2load = pin::others(run::find("h2load").context("h2load is missing")?);
        h2load
            .args(["--h1", "--threads", "1", "--clients", &CONNECTIONS.to_string()])
            .args(["--requests", &requests.to_string(), "--rps", &rate.to_string()])
            .args(["--rate", "3", "--rate-period", "1ms"])
            .arg(format!("--log-file={}", self.log.display()))
            .arg(format!("http://127.0.0.1:{port}{path}"));
        run::capture(&mut h2load, Duration::from_secs(u64::from(seconds) * 4 + 60))?;
        let log =
            fs::read_to_string(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        let took = took_us(&log)?;
        ensure!(took.len() as u64 == requests, "{} answers to {requests} requests", took.len());
        Ok(Latency { p50_us: quantile(&took, 0.5), p99_us: quantile(&took, 0.99) })
    }

    /// How many requests the services had, both together.
    fn served(&self) -> Result<u64> {
        let answer = Client::new(self.upstreams.primary).send("GET", nginx::STATUS, &[], None)?;
        // The third line: accepted and handled connections, requests.
        let requests =
            answer.body.lines().nth(2).and_then(|line| line.split_whitespace().nth(2)?.parse().ok());
        requests.with_context(|| format!("nginx says of its requests:\n{}", answer.body))
    }

    fn wrk(&self, port: u16, path: &str, seconds: u32) -> Result<u64> {
        let mut wrk = pin::others(run::find("wrk").context("wrk is missing")?);
        wrk.args(["-t", "1", "-c", &CONNECTIONS.to_string(), "-d", &format!("{seconds}s")])
            .args(["-H", "authorization: Bearer token", "-H", "cookie: session=1"])
            .arg(format!("http://127.0.0.1:{port}{path}"));
        let said = run::capture(&mut wrk, Duration::from_secs(u64::from(seconds) + 60))?;
        if said.contains("Non-2xx") || said.contains("Socket errors") {
            bail!("not every request was answered with success:\n{said}");
        }
        let requests = said.lines().find_map(|line| line.split_once(" requests in")?.0.trim().parse().ok());
        requests.filter(|requests| *requests > 0).with_context(|| format!("wrk sent nothing:\n{said}"))
    }
}

/// How long each answer took, sorted, from h2load's log: start, status and duration, both times in microseconds.
fn took_us(log: &str) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    for line in log.lines() {
        let mut columns = line.split('\t').skip(1);
        let (status, us) = (columns.next(), columns.next().and_then(|us| us.parse::<f64>().ok()));
        ensure!(status == Some("200"), "not every request was answered with success: {line}");
        took.push(us.with_context(|| format!("h2load's log has another format: {line}"))?);
    }
    took.sort_by(f64::total_cmp);
    Ok(took)
}

/// The least of the sorted values that this share of them does not exceed.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The CPU time that a process has taken, from `/proc/ID/stat` (proc(5): fields 14 and 15, in clock ticks).
fn cpu(id: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).context("no /proc: this needs Linux")?;
    // The second field is the program's name in parentheses, which may hold spaces.
    let (_, fields) = stat.rsplit_once(") ").context("/proc has another format")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).context("/proc has another format")?;
    Ok(Duration::from_secs_f64((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_read_and_counted_off() {
        let log: String = (1..=200).rev().map(|us| format!("1700000000\t200\t{us}\n")).collect();
        let took = took_us(&log).unwrap();
        assert_eq!(
            (quantile(&took, 0.5), quantile(&took, 0.99), quantile(&took, 1.0)),
            (100.0, 198.0, 200.0)
        );
        took_us("1700000000\t503\t9\n").unwrap_err();
        took_us("1700000000\t200\n").unwrap_err();
    }
}
