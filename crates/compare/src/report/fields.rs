//! In which fields an endpoint's answers differ, how often, and which of them are noise.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::answer::{AnswerDifference, over_noise};
use crate::difference::{Difference, Field, Kind};
use crate::evidence::Differs;
use crate::report::EXAMPLES;
use crate::report::triple::Examined;

/// This many fields of an endpoint are told apart; the others are one, named [`OTHER`].
pub const MAX_FIELDS: usize = 200;

/// The name of all fields beyond [`MAX_FIELDS`].
pub const OTHER: &str = "other fields";

/// A field is known as noise once the control differed in it this often,
const NOISE_SEEN: u64 = 10;
/// and in one of this many pairs at least. What is rarer is left to the test, which then has little to bear.
const NOISE_ONE_IN: u64 = 100;

/// The fields of an endpoint that were ever seen to differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    seen: BTreeMap<(String, Kind), FieldCount>,
}

/// How often a field differs from the primary's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldCount {
    /// In the candidate's answer.
    pub raw: u64,
    /// In the control's answer.
    pub noise: u64,
    /// In both of one pair.
    pub both: u64,
    /// In the candidate's alone, while the field was not known as noise: what the mismatch over noise is made of.
    pub counted: u64,
    /// The first pairs in which it differs in the candidate's answer alone.
    pub examples: Vec<FieldExample>,
}

/// A pair in which a field differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldExample {
    /// The pair.
    pub pair: String,
    /// The difference.
    pub difference: Difference,
}

impl FieldCount {
    /// How much more often the candidate differs than the control, in pairs.
    pub fn excess(&self) -> i64 {
        self.raw as i64 - self.noise as i64
    }

    /// Whether the control shows the field to be noise among so many pairs, and the candidate is no worse than it.
    ///
    /// What the candidate does more often than the control by four standard deviations of the difference (McNemar
    /// 1947) is not put down to noise.
    pub fn is_noise(&self, compared: u64) -> bool {
        let discordant = (self.raw + self.noise).saturating_sub(2 * self.both) as f64;
        let is_worse = self.excess() as f64 > 4.0 * discordant.sqrt();
        self.noise >= NOISE_SEEN && self.noise.saturating_mul(NOISE_ONE_IN) >= compared && !is_worse
    }

    /// Whether Diffy's rule calls the field different among so many pairs: the difference of the two rates is over
    /// 20 % of their sum, and over 0.03 % of the pairs. Diffy asks it of each field of each endpoint, as here.
    pub fn is_different_to_diffy(&self, compared: u64) -> bool {
        let (excess, sum) = (self.excess() as f64, (self.raw + self.noise) as f64);
        excess > 0.2 * sum && excess > 0.0003 * compared as f64
    }

    fn merge(&mut self, other: &FieldCount) {
        self.raw += other.raw;
        self.noise += other.noise;
        self.both += other.both;
        self.counted += other.counted;
        self.examples.extend(other.examples.iter().cloned());
        self.examples.truncate(EXAMPLES);
    }
}

impl Fields {
    /// Every field with its counts, by path.
    pub fn iter(&self) -> impl Iterator<Item = (Field<'_>, &FieldCount)> {
        self.seen.iter().map(|((path, kind), count)| (Field { path, kind: *kind }, count))
    }

    /// Adds what was counted of one field in other pairs, as it was kept.
    pub fn add_count(&mut self, field: &Field<'_>, count: &FieldCount) {
        let key = self.key(field, 0);
        self.seen.entry(key).or_default().merge(count);
    }

    /// Counts the fields of a pair, of which this endpoint has compared `compared` before, and says who differs over
    /// noise.
    ///
    /// **Invariant:** whether a field is noise is decided by the pairs before this one. So of twins each is as likely
    /// as the other to be the one that differs, and the intervals over the counts keep their promise.
    pub fn add(&mut self, pair: &str, examined: &Examined, compared: u64) -> Differs {
        let (candidate, control) = (&examined.candidate, examined.control.as_ref());
        if candidate.fields().is_empty() && control.is_none_or(|control| control.fields().is_empty()) {
            return Differs::default();
        }
        let differs = over_noise(candidate, control, |field| self.is_noise(field, compared));
        let in_control = self.differing(control);
        for (key, difference) in &self.differing(Some(candidate)) {
            let alone = !in_control.contains_key(key);
            let counts = alone && !self.seen.get(key).is_some_and(|count| count.is_noise(compared));
            let count = self.seen.entry(key.clone()).or_default();
            count.raw += 1;
            count.both += u64::from(!alone);
            count.counted += u64::from(counts);
            if alone && count.examples.len() < EXAMPLES {
                let difference = Difference::clone(difference);
                count.examples.push(FieldExample { pair: pair.to_owned(), difference });
            }
        }
        for key in in_control.into_keys() {
            self.seen.entry(key).or_default().noise += 1;
        }
        differs
    }

    /// Adds what was counted of other pairs.
    pub fn merge(&mut self, other: &Fields) {
        for (field, count) in other.iter() {
            self.add_count(&field, count);
        }
    }

    fn is_noise(&self, field: &Field<'_>, compared: u64) -> bool {
        self.seen.get(&self.key(field, 0)).is_some_and(|count| count.is_noise(compared))
    }

    /// The fields that differ, under the names that they are counted by, each with its first difference.
    fn differing<'d>(&self, found: Option<&'d AnswerDifference>) -> BTreeMap<(String, Kind), &'d Difference> {
        let (mut fields, mut new) = (BTreeMap::new(), 0);
        for difference in found.into_iter().flat_map(AnswerDifference::differences) {
            if let Entry::Vacant(entry) = fields.entry(self.key(&difference.field(), new)) {
                new += usize::from(!self.seen.contains_key(entry.key()));
                entry.insert(difference);
            }
        }
        fields
    }

    /// The name that a field is counted by, when `new` others are about to be taken in.
    fn key(&self, field: &Field<'_>, new: usize) -> (String, Kind) {
        let own = (field.path.to_owned(), field.kind);
        if self.seen.contains_key(&own) || self.seen.len() + new < MAX_FIELDS {
            own
        } else {
            (OTHER.to_owned(), Kind::Value)
        }
    }
}
