//! A trail that was tampered with does not pass for one that was not.

use proptest::prelude::*;
use proptest::sample::Index;
use umbra_audit::{Chain, Entry, Hash, Line};

#[derive(Clone, Debug, PartialEq)]
struct Row {
    id: u64,
    revision: u64,
    texts: [String; 6],
    options: [Option<String>; 3],
    hash: Hash,
}

impl Row {
    fn entry(&self) -> Entry<'_> {
        let [at, actor, source, action, kind, name] = &self.texts;
        let [before, after, reason] = self.options.each_ref().map(Option::as_deref);
        let Row { id, revision, .. } = *self;
        Entry { id, revision, at, actor, source, action, kind, name, before, after, reason }
    }
}

fn row() -> impl Strategy<Value = Row> {
    (any::<u32>(), prop::array::uniform6(".{0,3}"), prop::array::uniform3(prop::option::of(".{0,3}")))
        .prop_map(|(revision, texts, options)| Row {
            id: 0,
            revision: revision.into(),
            texts,
            options,
            hash: Hash::default(),
        })
}

/// A trail as it is written.
fn trail(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(row(), length).prop_map(|mut rows| {
        let mut chain = Chain::default();
        for (row, id) in rows.iter_mut().zip(1..) {
            row.id = id;
            row.hash = chain.add(&row.entry());
        }
        rows
    })
}

/// Follows the trail; the id of the first row that does not fit.
fn follow(rows: &[Row], remembered: Option<Hash>) -> (Option<u64>, Chain) {
    let mut chain = Chain::looking_for(remembered);
    for row in rows {
        if let Err(broken) = chain.check(&row.entry(), row.hash) {
            return (Some(broken.id), chain);
        }
    }
    (None, chain)
}

proptest! {
    #[test]
    fn a_whole_trail_is_whole_and_remembers_every_head(rows in trail(1..20), at: Index) {
        let (bad, chain) = follow(&rows, Some(at.get(&rows).hash));
        prop_assert_eq!(bad, None);
        prop_assert_eq!((chain.rows(), chain.head()), (rows.len() as u64, rows.last().unwrap().hash));
        prop_assert!(chain.remembers());
    }

    #[test]
    fn a_change_is_found_where_it_is(rows in trail(1..20), at: Index, field in 0..11_usize) {
        let mut rows = rows;
        let at = at.index(rows.len());
        let row = &mut rows[at];
        let id = row.id;
        match field {
            0 => row.revision += 1,
            1..=6 => row.texts[field - 1].push('x'),
            7..=9 => {
                let option = &mut row.options[field - 7];
                *option = if option.is_some() { None } else { Some(String::new()) };
            }
            _ => row.hash = Hash::default(),
        }
        prop_assert_eq!(follow(&rows, None).0, Some(id));
    }

    #[test]
    fn text_that_moves_to_the_next_field_is_found(rows in trail(1..20), at: Index, field in 0..5_usize) {
        let mut rows = rows;
        let at = at.index(rows.len());
        let row = &mut rows[at];
        let moved = row.texts[field].pop();
        prop_assume!(moved.is_some());
        let next = format!("{}{}", moved.unwrap(), row.texts[field + 1]);
        row.texts[field + 1] = next;
        let id = row.id;
        prop_assert_eq!(follow(&rows, None).0, Some(id));
    }

    #[test]
    fn a_row_that_is_gone_or_new_or_elsewhere_is_found(rows in trail(2..20), at: Index, other: Index, new in row()) {
        let (at, other) = (at.index(rows.len() - 1), other.index(rows.len()));
        let mut gone = rows.clone();
        gone.remove(at);
        prop_assert!(follow(&gone, None).0.is_some(), "all but the last");

        let mut put_in = rows.clone();
        put_in.insert(at, Row { id: rows[at].id, hash: rows[at].hash, ..new });
        prop_assert!(follow(&put_in, None).0.is_some());
        let mut twice = rows.clone();
        twice.insert(at, rows[other].clone());
        prop_assert!(follow(&twice, None).0.is_some());

        let mut swapped = rows.clone();
        swapped.swap(at, other);
        prop_assert_eq!(follow(&swapped, None).0.is_some(), at != other);
    }

    /// By itself a chain cannot tell that its end is missing, nor that it was made anew; with a head it can.
    #[test]
    fn a_head_that_was_written_down_shows_what_is_missing(rows in trail(1..20), left: Index, new in trail(1..20)) {
        let head = rows.last().unwrap().hash;
        let shorter = &rows[..left.index(rows.len())];
        let (bad, chain) = follow(shorter, Some(head));
        prop_assert_eq!(bad, None);
        prop_assert!(!chain.remembers());
        if new != rows {
            let (bad, chain) = follow(&new, Some(head));
            prop_assert_eq!(bad, None);
            prop_assert!(!chain.remembers() || new.iter().any(|row| row.hash == head));
        }
    }

    #[test]
    fn a_hash_is_read_as_it_is_written(rows in trail(1..2), other in ".{0,70}") {
        let hash = rows[0].hash;
        prop_assert_eq!(hash.to_string().parse::<Hash>(), Ok(hash));
        prop_assert!(other.parse::<Hash>().is_err());
    }
}

/// Two implementations must agree, so the bytes are pinned.
#[test]
fn the_encoding_is_the_documented_one() {
    let mut entry = Entry {
        id: 1,
        revision: 2,
        at: "t",
        actor: "",
        source: "s",
        action: "a",
        kind: "k",
        name: "n",
        before: None,
        after: Some("{}"),
        reason: None,
    };
    let text = |text: &str| [&[1, 0, 0, 0, 0, 0, 0, 0, text.len() as u8], text.as_bytes()].concat();
    let mut bytes = b"umbra-audit-1\0".to_vec();
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    bytes.extend(["t", "", "s", "a", "k", "n"].map(text).concat());
    bytes.push(0);
    bytes.extend(text("{}"));
    bytes.push(0);
    assert_eq!(entry.encode(), bytes);
    let with_none = Chain::default().add(&entry);
    entry.before = Some("");
    assert_ne!(Chain::default().add(&entry), with_none);
}

#[test]
fn a_line_of_an_export_is_read_to_the_letter() {
    let line = r#"{"id":3,"revision":2,"at":"t","actor":"a","source":"s","action":"valve","kind":"Shadow","name":"n","before":{ "b" : 1.50 },"after":null,"reason":"é","hash":"00"}"#;
    let line = Line::read(line).unwrap();
    assert_eq!((line.entry().before, line.entry().after), (Some(r#"{ "b" : 1.50 }"#), None));
    assert_eq!((line.entry().reason, line.hash()), (Some("é"), None));
    assert!(Line::read(r#"{"id":3}"#).is_err());
}
