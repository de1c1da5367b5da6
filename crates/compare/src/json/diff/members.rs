//! Finding the members of one object in another, without order.

use std::collections::HashMap;

use crate::json::tree::{Member, Node};

/// The members of an object, taken one by one by their names. Where a name comes more than once, its first value is taken
/// first.
pub(super) struct Pairing<'n, 'a> {
    members: &'n [Member<'a>],
    taken: Taken<'n>,
}

/// Most objects have so few members that going through them is faster than any map.
enum Taken<'n> {
    /// A bit for each member that was taken, the first one lowest.
    Few(u64),
    /// The places that are left of each name, the first one last.
    Many(HashMap<&'n str, Vec<usize>>),
}

impl<'n, 'a> Pairing<'n, 'a> {
    pub(super) fn new(members: &'n [Member<'a>]) -> Self {
        if members.len() <= u64::BITS as usize {
            return Pairing { members, taken: Taken::Few(0) };
        }
        let mut places: HashMap<&str, Vec<usize>> = HashMap::with_capacity(members.len());
        for (place, (name, _)) in members.iter().enumerate().rev() {
            places.entry(name).or_default().push(place);
        }
        Pairing { members, taken: Taken::Many(places) }
    }

    /// The next member of this name.
    pub(super) fn take(&mut self, name: &str) -> Option<&'n Node<'a>> {
        match &mut self.taken {
            Taken::Few(bits) => {
                // Servers rarely change the order: mostly it is the first that is left.
                let first = bits.trailing_ones() as usize;
                let rest = self.members.iter().enumerate().skip(first);
                let (place, (_, node)) =
                    rest.into_iter().find(|(place, (other, _))| *bits >> place & 1 == 0 && other == name)?;
                *bits |= 1 << place;
                Some(node)
            }
            Taken::Many(places) => {
                let place = places.get_mut(name)?.pop()?;
                self.members.get(place).map(|(_, node)| node)
            }
        }
    }

    /// Those that were not taken, in order.
    pub(super) fn rest(self) -> impl Iterator<Item = &'n Member<'a>> {
        let mut places: Vec<usize> = match self.taken {
            Taken::Few(bits) => (0..self.members.len()).filter(|place| bits >> place & 1 == 0).collect(),
            Taken::Many(places) => places.into_values().flatten().collect(),
        };
        places.sort_unstable();
        let members = self.members;
        places.into_iter().filter_map(move |place| members.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree::{Value, parse};

    #[test]
    fn small_and_large_objects_are_taken_from_alike() {
        for others in [0, 40, 61, 62, 63, 100] {
            let other: Vec<String> = (0..others).map(|index| format!(r#","o{index}":0"#)).collect();
            let text = format!(r#"{{"a":1,"b":2,"a":3{}}}"#, other.concat());
            let Value::Object(members) = parse(text.as_bytes()).unwrap().value else { panic!("{text}") };
            let mut pairing = Pairing::new(&members);
            let mut take = |name: &str| pairing.take(name).map(|node| node.to_text(9));
            let (first, second, third) = (take("a"), take("a"), take("a"));
            assert_eq!([first.as_deref(), second.as_deref(), third.as_deref()], [Some("1"), Some("3"), None]);
            assert_eq!(take("c"), None);
            assert_eq!(take("o39").is_some(), others > 39);
            let rest: Vec<_> = pairing.rest().map(|(name, _)| name.as_ref()).collect();
            assert_eq!(rest.first(), Some(&"b"), "{others}");
            assert_eq!(rest.len(), if others > 39 { others } else { others + 1 });
            assert_eq!(rest.get(1).copied(), (others > 0).then_some("o0"));
        }
    }
}
