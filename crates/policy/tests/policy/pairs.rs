//! Pair ids.

use proptest::prelude::*;
use umbra_policy::pair::PairId;

/// The key of the test vectors in the paper (Aumasson and Bernstein, 2012): 00 01 … 0f.
const PAPER_KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The authors' vector for the message 00 01 … 07: nodes of different releases must agree on tags.
#[test]
fn tag_is_siphash_2_4() {
    let id = PairId::new(0x0001_0203_0405_0607, Some(&PAPER_KEY));
    assert_eq!(id.to_string(), "000102030405060793f5f5799a932462");
    assert_eq!(id.to_bytes()[..8], [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn without_a_key_the_key_is_zeros() {
    let id = PairId::new(7, None);
    assert!(id.verify(None));
    assert_eq!(id, PairId::new(7, Some(&[0; 16])));
    assert!(!id.verify(Some(&PAPER_KEY)));
}

#[test]
fn parses_only_the_written_form() {
    let id = PairId::new(u64::MAX, Some(&PAPER_KEY));
    let text = id.to_string();
    assert_eq!(PairId::parse(text.as_bytes()), Some(id));
    let wrong: [&[u8]; 7] = [
        b"",
        &text.as_bytes()[1..],
        text.to_ascii_uppercase().as_bytes(),
        &[text.as_bytes(), b"0"].concat(),
        &[b" ", &text.as_bytes()[1..]].concat(),
        b"0000000000000000000000000000000g",
        &[0xff; 32],
    ]
    .map(|text: &[u8]| text.to_vec().leak() as &[u8]);
    for text in wrong {
        assert_eq!(PairId::parse(text), None, "{}", text.escape_ascii());
    }
}

proptest! {
    #[test]
    fn survives_writing(random: u64, key: Option<[u8; 16]>) {
        let id = PairId::new(random, key.as_ref());
        prop_assert!(id.verify(key.as_ref()));
        prop_assert_eq!(PairId::parse(id.to_string().as_bytes()), Some(id));
        prop_assert_eq!(PairId::from_bytes(id.to_bytes()), id);
    }

    #[test]
    fn a_changed_bit_does_not_verify(random: u64, key: [u8; 16], bit in 0..128_u32) {
        let id = u128::from_be_bytes(PairId::new(random, Some(&key)).to_bytes()) ^ (1 << bit);
        prop_assert!(!PairId::from_bytes(id.to_be_bytes()).verify(Some(&key)));
    }

    #[test]
    fn parse_takes_any_bytes(text: Vec<u8>) {
        if let Some(id) = PairId::parse(&text) {
            prop_assert_eq!(id.to_string().into_bytes(), text);
        }
    }
}
