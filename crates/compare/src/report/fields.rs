//! In which fields an endpoint's answers differ, how often, and which of them are noise.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The same by how many pairs each of those stands for.
    pub weights: FieldWeights,
    /// The first pairs in which it differs in the candidate's answer alone.
    pub examples: Vec<FieldExample>,
}

/// Sums over the pairs in which a field differs, each by the number of pairs that it stands for, as in
/// [`crate::evidence::Weighted`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FieldWeights {
    /// Of [`FieldCount::raw`].
    pub raw: f64,
    /// Of [`FieldCount::noise`].
    pub noise: f64,
    /// Of [`FieldCount::both`].
    pub both: f64,
    /// Of [`FieldCount::counted`].
    pub counted: f64,
}

/// A pair in which a field differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldExample {
    /// The pair.
    pub pair: String,
    /// The difference.
    pub difference: Difference,
}

impl FieldWeights {
    /// Pairs that all stand for as many.
    pub fn alike(count: &FieldCount, weight: f64) -> FieldWeights {
        let times = |count: u64| count as f64 * weight;
        FieldWeights {
            raw: times(count.raw),
            noise: times(count.noise),
            both: times(count.both),
            counted: times(count.counted),
        }
    }

    fn merge(&mut self, other: &FieldWeights) {
        self.raw += other.raw;
        self.noise += other.noise;
        self.both += other.both;
        self.counted += other.counted;
    }
}

impl FieldCount {
    /// How much more often the candidate differs than the control, in pairs.
    pub fn excess(&self) -> i64 {
        self.raw as i64 - self.noise as i64
    }

    /// The pairs that these stand for, `times` over, counted as if all of them had been seen. Without examples.
    pub fn of_all(&self, times: f64) -> FieldCount {
        let FieldWeights { raw, noise, both, counted } = self.weights;
        let weights = FieldWeights {
            raw: raw * times,
            noise: noise * times,
            both: both * times,
            counted: counted * times,
        };
        let whole = |weight: f64| weight.round() as u64;
        FieldCount {
            raw: whole(weights.raw),
            noise: whole(weights.noise),
            both: whole(weights.both),
            counted: whole(weights.counted),
            weights,
            examples: Vec::new(),
        }
    }

    /// Whether the control shows the field to be noise among so many pairs, and the candidate is no worse than it.
    ///
    /// What the candidate does more often than the control by four standard deviations of the difference (McNemar
    /// 1947) is not put down to noise.
    fn is_noise(&self, compared: u64) -> bool {
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
        self.weights.merge(&other.weights);
        self.examples.extend(other.examples.iter().cloned());
        self.examples.truncate(EXAMPLES);
    }
}

/// Whether a field with these counts among so many pairs is known as noise. Of the fields that are not told apart nothing is
/// known: such a one is noise where the control differs in the very same.
pub fn is_noise(field: &Field<'_>, count: &FieldCount, compared: u64) -> bool {
    field.path != OTHER && count.is_noise(compared)
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

    /// Counts the fields of a pair, which stands for `weight` of them and before which this endpoint has compared
    /// `compared`, and says who differs over noise.
    ///
    /// **Invariant:** whether a field is noise is decided by the pairs before this one. So of twins each is as likely
    /// as the other to be the one that differs, and the intervals over the counts keep their promise.
    pub fn add(&mut self, pair: &str, examined: &Examined, weight: f64, compared: u64) -> Differs {
        let control = examined.control.as_ref();
        let in_candidate = examined.candidate.fields();
        let in_control = control.map(AnswerDifference::fields).unwrap_or_default();
        if in_candidate.is_empty() && in_control.is_empty() {
            return Differs::default();
        }
        let differs = over_noise(&examined.candidate, control, |field| self.is_noise(field, compared));
        let by_candidate = self.named(&in_candidate);
        for (key, fields) in &by_candidate {
            let alone: Vec<_> = fields.iter().filter(|field| !in_control.contains(field)).collect();
            let counts = alone.iter().any(|field| !self.is_noise(field, compared));
            let count = self.seen.entry(key.clone()).or_default();
            count.raw += 1;
            count.weights.raw += weight;
            if alone.is_empty() {
                count.both += 1;
                count.weights.both += weight;
            }
            if counts {
                count.counted += 1;
                count.weights.counted += weight;
            }
            if count.examples.len() < EXAMPLES {
                let mut shown = examined.candidate.differences();
                let difference = shown.find(|shown| alone.contains(&&shown.field()));
                count.examples.extend(difference.map(|difference| FieldExample {
                    pair: pair.to_owned(),
                    difference: difference.clone(),
                }));
            }
        }
        for key in self.named(&in_control).into_keys() {
            let count = self.seen.entry(key).or_default();
            count.noise += 1;
            count.weights.noise += weight;
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
        let key = (field.path.to_owned(), field.kind);
        self.seen.get(&key).is_some_and(|count| is_noise(field, count, compared))
    }

    /// Fields by the names that they are counted by.
    fn named<'f>(&self, fields: &BTreeSet<Field<'f>>) -> BTreeMap<(String, Kind), Vec<Field<'f>>> {
        let (mut named, mut new) = (BTreeMap::<_, Vec<_>>::new(), 0);
        for field in fields {
            let key = self.key(field, new);
            new += usize::from(!self.seen.contains_key(&key) && !named.contains_key(&key));
            named.entry(key).or_default().push(*field);
        }
        named
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
