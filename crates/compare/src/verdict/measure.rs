//! What each gate measures, and the interval of it.

use super::{Gate, State};
use crate::confidence::rate::Prior;
use crate::confidence::{Interval, excess, quantile, rate};
use crate::evidence::{BodyEvidence, Discordance, Evidence};
use crate::gates::{Gates, Noise};
use crate::histogram::Histogram;

/// The part of its alpha that the body gate spends on pairs of which all unequal ones were examined.
///
/// Whether all were can change from one look to the next, so that over all looks both ways of measuring have a chance to be
/// wrong, and those add up (union bound). This costs such pairs up to 14 % more. They have them: bodies without noise pass
/// at the default limit after 1,560 pairs, while errors and statuses need 6,700.
const ALL_SHARE: f64 = 0.4;

/// The part for how many pairs are unequal, where some of those were not examined. There are many more of them than of the
/// examined, so that a tenth is as good as more: where every other pair is unequal or more, it costs 1 % at most.
const UNEQUAL_SHARE: f64 = 0.1;

/// The part for the excess among those that were examined. It decides when the gate is settled, and examining takes time.
const AMONG_SHARE: f64 = 0.5;

/// A gate with what it measures.
pub(super) struct Measure<'a> {
    pub(super) gate: Gate,
    pub(super) limit: f64,
    alpha: f64,
    quantity: Quantity<'a>,
}

enum Quantity<'a> {
    /// The excess of one rate over another.
    Excess(Discordance),
    /// The same over bodies, of which only some were examined.
    Bodies(BodyEvidence),
    /// Diffy's rule over the same.
    Diffy(BodyEvidence),
    /// The ratio of a quantile of two histograms.
    Ratio { p: f64, primary: &'a Histogram, shadow: &'a Histogram },
}

/// One measure per gate that is set, with `alpha` split evenly over them.
pub(super) fn all<'a>(evidence: &'a Evidence, gates: &Gates) -> Vec<Measure<'a>> {
    let alpha = gates.alpha / gates.tests().max(1) as f64;
    let bodies = match gates.noise {
        Noise::Discordant => Quantity::Bodies(evidence.bodies),
        Noise::Diffy => Quantity::Diffy(evidence.bodies),
    };
    let rates = [
        (Gate::ErrorExcess, gates.max_error_excess, Quantity::Excess(evidence.errors)),
        (Gate::StatusMismatch, gates.max_status_mismatch, Quantity::Excess(evidence.statuses)),
        (Gate::BodyMismatch, gates.max_body_mismatch, bodies),
    ];
    let rates = rates
        .into_iter()
        .filter_map(|(gate, limit, quantity)| Some(Measure { gate, limit: limit?, alpha, quantity }));
    let latencies = gates.max_latency_ratio.iter().map(|latency| Measure {
        gate: Gate::LatencyRatio(latency.percentile),
        limit: latency.limit,
        alpha,
        quantity: Quantity::Ratio {
            p: f64::from(latency.percentile) / 100.0,
            primary: &evidence.primary_latency,
            shadow: &evidence.shadow_latency,
        },
    });
    rates.chain(latencies).collect()
}

impl Measure<'_> {
    /// What was seen; `None` when there was nothing to see.
    pub(super) fn observed(&self) -> Option<f64> {
        match &self.quantity {
            Quantity::Excess(discordance) => discordance.excess(),
            Quantity::Bodies(bodies) | Quantity::Diffy(bodies) => bodies.over_noise(),
            Quantity::Ratio { p, primary, shadow } => Some(shadow.quantile(*p)? / primary.quantile(*p)?),
        }
    }

    /// Whether what was seen says already that the gate does not fail: its interval holds a value inside the limit.
    pub(super) fn cannot_fail(&self) -> bool {
        // Diffy's rule does not ask for the limit.
        !matches!(self.quantity, Quantity::Diffy(_)) && self.observed().is_none_or(|seen| seen <= self.limit)
    }

    /// Whether there was anything to see.
    fn is_measured(&self) -> bool {
        match &self.quantity {
            Quantity::Excess(discordance) => discordance.trials > 0,
            Quantity::Bodies(bodies) | Quantity::Diffy(bodies) => {
                bodies.compared > 0 && (bodies.unequal == 0 || bodies.sample().trials > 0.0)
            }
            Quantity::Ratio { primary, shadow, .. } => primary.count() > 0 && shadow.count() > 0,
        }
    }

    /// What the truth can be, if there were `times` as many pairs like those there are.
    pub(super) fn interval(&self, times: f64) -> Interval {
        match &self.quantity {
            Quantity::Excess(discordance) => excess(discordance, times, self.limit, self.alpha),
            Quantity::Bodies(bodies) => over_noise(bodies, times, self.limit, self.alpha),
            Quantity::Diffy(_) => {
                let point = self.observed().unwrap_or(f64::NAN);
                Interval { lo: point, hi: point }
            }
            Quantity::Ratio { p, primary, shadow } => {
                let ranks = |histogram: &Histogram| {
                    let count = (histogram.count() as f64 * times) as u64;
                    quantile::ranks(*p, count, self.alpha / 2.0)
                };
                let of_primary = ranks(primary);
                // Both are measured on the same pairs, and ranks depend on their number alone.
                let of_shadow = if shadow.count() == primary.count() { of_primary } else { ranks(shadow) };
                shadow.between(&of_shadow).over(&primary.between(&of_primary))
            }
        }
    }

    /// On which side of the limit the interval is.
    pub(super) fn state(&self, interval: &Interval) -> State {
        if !self.is_measured() {
            return State::Open;
        }
        if let Quantity::Diffy(bodies) = &self.quantity {
            return diffy(bodies);
        }
        if interval.lo > self.limit {
            State::Fail
        } else if interval.hi <= self.limit {
            State::Pass
        } else {
            State::Open
        }
    }
}

