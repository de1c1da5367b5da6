//! Recorded pairs, a line each, as `umbractl analyze` reads them; and what they add up to.

#[path = "../../crates/umbractl/src/commands/analyze/line.rs"]
mod line;

use umbra_compare::report::{MAX_ENDPOINTS, Report, judge, triple, view};
use umbra_compare::verdict::Answer;

use settings::Settings;

mod settings {
    use umbra_compare::answer::Choice;
    use umbra_compare::endpoint::Endpoints;

    /// What the reader of lines takes of the command's settings.
    pub(super) struct Settings {
        pub(super) choice: Choice,
        pub(super) endpoints: Endpoints,
        pub(super) bodies: bool,
        pub(super) max_body_bytes: usize,
    }
}

/// Lines are read or refused; what they add up to is the sum of its parts, is judged, and is shown as JSON.
pub fn check(bytes: &[u8]) {
    let mut settings = Settings {
        choice: Default::default(),
        endpoints: Default::default(),
        bodies: true,
        max_body_bytes: 1 << 10,
    };
    settings.choice.headers = vec!["content-type".to_owned(), "x".to_owned()];
    let (mut report, mut halves) = (Report::default(), [Report::default(), Report::default()]);
    for (number, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let Ok(line) = line::Line::parse(text) else { continue };
        let _ = line.with(number, &settings, |triple| {
            let examined = triple::examine(triple, &settings.choice);
            report.add(triple, examined.as_ref());
            halves[usize::from(number > 2)].add(triple, examined.as_ref());
        });
    }
    let [mut sum, second] = halves;
    sum.merge(&second);
    assert_eq!(sum.whole.mirrored(), report.whole.mirrored());
    assert_eq!(sum.whole.evidence.pairs, report.whole.evidence.pairs);
    assert!(report.endpoints.len() <= MAX_ENDPOINTS + 1);

    let gates = umbra_compare::gates::Gates { min_pairs: 1, min_duration_ms: 0, ..Default::default() };
    let judgement = judge::judge(&report, &gates);
    assert!(report.whole.evidence.pairs > 0 || judgement.answer == Answer::NotEnoughEvidence);
    let shown = serde_json::to_string(&view::analysis(&judgement, &report, &gates));
    let Ok(shown) = shown else { panic!("a report is shown: {shown:?}") };
    assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{shown}");
    assert!(serde_json::to_string(&view::report(&report, &gates)).is_ok());
}
