//! Names near to one that does not exist.

/// So many names are suggested.
const SUGGESTED: usize = 3;
/// From this likeness on (1 is equal) a name is near: a letter or two wrong, or an ending left out.
const LIKE: f64 = 0.6;

/// A line that suggests names near to `name`, or tells how to see all of them.
pub(crate) fn hint(name: &str, known: &[&str], list_with: &str) -> String {
    let mut near: Vec<(f64, &str)> = known
        .iter()
        .map(|candidate| (likeness(name, candidate), *candidate))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let names: Vec<_> = near.into_iter().take(SUGGESTED).map(|(_, candidate)| candidate).collect();
    match (names.as_slice(), known) {
        ([], []) => "there are none yet".to_owned(),
        ([], _) => format!("`{list_with}` lists what there is"),
        (names, _) => format!("did you mean {}?", names.join(" or ")),
    }
}

fn likeness(wanted: &str, candidate: &str) -> f64 {
    let whole = strsim::normalized_damerau_levenshtein(wanted, candidate);
    let starts = wanted.len() >= 3 && (candidate.starts_with(wanted) || wanted.starts_with(candidate));
    if starts { whole.max(LIKE) } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_nearest_first() {
        #[track_caller]
        fn check(name: &str, known: &[&str], expected: &str) {
            assert_eq!(hint(name, known, "umbractl get shadows"), expected);
        }
        check(
            "chekout-v2",
            &["checkout-v3", "checkout-v2", "search"],
            "did you mean checkout-v2 or checkout-v3?",
        );
        check("checkout", &["checkout-v2-canary-eu"], "did you mean checkout-v2-canary-eu?");
        check("zzz", &["checkout"], "`umbractl get shadows` lists what there is");
        check("x", &[], "there are none yet");
    }
}
