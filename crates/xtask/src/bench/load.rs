//! wrk in front of Envoy, nginx behind it, and Envoy's CPU time from /proc.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::http::Client;
use crate::process::Process;
use crate::{interrupt, ports, run, say};

/// Enough to keep one worker of Envoy busy.
const CONNECTIONS: u32 = 32;

/// Where nginx answers with a few bytes of text.
pub(crate) const SMALL: &str = "/products/1?page=2";

/// Where it answers with 2 KB of JSON.
pub(crate) const LIST: &str = "/orders";

/// Where nginx answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upstreams {
    /// As production.
    pub(crate) primary: u16,
    /// As the shadow.
    pub(crate) shadow: u16,
}

/// What one run came to.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Requests that were answered.
    pub(crate) requests: u64,
    /// The CPU time that Envoy took meanwhile, in user and kernel mode.
    pub(crate) cpu: Duration,
}

/// Running upstreams, and how long to load them.
#[derive(Debug)]
pub(crate) struct Load {
    /// Dropped with this, which ends it.
    _nginx: Process,
    upstreams: Upstreams,
    seconds: u32,
}

/// Installs nginx and wrk where they are missing and this user may.
///
/// # Errors
/// When they are missing and cannot be installed: the message says what to install.
pub(crate) fn install_tools() -> Result<()> {
    let missing: Vec<&str> = ["nginx", "wrk"].into_iter().filter(|tool| find(tool).is_none()).collect();
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

/// Debian keeps nginx where only root's `PATH` looks.
fn find(tool: &str) -> Option<std::path::PathBuf> {
    run::find(tool).or_else(|| Some(Path::new("/usr/sbin").join(tool)).filter(|file| file.is_file()))
}

impl Load {
    /// Starts nginx on two free ports, with its files in `folder`.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn start(folder: &Path, seconds: u32) -> Result<Self> {
        let [primary, shadow] = ports::free()?;
        let config = folder.join("nginx.conf");
        fs::write(&config, nginx(primary, shadow, folder))?;
        let mut nginx = Process::start_logged(
            "nginx",
            Command::new(find("nginx").context("nginx is missing")?)
                .arg("-p")
                .arg(folder)
                .arg("-c")
                .arg(&config),
            &folder.join("nginx.log"),
        )?;
        let client = Client::new(primary);
        interrupt::wait_for("nginx", Duration::from_secs(20), || {
            nginx.must_run()?;
            Ok(client.is_ok("/").then_some(()))
        })?;
        Ok(Self { _nginx: nginx, upstreams: Upstreams { primary, shadow }, seconds })
    }

    /// How long a run takes, apart from its beginning.
    pub(crate) fn seconds(&self) -> u32 {
        self.seconds
    }

    /// Where nginx answers.
    pub(crate) fn ports(&self) -> Upstreams {
        self.upstreams
    }

    /// Loads the Envoy that listens on `port` and is the process `id` with requests for this path.
    ///
    /// # Errors
    /// When wrk fails or an answer was not a success.
    pub(crate) fn run(&self, port: u16, id: u32, path: &str) -> Result<Measured> {
        // Connections to the upstreams are made before the clock starts.
        self.wrk(port, path, 1)?;
        let before = cpu(id)?;
        let requests = self.wrk(port, path, self.seconds)?;
        Ok(Measured { requests, cpu: cpu(id)?.saturating_sub(before) })
    }

    fn wrk(&self, port: u16, path: &str, seconds: u32) -> Result<u64> {
        let mut wrk = Command::new(find("wrk").context("wrk is missing")?);
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

/// The shadow's list has another price in a tenth of the answers.
fn nginx(primary: u16, shadow: u16, folder: &Path) -> String {
    let server = |port: u16, price: &str| {
        format!(
            "server {{ listen 127.0.0.1:{port}; \
             location / {{ default_type text/plain; return 200 'a small answer'; }} \
             location {LIST} {{ default_type application/json; return 200 '{}'; }} }}",
            list(price)
        )
    };
    format!(
        "daemon off; pid {0}/nginx.pid; error_log {0}/nginx-error.log; worker_processes 1;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; keepalive_requests 100000000;\n\
         split_clients $request_id $price {{ 10% 2; * 1; }}\n\
         client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3; uwsgi_temp_path {0}/t4; scgi_temp_path {0}/t5;\n\
         {1}\n{2} }}\n",
        folder.display(),
        server(primary, "1"),
        server(shadow, "$price")
    )
}

/// A list of orders, 2 KB of JSON, of which the last has this price.
fn list(price: &str) -> String {
    let order = |id: usize, price: &str| {
        format!(r#"{{"id":{id},"name":"order number {id}","price":{price},"tags":["new","paid","shipped"]}}"#)
    };
    let mut orders: Vec<String> = (100..127).map(|id| order(id, "1")).collect();
    orders.push(order(127, price));
    format!("[{}]", orders.join(","))
}
