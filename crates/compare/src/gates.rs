//! What a shadow must hold to go live.

/// The limits, and how sure a verdict has to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Gates {
    /// The probability with which a verdict may ever be wrong, over all the moments at which somebody looks. In (0, 1).
    pub alpha: f64,
    /// No `go` before this many pairs.
    pub min_pairs: u64,
    /// No `go` before the evidence spans this long, in milliseconds.
    pub min_duration_ms: u64,
    /// The candidate's error rate may be this much over the primary's: a share of the pairs.
    pub max_error_excess: Option<f64>,
    /// The status may differ (over noise, with a control) on this share of the pairs.
    pub max_status_mismatch: Option<f64>,
    /// The body may differ (over noise, with a control) on this share of the pairs.
    pub max_body_mismatch: Option<f64>,
    /// The candidate's latency may be at most this many times the primary's, quantile by quantile.
    pub max_latency_ratio: Vec<LatencyLimit>,
    /// How a body mismatch is told from noise.
    pub noise: Noise,
}

/// A limit on a quantile of the latency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyLimit {
    /// Which quantile, in percent: 50, 95, 99.
    pub percentile: u8,
    /// How many times the primary's.
    pub limit: f64,
}

/// How a body mismatch is told from noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Noise {
    /// By the interval of the discordant pairs.
    #[default]
    Discordant,
    /// By Diffy's rule: a mismatch counts when the candidate's rate is over the control's by more than 20 % of their sum
    /// *and* by more than 0.03 % of the pairs. It knows no uncertainty; it is here for those who come from it.
    Diffy,
}

impl Default for Gates {
    fn default() -> Self {
        Gates {
            alpha: 0.05,
            min_pairs: 1_000,
            min_duration_ms: 600_000,
            max_error_excess: Some(0.001),
            max_status_mismatch: Some(0.001),
            max_body_mismatch: Some(0.005),
            max_latency_ratio: vec![
                LatencyLimit { percentile: 50, limit: 1.1 },
                LatencyLimit { percentile: 95, limit: 1.2 },
                LatencyLimit { percentile: 99, limit: 1.3 },
            ],
            noise: Noise::Discordant,
        }
    }
}

impl Gates {
    /// How many gates test something with an interval: what `alpha` is split over.
    pub fn tests(&self) -> usize {
        [self.max_error_excess, self.max_status_mismatch, self.max_body_mismatch].iter().flatten().count()
            + self.max_latency_ratio.len()
    }
}
