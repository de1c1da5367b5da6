//! What was measured, round by round, and whether it is what it should be.

use serde_json::{Value, json};

pub(crate) struct Figures {
    nodes: u64,
    message_bytes: usize,
    /// Memory of the server for each stream, in bytes, when they are open.
    pub(crate) resident: Vec<f64>,
    /// The same after the changes.
    pub(crate) resident_after: Vec<f64>,
    /// That of the least server.
    pub(crate) resident_bare: Vec<f64>,
    /// CPU of the server while nothing happens, in percent of a core.
    pub(crate) idle: Vec<f64>,
    /// From the API's call to the last ACK, in milliseconds: the median of the round.
    change: Vec<f64>,
    /// The same of the least server.
    bare: Vec<f64>,
    /// Until all are back, in seconds.
    pub(crate) reconnect: Vec<f64>,
    /// Attempts to connect that failed meanwhile, and were made again.
    pub(crate) retries: Vec<f64>,
    /// Policies that were sent though nothing had changed.
    pub(crate) sent_again: Vec<f64>,
    /// What 99 of 100 requests to the API took at most meanwhile, in milliseconds.
    pub(crate) api_p99: Vec<f64>,
    /// Reports acknowledged a second.
    pub(crate) reports: Vec<f64>,
}

struct Goal {
    of: &'static str,
    figures: Vec<f64>,
    decimals: usize,
    unit: &'static str,
    limit: f64,
    is_least: bool,
}

impl Figures {
    pub(crate) fn new(nodes: u64) -> Figures {
        let (resident, resident_after, idle, change, bare, reconnect) = Default::default();
        let (sent_again, api_p99, reports, message_bytes, retries, resident_bare) = Default::default();
        Figures {
            nodes,
            message_bytes,
            resident,
            resident_after,
            resident_bare,
            idle,
            change,
            bare,
            reconnect,
            retries,
            sent_again,
            api_p99,
            reports,
        }
    }

    /// The changes of a round.
    pub(crate) fn changes(&mut self, message_bytes: usize, changes: Vec<f64>, broadcasts: Vec<f64>) {
        self.message_bytes = message_bytes;
        self.change.push(middle(changes));
        self.bare.push(middle(broadcasts));
    }

    fn ratios(&self) -> Vec<f64> {
        self.change.iter().zip(&self.bare).map(|(change, bare)| change / bare).collect()
    }

    fn goals(&self) -> [Goal; 7] {
        let kib = |bytes: &[f64]| bytes.iter().map(|bytes| bytes / 1_024.0).collect();
        let goal = |of, figures, decimals, unit, limit, is_least| Goal {
            of,
            figures,
            decimals,
            unit,
            limit,
            is_least,
        };
        [
            goal("resident for each stream", kib(&self.resident), 1, " KiB", 40.0, false),
            goal("the same after the changes", kib(&self.resident_after), 1, " KiB", 40.0, false),
            goal("CPU while idle", self.idle.clone(), 2, " % of a core", 2.0, false),
            goal("valve to last ACK / bare broadcast", self.ratios(), 2, "", 1.5, false),
            goal("policies sent again after a reconnect", self.sent_again.clone(), 0, "", 0.0, false),
            goal("API p99 during the reconnect", self.api_p99.clone(), 1, " ms", 100.0, false),
            goal("reports committed", self.reports.clone(), 0, "/s", 5_000.0, true),
        ]
    }

    pub(crate) fn print(&self) {
        println!("{} nodes, a response of {} bytes", self.nodes, self.message_bytes);
        println!(
            "valve to last ACK: {} ms; bare broadcast: {} ms",
            show(&self.change, 0),
            show(&self.bare, 0)
        );
        println!(
            "all back after {} s, {} attempts made again",
            show(&self.reconnect, 1),
            show(&self.retries, 0)
        );
        let bare: Vec<f64> = self.resident_bare.iter().map(|bytes| bytes / 1_024.0).collect();
        println!("resident for each stream of the bare server: {} KiB", show(&bare, 1));
        for goal in self.goals() {
            let Goal { of, figures, decimals, unit, limit, is_least } = &goal;
            let (bound, met) = (
                if *is_least { "at least" } else { "at most" },
                if goal.is_met() { "met" } else { "not met" },
            );
            println!("{of}: {}{unit} (goal: {bound} {limit}, {met})", show(figures, *decimals));
        }
    }

    pub(crate) fn json(&self) -> Value {
        let goals = self.goals().map(|goal| {
            json!({"of": goal.of, "figures": goal.figures, "median": middle(goal.figures.clone()), "unit": goal.unit.trim(),
                "limit": goal.limit, "is_least": goal.is_least, "met": goal.is_met()})
        });
        json!({"nodes": self.nodes, "message_bytes": self.message_bytes, "change_ms": self.change, "bare_ms": self.bare,
            "resident_bare": self.resident_bare, "reconnect_s": self.reconnect, "retries": self.retries, "goals": goals})
    }
}

impl Goal {
    fn is_met(&self) -> bool {
        let median = middle(self.figures.clone());
        if self.is_least { median >= self.limit } else { median <= self.limit }
    }
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
    f64::midpoint(at(figures.len().saturating_sub(1) / 2), at(figures.len() / 2))
}

/// The median, and the least and the most.
fn show(figures: &[f64], decimals: usize) -> String {
    let (least, most) = figures
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(least, most), figure| (least.min(*figure), most.max(*figure)));
    format!("{:.decimals$} ({least:.decimals$} to {most:.decimals$})", middle(figures.to_vec()))
}