/// The candidate's rate minus the other's.
fn excess(discordance: &Discordance, times: f64, limit: f64, alpha: f64) -> Interval {
    let scaled = |count: u64| (count as f64 * times) as u64;
    let Discordance { trials, candidate_only, other_only, .. } = *discordance;
    excess::interval(scaled(candidate_only), scaled(other_only), scaled(trials), limit, alpha)
}

/// The rate of unequal digests, times the excess among the unequal that were examined.
///
/// Which of the unequal are examined depends on where and when they were seen, which their weights make up for, and not on
/// what is in them, so the two factors multiply. Of those of endpoints of which none was examined, all may be due to the
/// candidate, or to the other. Where all of them were examined, the excess is taken over all pairs at once, which is narrower.
fn over_noise(bodies: &BodyEvidence, times: f64, limit: f64, alpha: f64) -> Interval {
    if bodies.sample.is_none() && bodies.examined.trials >= bodies.unequal {
        let all = Discordance { trials: bodies.compared, ..bodies.examined };
        return excess(&all, times, limit, ALL_SHARE * alpha);
    }
    let scaled = |count: u64| (count as f64 * times) as u64;
    // With a timestamp in each body, all of them are unequal.
    let anywhere = Prior::around(0.5);
    let unequal =
        rate::interval(scaled(bodies.unequal), scaled(bodies.compared), anywhere, UNEQUAL_SHARE * alpha);
    let sample = bodies.sample();
    let [candidate, other, trials] =
        [sample.candidate_only, sample.other_only, sample.trials].map(|count| count * times);
    let among = excess::weighted(candidate, other, trials, limit, AMONG_SHARE * alpha);
    let unseen = sample.unseen / (sample.of + sample.unseen);
    let among = Interval { lo: among.lo * (1.0 - unseen) - unseen, hi: among.hi * (1.0 - unseen) + unseen };
    // The excess can be negative, the rate cannot.
    let end = |excess: f64, wide: f64, narrow: f64| excess * if excess < 0.0 { wide } else { narrow };
    Interval { lo: end(among.lo, unequal.hi, unequal.lo), hi: end(among.hi, unequal.lo, unequal.hi) }
}

/// Diffy's rule, as in its `JoinedField`: the relative difference |raw - noise| / (raw + noise) over 20 %, and the
/// absolute one over 0.03 % of the requests, with raw over noise.
fn diffy(bodies: &BodyEvidence) -> State {
    let sample = bodies.sample();
    let unequal = bodies.unequal as f64 / bodies.compared as f64;
    let share = |count: f64| if sample.trials > 0.0 { unequal * count / sample.trials } else { 0.0 };
    let raw = share(sample.candidate_only + sample.both);
    let noise = share(sample.other_only + sample.both);
    let over = raw - noise;
    if over > 0.0003 && over > 0.2 * (raw + noise) { State::Fail } else { State::Pass }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The level at which a sequence has this upper end; the higher the level, the lower the end.
    fn level_of(hi: f64, end_at: impl Fn(f64) -> f64) -> f64 {
        let (mut low, mut high) = (1e-9, 0.5);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if end_at(middle) > hi { low = middle } else { high = middle }
        }
        high
    }

    #[test]
    fn what_a_body_gate_may_rest_on_is_wrong_with_alpha_altogether() {
        let (limit, alpha) = (0.005, 0.01);
        let hi = |unequal, examined| {
            let bodies = BodyEvidence { compared: 10_000, unequal, examined, sample: None };
            over_noise(&bodies, 1.0, limit, alpha).hi
        };
        let examined =
            |trials, candidate_only, other_only| Discordance { trials, candidate_only, other_only, both: 0 };
        let excess = |trials| move |level| excess::interval(60, 20, trials, limit, level).hi;
        let all = level_of(hi(2_000, examined(2_000, 60, 20)), excess(10_000));
        // Where all that were examined are the candidate's, only how many are unequal is left open; and the other way round.
        let unequal = level_of(hi(4_000, examined(2_000, 2_000, 0)), |level| {
            rate::interval(4_000, 10_000, Prior::around(0.5), level).hi
        });
        let among = level_of(hi(10_000, examined(2_000, 60, 20)), excess(2_000));
        assert!(((all + unequal + among) / alpha - 1.0).abs() < 1e-6, "{all} {unequal} {among}");
    }
}
