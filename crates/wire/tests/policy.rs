//! Policies as bytes: there and back, and what is said of bytes that are none.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may stop at once")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message;
use umbra_policy::spec::{
    BodySpec, ClauseSpec, CompareSpec, CopySpec, FieldSpec, GuardSpec, PathSpec, PolicySpec, SampleBy,
    SampleSpec, ShadowSpec, StampSpec, ValueSpec,
};
use umbra_wire::proto::policy::v1 as proto;
use umbra_wire::{DecodeError, MAX_POLICY_BYTES, decode, encode};

/// Any text, the empty one more often than chance would have it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), ".{0,12}"]
}

fn path() -> impl Strategy<Value = PathSpec> {
    prop_oneof![
        text().prop_map(PathSpec::Exact),
        text().prop_map(PathSpec::Prefix),
        text().prop_map(PathSpec::Regex),
        text().prop_map(PathSpec::Template),
    ]
}

fn field() -> impl Strategy<Value = FieldSpec> {
    let value = prop_oneof![
        text().prop_map(ValueSpec::Exact),
        text().prop_map(ValueSpec::Prefix),
        text().prop_map(ValueSpec::Suffix),
        text().prop_map(ValueSpec::Contains),
        text().prop_map(ValueSpec::Regex),
        Just(ValueSpec::Present),
        Just(ValueSpec::Absent),
    ];
    (text(), value).prop_map(|(name, value)| FieldSpec { name, value })
}

fn clause() -> impl Strategy<Value = ClauseSpec> {
    (
        vec(text(), 0..3),
        option::of(path()),
        vec(text(), 0..3),
        vec(field(), 0..3),
        vec(field(), 0..3),
        vec(field(), 0..3),
    )
        .prop_map(|(hosts, path, methods, headers, cookies, query)| ClauseSpec {
            hosts,
            path,
            methods,
            headers,
            cookies,
            query,
        })
}

fn shadow() -> impl Strategy<Value = ShadowSpec> {
    let by = prop_oneof![
        Just(SampleBy::Request),
        text().prop_map(SampleBy::Header),
        text().prop_map(SampleBy::Cookie),
        Just(SampleBy::SourceIp),
    ];
    let sample = (by, text()).prop_map(|(by, salt)| SampleSpec { by, salt });
    let guard = (vec(text(), 0..3), any::<u64>(), any::<bool>(), option::of(any::<u32>())).prop_map(
        |(methods, max_request_bytes, allow_unknown_length, max_rps)| GuardSpec {
            methods,
            max_request_bytes,
            allow_unknown_length,
            max_rps,
        },
    );
    let request = (vec(text(), 0..3), vec((text(), text()), 0..3))
        .prop_map(|(remove_headers, set_headers)| CopySpec { remove_headers, set_headers });
    let names = (text(), vec(text(), 0..3), text(), option::of(text()));
    let body = prop_oneof![Just(BodySpec::None), Just(BodySpec::Digest), Just(BodySpec::Full)];
    let compare = (any::<u32>(), body, any::<u64>(), vec(text(), 0..3), vec(text(), 0..3)).prop_map(
        |(share_ppm, body, max_body_bytes, headers, endpoints)| CompareSpec {
            share_ppm,
            body,
            max_body_bytes,
            headers,
            endpoints,
        },
    );
    (names, any::<bool>(), any::<u32>(), sample, guard, request, option::of(compare)).prop_map(
        |(names, enabled, share_ppm, sample, guard, request, compare)| {
            let (name, stamps, target_cluster, control_cluster) = names;
            ShadowSpec {
                name,
                stamps,
                target_cluster,
                control_cluster,
                enabled,
                share_ppm,
                sample,
                guard,
                request,
                compare,
            }
        },
    )
}

