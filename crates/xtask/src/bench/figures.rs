//! What the measurements add up to: medians, spreads, and ratios to an Envoy without anything.

use serde::Serialize;
use serde_json::Value;

use super::setups::Setup;
use crate::say;

/// Everything that is kept.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// The size of the module that ships.
    module_bytes: u64,
    /// Comparing JSON beside parsing it, as its own benchmark keeps it.
    json: Value,
    /// What one core takes in, as its own benchmark keeps it.
    intake: Value,
    /// One for each setup.
    setups: Vec<SetupFigures>,
    /// One for each setup with a control plane.
    telemetry: Vec<TelemetryFigures>,
}

/// What one setup came to.
#[derive(Debug, Clone)]
pub(crate) struct SetupRounds {
    /// Which.
    pub(crate) setup: Setup,
    /// Envoy's CPU time per request, in microseconds, round by round.
    pub(crate) cpu_us: Vec<f64>,
}

/// What an Envoy sent to its control plane while everything was mirrored.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TelemetryFigures {
    /// The setup.
    pub(crate) name: &'static str,
    /// Bytes on the connection, as Envoy counts them: reports, the policy's acknowledgements, and HTTP/2.
    pub(crate) bytes: u64,
    /// Meanwhile mirrored requests.
    pub(crate) requests: u64,
    /// How fast they came while there was load. Reports go by the second, so that fewer bytes fall on one of many.
    pub(crate) requests_per_second: f64,
}

#[derive(Debug, Serialize)]
struct SetupFigures {
    name: &'static str,
    /// What it is compared with.
    base: &'static str,
    /// Envoy's CPU time per request, in microseconds, round by round.
    cpu_us: Vec<f64>,
    cpu_us_spread: Spread,
    /// The same divided by the base's of the same round.
    ratio_spread: Spread,
}

/// The middle of some figures, and how far they reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Figures {
    /// From what was measured.
    pub(crate) fn of(
        measured: &[SetupRounds],
        telemetry: Vec<TelemetryFigures>,
        module_bytes: u64,
        [json, intake]: [Value; 2],
    ) -> Self {
        let setups = measured.iter().map(|SetupRounds { setup, cpu_us }| {
            let base = measured.iter().find(|other| other.setup == setup.base());
            let base = base.map(|base| base.cpu_us.as_slice()).unwrap_or_default();
            let ratios: Vec<f64> = cpu_us.iter().zip(base).map(|(us, base)| us / base).collect();
            SetupFigures {
                name: setup.name(),
                base: setup.base().name(),
                cpu_us: cpu_us.clone(),
                cpu_us_spread: Spread::of(cpu_us),
                ratio_spread: Spread::of(&ratios),
            }
        });
        Self { module_bytes, json, intake, setups: setups.collect(), telemetry }
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        say::line(format_args!(
            "\n{:<28} {:>24} {:>24}",
            "Envoy's CPU per request", "µs (least to most)", "ratio (least to most)"
        ));
        for setup in &self.setups {
            let (us, ratio) = (setup.cpu_us_spread, setup.ratio_spread);
            let us = format!("{:.1} ({:.1} to {:.1})", us.median, us.least, us.most);
            let ratio = format!("{:.2} ({:.2} to {:.2})", ratio.median, ratio.least, ratio.most);
            say::line(format_args!("{:<28} {us:>24} {ratio:>24}", setup.name));
        }
        say::line("(ratio: to the first, and of those with JSON to the first of them)");
        for telemetry in &self.telemetry {
            let per_million = telemetry.bytes as f64 * 1e6 / telemetry.requests as f64;
            say::line(format_args!(
                "telemetry, {}: {:.1} MB per million requests at {:.0} requests/s",
                telemetry.name,
                per_million / 1e6,
                telemetry.requests_per_second
            ));
        }
    }
}

impl Spread {
    fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let (low, high) = (at((sorted.len().max(1) - 1) / 2), at(sorted.len() / 2));
        Self { median: f64::midpoint(low, high), least: at(0), most: at(sorted.len().max(1) - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_median_and_both_ends() {
        for (figures, median, least, most) in
            [(&[3.0, 1.0, 2.0][..], 2.0, 1.0, 3.0), (&[4.0, 1.0], 2.5, 1.0, 4.0), (&[7.0], 7.0, 7.0, 7.0)]
        {
            assert_eq!(Spread::of(figures), Spread { median, least, most });
        }
    }

    #[test]
    fn ratios_are_within_a_round() {
        let rounds = |setup, cpu_us: [f64; 2]| SetupRounds { setup, cpu_us: cpu_us.to_vec() };
        let measured = [
            rounds(Setup::Plain, [50.0, 100.0]),
            rounds(Setup::Umbra, [75.0, 150.0]),
            rounds(Setup::NativeJson, [100.0, 100.0]),
            rounds(Setup::Full, [125.0, 125.0]),
        ];
        let figures = Figures::of(&measured, Vec::new(), 1, [Value::Null, Value::Null]);
        let ratios: Vec<f64> = figures.setups.iter().map(|setup| setup.ratio_spread.median).collect();
        assert_eq!(ratios, [1.0, 1.5, 1.0, 1.25]);
    }
}
