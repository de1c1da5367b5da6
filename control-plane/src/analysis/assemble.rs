//! Reports, put together from what is kept.

use std::collections::BTreeMap;

use umbra_compare::difference::{Difference, Field, Kind};
use umbra_compare::report::fields::{FieldCount, FieldExample};
use umbra_compare::report::part::{Examples, Part};
use umbra_compare::report::{EXAMPLES, Report};

use crate::analysis::document::{DifferenceDocument, Found};
use crate::model::tally::{Tally, Traffic};

/// A pair that may serve as an example.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The pair.
    pub pair: String,
    /// Its endpoint.
    pub endpoint: String,
    /// What it shows.
    pub found: Found,
}

/// The report that these numbers make, with these examples, the newest first. With `digests`, nothing is compared beyond
/// the digests.
pub fn assemble(
    traffic: &Traffic,
    endpoints: &BTreeMap<String, Tally>,
    examples: &[Example],
    digests: bool,
) -> Report {
    let mut report = Report {
        began_ms: traffic.seen_ms.map(|(began, _)| began),
        ended_ms: traffic.seen_ms.map(|(_, ended)| ended),
        ..Report::default()
    };
    for (name, tally) in endpoints {
        let mut endpoint = tally.shown(digests);
        for example in examples.iter().filter(|example| example.endpoint == *name) {
            illustrate(&mut endpoint.part.examples, example);
            for difference in &example.found.fields {
                let Some((kind, difference)) = difference_of(difference) else { continue };
                let field = Field { path: &difference.path, kind };
                // Only for what is counted in this stretch of time.
                if !endpoint.fields.iter().any(|(seen, _)| seen == field) {
                    continue;
                }
                let example = FieldExample { pair: example.pair.clone(), difference: difference.clone() };
                let count = FieldCount { examples: vec![example], ..FieldCount::default() };
                endpoint.fields.add_count(&field, &count);
            }
        }
        report.whole.merge(&endpoint.part);
        report.endpoints.insert(name.clone(), endpoint);
    }
    report.whole = Part {
        candidate_outcomes: traffic.candidate.clone(),
        control_outcomes: traffic.control.clone(),
        ..report.whole
    };
    report
}

fn illustrate(examples: &mut Examples, example: &Example) {
    let Found { error, status, body, slower_us, .. } = example.found;
    for (list, shows) in
        [(&mut examples.errors, error), (&mut examples.statuses, status), (&mut examples.bodies, body)]
    {
        if shows && list.len() < EXAMPLES {
            list.push(example.pair.clone());
        }
    }
    if slower_us > 0.0 {
        examples.slowest.push((slower_us, example.pair.clone()));
        examples.slowest.sort_by(|left, right| right.0.total_cmp(&left.0));
        examples.slowest.truncate(EXAMPLES);
    }
}

fn difference_of(document: &DifferenceDocument) -> Option<(Kind, Difference)> {
    let kind = Kind::from_name(&document.kind)?;
    let difference = Difference {
        path: document.path.clone(),
        at: document.at.clone(),
        kind,
        primary: document.primary.clone(),
        shadow: document.shadow.clone(),
    };
    Some((kind, difference))
}

#[cfg(test)]
mod tests {
    use umbra_compare::answer::{Answer, Choice};
    use umbra_compare::gates::Gates;
    use umbra_compare::report::judge::judge;
    use umbra_compare::report::triple::{Examined, Party, Triple, examine};
    use umbra_compare::verdict::{Gate, State};

    use super::*;

