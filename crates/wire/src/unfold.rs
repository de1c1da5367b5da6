//! How much memory a message takes once it is decoded.
//!
//! Two bytes of protobuf can be an empty submessage, which is some hundred bytes in memory: 4 MiB of them
//! would be half a gigabyte, and running out of memory ends a filter's VM. So a message is measured before it
//! is decoded. The measure is an estimate from above of what the items take in lists, the text itself apart.

use crate::proto::{delta::v1 as delta, policy::v1 as policy, telemetry::v1 as telemetry};

/// The most that the items of one message may take, in bytes. Policies of 4 MiB with rules as short as they
/// can sensibly be stay below; lists that grow and the conversion take some three times as much.
const BUDGET_BYTES: usize = 48 * 1024 * 1024;

/// The messages that are measured.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Policy,
    Response,
    Stamp,
    Clause,
    /// A condition on a header, a cookie or a query parameter.
    Field,
    Shadow,
    Guard,
    Copy,
    Compare,
    /// A header to set.
    Header,
    Resource,
    Report,
    ShadowReport,
    EndpointReport,
    Statuses,
    Histogram,
    SampledPair,
    SampledAnswer,
    /// A header that was observed.
    Observed,
    Dropped,
    /// Numbers in a row, each of which may be one byte long.
    Numbers,
    /// Text, or a message that holds nothing but text.
    Leaf,
}

impl Kind {
    /// What a field with this number is.
    fn field(self, number: u64) -> Kind {
        match (self, number) {
            (Kind::Policy, 3) => Kind::Stamp,
            (Kind::Policy, 4) => Kind::Shadow,
            (Kind::Stamp, 2) => Kind::Clause,
            (Kind::Clause, 4..=6) => Kind::Field,
            (Kind::Shadow, 8) => Kind::Guard,
            (Kind::Shadow, 9) => Kind::Copy,
            (Kind::Shadow, 10) => Kind::Compare,
            (Kind::Copy, 2) => Kind::Header,
            (Kind::Response, 2) => Kind::Resource,
            (Kind::Report, 10) => Kind::ShadowReport,
            (Kind::Report, 11) => Kind::SampledPair,
            (Kind::Report, 12) => Kind::Dropped,
            (Kind::ShadowReport, 5) => Kind::EndpointReport,
            (Kind::EndpointReport, 3) => Kind::Statuses,
            (Kind::EndpointReport, 7 | 8 | 10) => Kind::Histogram,
            (Kind::Histogram, _) => Kind::Numbers,
            (Kind::SampledPair, 8..=10) => Kind::SampledAnswer,
            (Kind::SampledAnswer, 6) => Kind::Observed,
            _ => Kind::Leaf,
        }
    }

    /// What one of it takes, in bytes, without what it holds in turn.
    fn size(self) -> usize {
        match self {
            Kind::Policy => size_of::<policy::Policy>(),
            Kind::Response => size_of::<delta::DeltaDiscoveryResponse>(),
            Kind::Stamp => size_of::<policy::Stamp>(),
            Kind::Clause => size_of::<policy::Clause>(),
            Kind::Field => size_of::<policy::Field>(),
            Kind::Shadow => size_of::<policy::Shadow>(),
            Kind::Guard => size_of::<policy::Guard>(),
            Kind::Copy => size_of::<policy::Copy>(),
            Kind::Compare => size_of::<policy::Compare>(),
            Kind::Header => size_of::<policy::Header>(),
            Kind::Resource => size_of::<delta::Resource>(),
            Kind::Report => size_of::<telemetry::ReportRequest>(),
            Kind::ShadowReport => size_of::<telemetry::ShadowReport>(),
            Kind::EndpointReport => size_of::<telemetry::EndpointReport>(),
            Kind::Statuses => size_of::<telemetry::Statuses>(),
            Kind::Histogram => size_of::<telemetry::Histogram>(),
            Kind::SampledPair => size_of::<telemetry::SampledPair>(),
            Kind::SampledAnswer => size_of::<telemetry::SampledAnswer>(),
            Kind::Observed => size_of::<telemetry::Header>(),
            Kind::Dropped => size_of::<telemetry::Dropped>(),
            Kind::Numbers => 0,
            Kind::Leaf => size_of::<String>(),
        }
    }
}

