//! Failed sign-ins, added up for the audit trail, so that nobody can fill a disk by failing.

use std::collections::BTreeMap;

/// Addresses that are told apart within a period. The rest are counted together.
const MAX_ADDRESSES: usize = 100;

/// What to call the rest.
const OTHERS: &str = "others";

/// So many failed attempts from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// An IP address, or `others`.
    pub address: String,
    /// At least 1.
    pub attempts: u64,
}

/// The failed attempts of one period. **Invariant:** a period makes at most two rows for each of 100 addresses, and
/// one more.
#[derive(Debug, Default)]
pub struct FailureLog {
    /// Attempts that are in no row yet; an address is here from its first attempt on.
    addresses: BTreeMap<String, u64>,
    others: u64,
    due: Vec<Failed>,
}

impl FailureLog {
    /// One more from there. The first of a period is a row at once; the others wait for the period's end.
    pub fn note(&mut self, address: &str) {
        if let Some(attempts) = self.addresses.get_mut(address) {
            *attempts = attempts.saturating_add(1);
        } else if self.addresses.len() < MAX_ADDRESSES {
            self.addresses.insert(address.to_owned(), 0);
            self.due.push(Failed { address: address.to_owned(), attempts: 1 });
        } else {
            self.others = self.others.saturating_add(1);
        }
    }

    /// The rows that are to be written now.
    pub fn take(&mut self) -> Vec<Failed> {
        std::mem::take(&mut self.due)
    }

    /// Ends the period: all that was counted becomes due.
    pub fn end_period(&mut self) {
        let counted = std::mem::take(&mut self.addresses).into_iter();
        let others = (OTHERS.to_owned(), std::mem::take(&mut self.others));
        let rows = counted.chain([others]).filter(|(_, attempts)| *attempts > 0);
        self.due.extend(rows.map(|(address, attempts)| Failed { address, attempts }));
    }
}

/// Rows that are to be written, until they are. **Invariant:** one for each of 100 addresses, and one more, however long
/// that takes.
#[derive(Debug, Default)]
pub struct Unwritten(BTreeMap<String, u64>);

impl Unwritten {
    /// More of them. Those from one address are added up.
    pub fn add(&mut self, failed: Vec<Failed>) {
        for Failed { address, attempts } in failed {
            let is_told_apart = self.0.contains_key(&address) || self.0.len() < MAX_ADDRESSES;
            let address = if is_told_apart { address } else { OTHERS.to_owned() };
            let counted = self.0.entry(address).or_default();
            *counted = counted.saturating_add(attempts);
        }
    }

    /// All of them.
    pub fn rows(&self) -> Vec<Failed> {
        let row =
            |(address, attempts): (&String, &u64)| Failed { address: address.clone(), attempts: *attempts };
        self.0.iter().map(row).collect()
    }

    /// They are written.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_is_counted_in_a_bounded_number_of_rows() {
        let mut log = FailureLog::default();
        for attempt in 0..10_000_u64 {
            log.note(&format!("192.0.2.{}", attempt % 150));
        }
        let first = log.take();
        assert_eq!((first.len(), log.take().len()), (100, 0));
        log.end_period();
        let rest = log.take();
        assert_eq!(rest.len(), 101);
        let sum: u64 = first.iter().chain(&rest).map(|failed| failed.attempts).sum();
        assert_eq!(sum, 10_000);
        log.end_period();
        assert!(log.take().is_empty());
        log.note("192.0.2.1");
        assert_eq!(log.take(), [Failed { address: "192.0.2.1".to_owned(), attempts: 1 }]);
    }

    #[test]
    fn what_is_not_written_waits_and_is_bounded() {
        let (mut log, mut unwritten) = (FailureLog::default(), Unwritten::default());
        for attempt in 0..10_000_u64 {
            log.note(&format!("192.0.{}.{}", attempt % 7, attempt % 150));
            if attempt.is_multiple_of(100) {
                log.end_period();
                unwritten.add(log.take());
            }
        }
        log.end_period();
        unwritten.add(log.take());
        let rows = unwritten.rows();
        assert_eq!(rows.len(), 101);
        assert_eq!(rows.iter().map(|row| row.attempts).sum::<u64>(), 10_000);
        unwritten.clear();
        assert!(unwritten.rows().is_empty());
    }
}
