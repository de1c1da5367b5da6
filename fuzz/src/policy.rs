//! A policy's bytes, as a filter takes them from the control plane.

use umbra_policy::explain::explain;
use umbra_policy::{Policy, decide};
use umbra_wire::{DecodeError, decode, encode};

use crate::input::Input;
use crate::request::Request;

/// More bad fields than these are not listed.
const MOST_ERRORS: usize = 1_000;

/// What is decoded is encoded and decoded again, and is the same; what builds decides as it explains.
pub fn check(bytes: &[u8]) {
    let spec = match decode(bytes) {
        Ok(spec) => spec,
        Err(DecodeError::Fields(errors)) => {
            assert!((1..=MOST_ERRORS).contains(&errors.len()));
            return;
        }
        Err(_) => return,
    };
    let again = encode(&spec);
    assert_eq!(decode(&again).as_ref(), Ok(&spec));
    match Policy::build(spec) {
        Err(errors) => assert!(!errors.is_empty()),
        Ok(policy) => {
            // Requests that look like the policy: they are made of its own bytes.
            for start in [0, again.len() / 2] {
                let request = Request::of(&mut Input::new(&again[start..]));
                assert_eq!(decide(&policy, &request, 0), explain(&policy, &request, 0).decision);
            }
        }
    }
}