    /// What a comparison finds where every answer has a time of its own, and the candidate is wrong or not.
    fn found(is_wrong: bool) -> Examined {
        let bodies = [
            r#"{"at":1,"total":1}"#,
            if is_wrong { r#"{"at":2,"total":2}"# } else { r#"{"at":2,"total":1}"# },
        ];
        let party = |body: &'static str| Party {
            answer: Answer { status: 200, body: body.as_bytes(), ..Answer::default() },
            has_body: true,
            ..Party::default()
        };
        let triple = Triple {
            id: "pair",
            endpoint: "GET /",
            at_ms: None,
            primary: party(bodies[0]),
            candidate: party(bodies[1]),
            control: Some(party(r#"{"at":3,"total":1}"#)),
        };
        examine(&triple, &Choice::default()).unwrap()
    }

    /// Adds pairs that are all unequal, of which `examined` were sampled, every `wrong_one_in`th of them wrong.
    fn add(tally: &mut Tally, pairs: u64, examined: u64, wrong_one_in: u64) {
        let bodies = &mut tally.numbers.evidence.bodies;
        (bodies.compared, bodies.unequal) = (bodies.compared + pairs, bodies.unequal + pairs);
        tally.numbers.evidence.pairs += pairs;
        for index in 1..=examined {
            tally.examine("pair", &found(index % wrong_one_in == 0), pairs as f64 / examined as f64);
        }
    }

    fn bodies_of(endpoints: &BTreeMap<String, Tally>) -> (State, Option<f64>) {
        let report = assemble(&Traffic::default(), endpoints, &[], false);
        let judged = judge(&report, &Gates::default());
        let finding =
            judged.findings.iter().find(|finding| finding.reason.gate == Gate::BodyMismatch).unwrap();
        (finding.reason.state, finding.reason.observed)
    }

    #[test]
    fn a_busy_worker_is_not_hidden_by_quiet_ones() {
        let mut tally = Tally::default();
        // One gateway, wrong in 5 %, of which one pair in a hundred is looked at; and sidecars, of which every pair is.
        add(&mut tally, 40_000, 400, 20);
        add(&mut tally, 20_000, 20_000, u64::MAX);
        let (state, observed) = bodies_of(&BTreeMap::from([("GET /".to_owned(), tally)]));
        let observed = observed.unwrap();
        assert!((0.02..0.05).contains(&observed), "{observed}");
        assert_ne!(state, State::Pass);
    }

    /// What carries a gate is listed with the share that the gate sees.
    #[test]
    fn fields_count_by_what_their_pairs_stand_for() {
        let mut tally = Tally::default();
        add(&mut tally, 40_000, 400, 20);
        add(&mut tally, 20_000, 20_000, u64::MAX);
        let shown = tally.shown(false);
        let bodies = &shown.part.evidence.bodies;
        let counts: Vec<_> = shown.fields.iter().map(|(field, count)| (field.path, count.raw)).collect();
        assert_eq!(counts, [("$.at", 60_000), ("$.total", 2_000)]);
        assert_eq!(bodies.over_noise(), Some(2_000.0 / 60_000.0));
        assert_eq!((shown.part.raw_bodies.candidate, shown.part.raw_bodies.control), (60_000, 60_000));
    }

    /// The first pairs differ in fields of which nobody knows yet that they are noise, and a worker sends few of them.
    #[test]
    fn the_first_pairs_do_not_outweigh_the_rest() {
        let mut tally = Tally::default();
        let bodies = &mut tally.numbers.evidence.bodies;
        (bodies.compared, bodies.unequal) = (5_500, 5_500);
        for index in 0..1_500 {
            let (is_first, stands_for) = if index < 20 { (true, 200.0) } else { (false, 1.0) };
            let weight = tally.trimmed(stands_for);
            tally.examine("pair", &found(is_first), weight);
        }
        let over_noise = tally.shown(false).part.evidence.bodies.over_noise().unwrap();
        assert!((over_noise - 20.0 / 1_500.0).abs() < 1e-9, "{over_noise}");
        // Once many were seen, each counts for as many as it stands for.
        assert_eq!(tally.trimmed(70.0), 70.0);
    }

    #[test]
    fn a_small_worker_that_is_wrong_does_not_speak_for_all() {
        let mut tally = Tally::default();
        add(&mut tally, 1_000_000, 5_000, u64::MAX);
        add(&mut tally, 1_000, 1_000, 2);
        let (state, observed) = bodies_of(&BTreeMap::from([("GET /".to_owned(), tally)]));
        assert!(observed.unwrap() < 0.001, "{observed:?}");
        assert_eq!(state, State::Pass);
    }

    #[test]
    fn an_endpoint_that_was_not_examined_may_be_all_wrong() {
        let (mut seen, mut unseen) = (Tally::default(), Tally::default());
        add(&mut seen, 20_000, 5_000, u64::MAX);
        let one = BTreeMap::from([("GET /a".to_owned(), seen.clone())]);
        assert_eq!(bodies_of(&one).0, State::Pass);
        add(&mut unseen, 5_000, 0, 1);
        let both = BTreeMap::from([("GET /a".to_owned(), seen), ("GET /b".to_owned(), unseen)]);
        assert_eq!(bodies_of(&both).0, State::Open);
    }
}
