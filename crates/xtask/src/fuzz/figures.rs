//! What libFuzzer says of a run.

use std::fmt::Display;

use crate::say;

/// The figures of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Inputs that were taken.
    pub(crate) executions: u64,
    /// A second.
    per_second: u64,
    /// Edges that were reached.
    edges: u64,
    /// Inputs that reach all of it between them.
    corpus: u64,
    /// The most memory, in MiB.
    peak_mib: u64,
}

impl Figures {
    /// From the log of a run that ended well.
    pub(crate) fn read(log: &str) -> Option<Figures> {
        // `#300000 DONE   cov: 13 ft: 13 corp: 6/21b lim: 2952 exec/s: 0 rss: 27Mb`
        let last = log.lines().rfind(|line| line.starts_with('#') && line.contains(" cov: "))?;
        let after = |text: &str, name: &str| {
            let rest = text.split_once(name)?.1.trim_start();
            let end = rest.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(rest.len());
            rest.get(..end)?.parse().ok()
        };
        Some(Figures {
            executions: after(log, "stat::number_of_executed_units:")?,
            per_second: after(log, "stat::average_exec_per_sec:")?,
            edges: after(last, " cov: ")?,
            corpus: after(last, " corp: ")?,
            peak_mib: after(log, "stat::peak_rss_mb:")?,
        })
    }

    /// Prints a table.
    pub(crate) fn print(rows: &[(&str, Figures)]) {
        line("target", "executions", "a second", "edges", "corpus", "peak MiB");
        for (name, of) in rows {
            line(name, of.executions, of.per_second, of.edges, of.corpus, of.peak_mib);
        }
    }
}

fn line(
    name: &str,
    executions: impl Display,
    per_second: impl Display,
    edges: impl Display,
    corpus: impl Display,
    peak: impl Display,
) {
    say::line(format_args!("{name:<14}{executions:>12}{per_second:>10}{edges:>8}{corpus:>8}{peak:>10}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_and_the_statistics_are_read() {
        let log = "INFO: Seed: 1\n#2\tINITED cov: 8 ft: 8 corp: 1/1b exec/s: 0 rss: 27Mb\n\
                   #300000\tDONE   cov: 13 ft: 14 corp: 6/21b lim: 2952 exec/s: 0 rss: 28Mb\n\
                   stat::number_of_executed_units: 300000\nstat::average_exec_per_sec:     99\n\
                   stat::peak_rss_mb:              28\n";
        let expected = Figures { executions: 300_000, per_second: 99, edges: 13, corpus: 6, peak_mib: 28 };
        assert_eq!(Figures::read(log), Some(expected));
        assert_eq!(Figures::read("INFO: Seed: 1\n"), None);
    }
}
