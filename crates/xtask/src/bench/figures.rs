//! What the measurements add up to: medians, spreads, ratios within a round, and whether the goals are met.

use serde::Serialize;
use serde_json::Value;

use super::load::Latency;
use super::setups::{GOALS, Setup, TIMED};
use crate::say;

/// Everything that is kept; what was not asked for is null.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// The size of the module that ships.
    pub(crate) module_bytes: u64,
    /// Comparing JSON beside parsing it, as its own benchmark keeps it.
    pub(crate) json: Option<Value>,
    /// What one core takes in, as its own benchmark keeps it.
    pub(crate) intake: Option<Value>,
    /// What 10,000 nodes cost the control plane, likewise.
    pub(crate) control_plane: Option<Value>,
    /// What requests cost the proxies.
    pub(crate) proxies: Option<ProxyFigures>,
}

/// What requests cost the proxies.
#[derive(Debug, Serialize)]
pub(crate) struct ProxyFigures {
    /// One for each setup.
    setups: Vec<SetupFigures>,
    goals: Vec<Goal>,
    latency: Vec<LatencyFigures>,
}

/// What one setup came to.
#[derive(Debug, Clone)]
pub(crate) struct SetupTurns {
    /// Which.
    pub(crate) setup: &'static Setup,
    /// The proxy's CPU time per request, in microseconds, turn by turn.
    pub(crate) cpu_us: Vec<f64>,
    /// How many requests a second it carried, likewise.
    pub(crate) requests_per_second: Vec<f64>,
    /// How long answers took at the rate that all carry, likewise; of some setups.
    pub(crate) latency: Vec<Latency>,
    /// All requests so far, also those for which no clock ran.
    pub(crate) requests: u64,
    /// Bytes that it sent to its control plane per request, if it has one. Reports go by the second, so that fewer bytes fall
    /// on one of many requests.
    pub(crate) telemetry_bytes: Option<f64>,
}

impl SetupTurns {
    /// No turn yet.
    pub(crate) fn new(setup: &'static Setup) -> Self {
        let (cpu_us, requests_per_second, latency) = (Vec::new(), Vec::new(), Vec::new());
        Self { setup, cpu_us, requests_per_second, latency, requests: 0, telemetry_bytes: None }
    }
}

#[derive(Debug, Serialize)]
struct SetupFigures {
    name: &'static str,
    /// What it is compared with.
    base: &'static str,
    /// CPU time per request, in microseconds, turn by turn.
    cpu_us: Vec<f64>,
    cpu_us_spread: Spread,
    /// The same divided by the base's of the same turn.
    ratio_spread: Spread,
    requests_per_second: Spread,
    telemetry_bytes_per_request: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Goal {
    of: &'static str,
    to: &'static str,
    ratio: Spread,
    at_most: f64,
}

#[derive(Debug, Serialize)]
struct LatencyFigures {
    name: &'static str,
    requests_per_second: u32,
    p50_us: Spread,
    p99_us: Spread,
    /// The p99 divided by that of the first setup that is timed, of the same turn.
    p99_ratio: Spread,
}

/// The middle of some figures, and where the half around it lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Spread {
    median: f64,
    lower_quartile: f64,
    upper_quartile: f64,
}

impl ProxyFigures {
    /// From what was measured; latency at this rate.
    pub(crate) fn of(measured: &[SetupTurns], timed_at: u32) -> Self {
        let setups = measured.iter().map(|turns| SetupFigures {
            name: turns.setup.name,
            base: turns.setup.base,
            cpu_us: turns.cpu_us.clone(),
            cpu_us_spread: Spread::of(&turns.cpu_us),
            ratio_spread: Spread::of(&ratios(measured, turns.setup.name, turns.setup.base, |it| &it.cpu_us)),
            requests_per_second: Spread::of(&turns.requests_per_second),
            telemetry_bytes_per_request: turns.telemetry_bytes,
        });
        let are_known = |of: &str, to: &str| [of, to].iter().all(|name| named(measured, name).is_some());
        let goals = GOALS.iter().filter(|(of, to, _)| are_known(of, to)).map(|&(of, to, at_most)| {
            let ratio = Spread::of(&ratios(measured, of, to, |turns| &turns.cpu_us));
            Goal { of, to, ratio, at_most }
        });
        let p99: Vec<f64> = named(measured, TIMED[0]).map(p99_us).unwrap_or_default();
        let latency = TIMED.iter().filter_map(|name| named(measured, name)).map(|turns| {
            let p50_us: Vec<f64> = turns.latency.iter().map(|latency| latency.p50_us).collect();
            let ratios: Vec<f64> = p99_us(turns).iter().zip(&p99).map(|(us, base)| us / base).collect();
            LatencyFigures {
                name: turns.setup.name,
                requests_per_second: timed_at,
                p50_us: Spread::of(&p50_us),
                p99_us: Spread::of(&p99_us(turns)),
                p99_ratio: Spread::of(&ratios),
            }
        });
        Self { setups: setups.collect(), goals: goals.collect(), latency: latency.collect() }
    }

