//! Where every request went.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Of the requests that come in, at least this share is mirrored: all are asked for, and a shadow that is well is not spared.
const MIRRORED: f64 = 0.99;

/// What Envoy, its filter and the control plane have counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Requests that came in at the listener.
    pub(crate) received: u64,
    /// The filter's metrics, without `umbra.`.
    pub(crate) filter: BTreeMap<String, u64>,
    /// Requests that the control plane's report says were mirrored.
    pub(crate) reported: u64,
    /// What the report says became of the copies.
    pub(crate) outcomes: BTreeMap<String, u64>,
}

/// What the clients say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clients {
    /// Requests that were sent.
    sent: u64,
    /// Those that were answered with success.
    succeeded: u64,
}

impl Clients {
    /// From what h2load prints.
    ///
    /// # Errors
    /// When it prints something else.
    pub(crate) fn read(said: &str) -> Result<Self> {
        let line = said.lines().find_map(|line| line.strip_prefix("requests: "));
        let figure = |name: &str| {
            let mut figures = line?.split(", ").filter_map(|figure| figure.split_once(' '));
            figures.find(|(_, of)| *of == name)?.0.parse().ok()
        };
        let clients = figure("started").zip(figure("succeeded"));
        let (sent, succeeded) = clients.with_context(|| format!("h2load says:\n{said}"))?;
        Ok(Self { sent, succeeded })
    }
}

impl Account {
    /// What was counted since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let since = |now: &BTreeMap<String, u64>, then: &BTreeMap<String, u64>| {
            let more = |(name, count): (&String, &u64)| {
                (name.clone(), count - then.get(name).copied().unwrap_or(0).min(*count))
            };
            now.iter().map(more).collect()
        };
        Self {
            received: self.received - before.received.min(self.received),
            filter: since(&self.filter, &before.filter),
            reported: self.reported - before.reported.min(self.reported),
            outcomes: since(&self.outcomes, &before.outcomes),
        }
    }

    /// One of the filter's metrics.
    pub(crate) fn counted(&self, metric: &str) -> u64 {
        self.filter.get(metric).copied().unwrap_or(0)
    }

    /// The sum of the filter's metrics whose names begin so.
    pub(crate) fn sum(&self, prefix: &str) -> u64 {
        self.filter.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, count)| count).sum()
    }

    /// Whether everything that was mirrored has come to an outcome, and that has reached the control plane.
    pub(crate) fn is_settled(&self) -> bool {
        let mirrored = self.counted("mirrored");
        let told = self.outcomes.values().sum::<u64>();
        [self.sum("pairs."), self.reported, told].iter().all(|count| *count == mirrored)
    }

    /// What does not add up, in words.
    pub(crate) fn wrong(&self, clients: &Clients) -> Vec<String> {
        let told = self.outcomes.values().sum();
        let (mirrored, compared) = (self.counted("mirrored"), self.sum("compared."));
        let mut wrong: Vec<String> = [
            ("requests that were sent", clients.sent, "answers with success", clients.succeeded),
            ("requests that were sent", clients.sent, "requests at the listener", self.received),
            ("requests at the listener", self.received, "requests at the filter", self.counted("requests")),
            (
                "requests at the filter",
                self.counted("requests"),
                "mirrored and skipped",
                mirrored + self.sum("skipped."),
            ),
            ("mirrored", mirrored, "outcomes", self.sum("pairs.")),
            ("answered pairs", self.counted("pairs.answered"), "compared pairs", compared),
            ("mirrored", mirrored, "mirrored, as reported", self.reported),
            ("outcomes", self.sum("pairs."), "outcomes, as reported", told),
            ("reports that were lost", self.counted("telemetry_dropped"), "none", 0),
        ]
        .into_iter()
        .filter(|(_, one, _, other)| one != other)
        .map(|(what, one, of, other)| format!("{what}: {one}, {of}: {other}"))
        .collect();
        // All of it is so too where nothing is mirrored.
        if (mirrored as f64) < self.received as f64 * MIRRORED {
            wrong.push(format!(
                "mirrored: {mirrored}, less than {MIRRORED} of the requests at the listener: {}",
                self.received
            ));
        }
        if compared == 0 {
            wrong.push("no pair was compared".to_owned());
        }
        wrong
    }

    /// The figures, in words.
    pub(crate) fn lines(&self, clients: &Clients) -> Vec<String> {
        let Clients { sent, succeeded } = clients;
        let mut lines = vec![
            format!(
                "requests: {sent} sent, {succeeded} answered with success, {} at the listener",
                self.received
            ),
            format!("mirrored: {}, of {} at the filter", self.counted("mirrored"), self.counted("requests")),
        ];
        for (name, count) in self.filter.iter().filter(|(name, count)| name.contains('.') && **count > 0) {
            lines.push(format!("  {name}: {count}"));
        }
        lines.push(format!("reported: {} mirrored; outcomes {:?}", self.reported, self.outcomes));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(counts: [(&str, u64); 5], received: u64, reported: u64, answered: u64) -> Account {
        let filter = counts.map(|(name, count)| (name.to_owned(), count)).into();
        let outcomes = [("answered".to_owned(), answered)].into();
        Account { received, filter, reported, outcomes }
    }

    fn whole() -> Account {
        let counts = [
            ("requests", 200),
            ("mirrored", 198),
            ("skipped.no_slot", 2),
            ("pairs.answered", 198),
            ("compared.equal", 198),
        ];
        account(counts, 200, 198, 198)
    }

    #[test]
    fn clients_are_read() {
        let said = "starting benchmark...\n\nfinished in 1.2s\n\
            requests: 10 total, 10 started, 10 done, 9 succeeded, 1 failed, 1 errored, 0 timeout\n";
        assert_eq!(Clients::read(said).unwrap(), Clients { sent: 10, succeeded: 9 });
        Clients::read("requests: many\n").unwrap_err();
    }

    #[test]
    fn what_does_not_add_up_is_named() {
        let clients = Clients { sent: 200, succeeded: 200 };
        assert_eq!(whole().wrong(&clients), [""; 0]);
        assert!(whole().is_settled());
        assert_eq!(whole().wrong(&Clients { sent: 200, succeeded: 199 }).len(), 1);
        let lost = Account { reported: 197, ..whole() };
        assert_eq!(lost.wrong(&clients), ["mirrored: 198, mirrored, as reported: 197"]);
        assert!(!lost.is_settled());
    }

    #[test]
    fn what_was_skipped_is_not_shadowed() {
        for (mirrored, skipped, expected) in [
            (198, 2, &[][..]),
            (197, 3, &["mirrored: 197, less than 0.99 of the requests at the listener: 200"]),
            (
                0,
                200,
                &["mirrored: 0, less than 0.99 of the requests at the listener: 200", "no pair was compared"],
            ),
        ] {
            let counts = [
                ("requests", 200),
                ("mirrored", mirrored),
                ("skipped.off", skipped),
                ("pairs.answered", mirrored),
                ("compared.equal", mirrored),
            ];
            let account = account(counts, 200, mirrored, mirrored);
            assert_eq!(account.wrong(&Clients { sent: 200, succeeded: 200 }), expected);
        }
    }

    #[test]
    fn only_what_came_since_counts() {
        let none = whole().since(&whole());
        assert_eq!((none.received, none.sum(""), none.reported), (0, 0, 0));
        assert_eq!(whole().since(&Account::default()), whole());
    }
}