fn policy() -> impl Strategy<Value = PolicySpec> {
    let stamp = (text(), vec(clause(), 0..3)).prop_map(|(name, clauses)| StampSpec { name, clauses });
    (any::<u64>(), option::of(any::<[u8; 16]>()), vec(stamp, 0..4), vec(shadow(), 0..4))
        .prop_map(|(revision, mesh_key, stamps, shadows)| PolicySpec { revision, mesh_key, stamps, shadows })
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(spec in policy()) {
        let bytes = encode(&spec);
        prop_assert_eq!(&bytes, &encode(&spec.clone()), "equal policies have equal bytes");
        prop_assert_eq!(decode(&bytes), Ok(spec));
    }

    #[test]
    fn arbitrary_bytes_are_an_error_or_a_policy(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(spec) = decode(&bytes) {
            prop_assert_eq!(decode(&encode(&spec)), Ok(spec));
        }
    }

    #[test]
    fn a_policy_with_a_hole_is_an_error_or_a_policy(spec in policy(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = encode(&spec);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(spec) = decode(&bytes) {
            prop_assert_eq!(decode(&encode(&spec)), Ok(spec));
        }
    }
}

/// A message with nothing wrong, to break in one place.
fn message() -> proto::Policy {
    let unit = proto::Unit {};
    let field = proto::Field { name: "n".to_owned(), value: Some(proto::field::Value::Present(unit)) };
    let path = proto::Path { kind: Some(proto::path::Kind::Exact("/".to_owned())) };
    let clause = proto::Clause {
        path: Some(path),
        headers: vec![field.clone(), field.clone()],
        cookies: vec![field.clone()],
        query: vec![field],
        ..proto::Clause::default()
    };
    let shadow = proto::Shadow {
        sample: Some(proto::Sample {
            by: Some(proto::sample::By::Request(proto::Unit {})),
            salt: String::new(),
        }),
        guard: Some(proto::Guard::default()),
        ..proto::Shadow::default()
    };
    proto::Policy {
        stamps: vec![proto::Stamp { clauses: vec![clause.clone(), clause], ..proto::Stamp::default() }],
        shadows: vec![shadow.clone(), shadow],
        ..proto::Policy::default()
    }
}

fn errors(message: &proto::Policy) -> Vec<String> {
    match decode(&message.encode_to_vec()) {
        Ok(_) => Vec::new(),
        Err(DecodeError::Fields(errors)) => errors.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn each_bad_field_is_named() {
    type Break = fn(&mut proto::Policy);
    let cases: &[(Break, &str)] = &[
        (|policy| policy.mesh_key = vec![0; 15], "mesh_key: must have 16 bytes or none, not 15"),
        (|policy| policy.mesh_key = vec![0; 17], "mesh_key: must have 16 bytes or none, not 17"),
        (
            |policy| policy.stamps[0].clauses[1].path = Some(proto::Path { kind: None }),
            "stamps[0].clauses[1].path: needs one of exact, prefix, regex, template",
        ),
        (
            |policy| policy.stamps[0].clauses[0].headers[1].value = None,
            "stamps[0].clauses[0].headers[1]: needs one of exact, prefix, suffix, contains, regex, present, \
             absent",
        ),
        (
            |policy| policy.stamps[0].clauses[1].cookies[0].value = None,
            "stamps[0].clauses[1].cookies[0]: needs one of exact, prefix, suffix, contains, regex, present, \
             absent",
        ),
        (
            |policy| policy.stamps[0].clauses[0].query[0].value = None,
            "stamps[0].clauses[0].query[0]: needs one of exact, prefix, suffix, contains, regex, present, \
             absent",
        ),
        (|policy| policy.shadows[1].sample = None, "shadows[1].sample: is missing"),
        (
            |policy| policy.shadows[0].sample.as_mut().unwrap().by = None,
            "shadows[0].sample.by: needs one of request, header, cookie, source_ip",
        ),
        (|policy| policy.shadows[1].guard = None, "shadows[1].guard: is missing"),
    ];
    assert_eq!(errors(&message()), Vec::<String>::new());
    let mut all = message();
    for (break_it, expected) in cases {
        let mut policy = message();
        break_it(&mut policy);
        assert_eq!(errors(&policy), [*expected]);
        break_it(&mut all);
    }
    // The two mesh keys are one field.
    assert_eq!(errors(&all).len(), cases.len() - 1, "all of them, not only the first");
    let error = decode(&all.encode_to_vec()).unwrap_err();
    assert_eq!(error.to_string().matches("; ").count(), 7, "{error}");
}

#[test]
fn a_long_list_of_errors_is_shortened_where_a_person_reads_it() {
    let shadows = vec![proto::Shadow::default(); 10];
    let policy = proto::Policy { shadows, ..proto::Policy::default() };
    let error = decode(&policy.encode_to_vec()).unwrap_err().to_string();
    assert!(error.starts_with("shadows[0].sample: is missing; shadows[0].guard: is missing; "), "{error}");
    assert!(error.ends_with("; shadows[3].guard: is missing; and 12 more"), "{error}");
}

#[test]
fn the_list_of_errors_is_bounded() {
    let shadows = vec![proto::Shadow::default(); 5_000];
    let policy = proto::Policy { shadows, ..proto::Policy::default() };
    assert_eq!(errors(&policy).len(), 1_000);
}

#[test]
fn a_request_that_is_left_out_changes_no_header() {
    let mut policy = message();
    policy.shadows[0].request = None;
    let spec = decode(&policy.encode_to_vec()).unwrap();
    assert_eq!(spec.shadows[0].request, CopySpec::default());
}

#[test]
fn unknown_fields_are_ignored() {
    let mut bytes = encode(&PolicySpec::default());
    // Field 1000, a varint.
    bytes.extend([0xc0, 0x3e, 0x01]);
    assert_eq!(decode(&bytes), Ok(PolicySpec::default()));
}

#[test]
fn the_length_is_bounded() {
    let policy = |length| {
        let filler = StampSpec { name: "x".repeat(length), clauses: Vec::new() };
        encode(&PolicySpec { stamps: vec![filler], ..PolicySpec::default() })
    };
    let overhead = policy(MAX_POLICY_BYTES).len() - MAX_POLICY_BYTES;
    assert!(decode(&policy(MAX_POLICY_BYTES - overhead)).is_ok());
    let bytes = MAX_POLICY_BYTES + 1;
    assert_eq!(decode(&policy(bytes - overhead)), Err(DecodeError::TooLong { bytes }));
}

#[test]
fn what_would_unfold_is_refused_before_it_does() {
    // Four million bytes of empty shadows: half a gigabyte, if they were decoded.
    assert_eq!(decode(&[0x22, 0].repeat(2_000_000)), Err(DecodeError::TooMany));
}

#[test]
fn random_bytes_are_said_to_be_no_policy() {
    let error = decode(&[0xff; 12]).unwrap_err().to_string();
    assert!(
        error.starts_with("the policy is not protobuf of type.googleapis.com/umbra.policy.v1.Policy: "),
        "{error}"
    );
}
