//! What the measurements add up to: medians, spreads, and ratios to an Envoy without anything.

use serde::Serialize;

use super::setups::Setup;
use crate::say;

/// Everything that is kept.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// The size of the module that ships.
    module_bytes: u64,
    /// One for each setup; the first is what the others are compared with.
    setups: Vec<SetupFigures>,
}

#[derive(Debug, Serialize)]
struct SetupFigures {
    name: &'static str,
    /// Envoy's CPU time per request, in microseconds, round by round.
    cpu_us: Vec<f64>,
    cpu_us_spread: Spread,
    /// The same divided by the first setup's of the same round.
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
    /// From the microseconds per request of each setup in each round.
    pub(crate) fn of(measured: Vec<(Setup, Vec<f64>)>, module_bytes: u64) -> Self {
        let base = measured.first().map(|(_, rounds)| rounds.clone()).unwrap_or_default();
        let setups = measured
            .into_iter()
            .map(|(setup, cpu_us)| {
                let ratios: Vec<f64> = cpu_us.iter().zip(&base).map(|(us, base)| us / base).collect();
                SetupFigures {
                    name: setup.name(),
                    cpu_us_spread: Spread::of(&cpu_us),
                    ratio_spread: Spread::of(&ratios),
                    cpu_us,
                }
            })
            .collect();
        Self { module_bytes, setups }
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
        let figures =
            Figures::of(vec![(Setup::Plain, vec![50.0, 100.0]), (Setup::Umbra, vec![75.0, 150.0])], 1);
        assert_eq!(figures.setups[1].ratio_spread, Spread { median: 1.5, least: 1.5, most: 1.5 });
    }
}