    /// Prints the tables.
    pub(crate) fn print(&self) {
        let head = [
            "CPU per request",
            "µs (half of the turns)",
            "ratio (half of the turns)",
            "requests/s",
            "compared with",
        ];
        let [name, us, ratio, rate, base] = head;
        say::line(format_args!("\n{name:<36} {us:>22} {ratio:>22} {rate:>11}  {base}"));
        for setup in &self.setups {
            let (us, ratio) = (setup.cpu_us_spread.show(1), setup.ratio_spread.show(2));
            let (name, rate, base) = (setup.name, setup.requests_per_second.median, setup.base);
            say::line(format_args!("{name:<36} {us:>22} {ratio:>22} {rate:>11.0}  {base}"));
        }
        for setup in &self.setups {
            // A byte per request is a megabyte per million requests.
            let Some(megabytes) = setup.telemetry_bytes_per_request else { continue };
            say::line(format_args!("telemetry, {}: {megabytes:.1} MB per million requests", setup.name));
        }
        say::line("");
        for Goal { of, to, ratio, at_most } in &self.goals {
            let met = if ratio.median <= *at_most { "met" } else { "not met" };
            say::line(format_args!("{of} / {to}: {} (goal: {at_most:.2}, {met})", ratio.show(2)));
        }
        for latency in &self.latency {
            let (p50, p99, ratio) =
                (latency.p50_us.show(0), latency.p99_us.show(0), latency.p99_ratio.show(2));
            let (name, rate) = (latency.name, latency.requests_per_second);
            say::line(format_args!(
                "{name}, at {rate} requests/s: p50 {p50} µs, p99 {p99} µs, ratio {ratio}"
            ));
        }
    }
}

fn named<'a>(measured: &'a [SetupTurns], name: &str) -> Option<&'a SetupTurns> {
    measured.iter().find(|turns| turns.setup.name == name)
}

fn p99_us(turns: &SetupTurns) -> Vec<f64> {
    turns.latency.iter().map(|latency| latency.p99_us).collect()
}

/// A figure of one setup divided by another's of the same turn.
fn ratios(measured: &[SetupTurns], of: &str, to: &str, figure: fn(&SetupTurns) -> &Vec<f64>) -> Vec<f64> {
    let (Some(of), Some(to)) = (named(measured, of), named(measured, to)) else { return Vec::new() };
    figure(of).iter().zip(figure(to)).map(|(of, to)| of / to).collect()
}

/// The middle of some figures.
pub(crate) fn median(figures: &[f64]) -> f64 {
    Spread::of(figures).median
}

impl Spread {
    fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let last = sorted.len().max(1) - 1;
        let median = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
        Self { median, lower_quartile: at(last / 4), upper_quartile: at((last * 3).div_ceil(4)) }
    }

    fn show(self, decimals: usize) -> String {
        let Self { median, lower_quartile, upper_quartile } = self;
        format!("{median:.decimals$} ({lower_quartile:.decimals$} to {upper_quartile:.decimals$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::setups::ALL;

    #[test]
    fn a_spread_is_the_median_and_the_half_around_it() {
        for (figures, median, lower_quartile, upper_quartile) in [
            (&[3.0, 1.0, 2.0][..], 2.0, 1.0, 3.0),
            (&[4.0, 1.0], 2.5, 1.0, 4.0),
            (&[7.0], 7.0, 7.0, 7.0),
            (&[9.0, 2.0, 3.0, 1.0, 4.0], 3.0, 2.0, 4.0),
        ] {
            assert_eq!(Spread::of(figures), Spread { median, lower_quartile, upper_quartile });
        }
    }

    #[test]
    fn ratios_are_within_a_turn() {
        let (of, to, _) = GOALS[0];
        let turns = |name, cpu_us: [f64; 2]| SetupTurns {
            cpu_us: cpu_us.to_vec(),
            requests_per_second: vec![1.0, 1.0],
            ..SetupTurns::new(ALL.iter().find(|setup| setup.name == name).unwrap())
        };
        let measured = [turns(to, [50.0, 100.0]), turns(of, [75.0, 150.0])];
        let figures = ProxyFigures::of(&measured, 1);
        assert_eq!(
            figures.setups[1].ratio_spread,
            Spread { median: 1.5, lower_quartile: 1.5, upper_quartile: 1.5 }
        );
        assert_eq!(figures.goals[0].ratio.median, 1.5);
    }
}
