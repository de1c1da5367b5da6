//! What 10,000 Envoys cost the control plane: `cargo bench -p umbra-control-plane --bench nodes`.
//!
//! Three processes on loopback: the `umbra serve` that ships, this one with as many clients (each with a connection of its
//! own, the delta client that the filter has, and keepalive pings as `envoy/sidecar` has them), and for comparison the least
//! server that tonic makes, which sends the same bytes. The two servers run in turn, so that neither disturbs the other.
//!
//! With `UMBRA_BENCH_JSON=FILE` the figures are kept as JSON as well; `UMBRA_BENCH_NODES` and `UMBRA_BENCH_ROUNDS` are what
//! they say, and `UMBRA_BENCH_SERVER` is another `umbra` to be measured.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a benchmark may stop at the first surprise, and printing is what it is for"
)]

mod bare;
mod client;
mod figures;
mod fleet;
mod probe;
mod process;
#[path = "../shared/report.rs"]
mod report;
mod reports;
mod round;
mod server;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::figures::Figures;

fn main() {
    raise_limits();
    // What the API's client would speak TLS with.
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if std::env::args().any(|argument| argument == bare::ARGUMENT) {
        return runtime.block_on(bare::serve());
    }
    let nodes = number("UMBRA_BENCH_NODES", 10_000);
    let rounds = number("UMBRA_BENCH_ROUNDS", 3);
    let mut figures = Figures::new(nodes);
    for number in 0..rounds {
        eprintln!("round {} of {rounds}", number + 1);
        runtime.block_on(round::measure(nodes, number == 0, &mut figures));
    }
    figures.print();
    if let Some(file) = std::env::var_os("UMBRA_BENCH_JSON") {
        std::fs::write(file, figures.json().to_string()).unwrap();
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// A file descriptor for each client, here and in the servers, which inherit the limit.
fn raise_limits() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}