/// Whether a message stays within the budget. Of one that is not protobuf, as far as it is.
pub(crate) fn fits(bytes: &[u8], kind: Kind) -> bool {
    let mut left = BUDGET_BYTES;
    measure(bytes, kind, &mut left);
    left > 0
}

/// Takes what the message's items need off `left`. `None` where it ends early: not protobuf, or too much.
fn measure(mut bytes: &[u8], kind: Kind, left: &mut usize) -> Option<()> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => {
                varint(&mut bytes)?;
                // A list of numbers may also come one by one.
                if let Kind::Numbers = kind.field(key >> 3) {
                    *left = left.saturating_sub(size_of::<u64>());
                    if *left == 0 {
                        return None;
                    }
                }
            }
            1 => drop(take(&mut bytes, 8)?),
            2 => {
                let length = varint(&mut bytes)?;
                let field = kind.field(key >> 3);
                *left = left.saturating_sub(field.size());
                if *left == 0 {
                    return None;
                }
                measure_inside(take(&mut bytes, length)?, field, left)?;
            }
            5 => drop(take(&mut bytes, 4)?),
            // The borders of a group, which no message here has: its fields are measured as if outside it.
            3 | 4 => {}
            _ => return None,
        }
    }
    Some(())
}

fn measure_inside(bytes: &[u8], kind: Kind, left: &mut usize) -> Option<()> {
    match kind {
        Kind::Leaf => Some(()),
        Kind::Numbers => {
            *left = left.saturating_sub(bytes.len().saturating_mul(size_of::<u64>()));
            (*left > 0).then_some(())
        }
        kind => measure(bytes, kind, left),
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::MAX_POLICY_BYTES;

    #[test]
    fn empty_items_do_not_fit_at_the_length_bound() {
        // (kind, the bytes of one empty item in it)
        let cases: [(Kind, &[u8]); 6] = [
            (Kind::Policy, &[0x1a, 0]),
            (Kind::Policy, &[0x22, 0]),
            (Kind::Response, &[0x12, 0]),
            (Kind::Report, &[0x52, 0]),
            (Kind::Report, &[0x5a, 0]),
            (Kind::Report, &[0x62, 0]),
        ];
        for (kind, item) in cases {
            assert!(!fits(&item.repeat(MAX_POLICY_BYTES / item.len()), kind), "{item:x?}");
            assert!(fits(&item.repeat(10_000), kind), "{item:x?}");
        }
        // Numbers, in a row and one by one.
        let mut numbers = vec![0x12];
        prost::encode_length_delimiter(8_000_000, &mut numbers).unwrap();
        numbers.extend([1].repeat(8_000_000));
        assert!(!fits(&numbers, Kind::Histogram));
        assert!(!fits(&[0x10, 1].repeat(8_000_000), Kind::Histogram));
        assert!(fits(&[0x10, 1].repeat(10_000), Kind::Histogram));
        // And one level down: one stamp of 2,000,000 empty clauses.
        let mut stamp = vec![0x1a];
        prost::encode_length_delimiter(4_000_000, &mut stamp).unwrap();
        stamp.extend([0x12, 0].repeat(2_000_000));
        assert!(!fits(&stamp, Kind::Policy));
    }

    #[test]
    fn a_large_policy_of_small_rules_fits() {
        let text = |text: &str| text.to_owned();
        let clause = policy::Clause {
            hosts: vec![text("a.test")],
            path: Some(policy::Path { kind: Some(policy::path::Kind::Prefix(text("/a"))) }),
            methods: vec![text("GET")],
            ..policy::Clause::default()
        };
        let stamp = policy::Stamp { name: text("stamp-12345"), clauses: vec![clause] };
        let message = policy::Policy { stamps: vec![stamp], ..policy::Policy::default() };
        // Messages one after the other are one message with the lists of all.
        let one = message.encode_to_vec();
        let bytes = one.repeat(MAX_POLICY_BYTES / one.len());
        assert!(fits(&bytes, Kind::Policy));
    }

    #[test]
    fn what_is_not_protobuf_is_left_to_the_decoder() {
        for bytes in [&[0xff; 30][..], &[0x1a], &[0x1a, 0x05, 0x00], &[0x07], &[0x0b, 0x0c]] {
            assert!(fits(bytes, Kind::Policy), "{bytes:x?}");
        }
    }
}
