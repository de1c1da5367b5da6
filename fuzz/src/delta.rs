//! The delta protocol, both ends, each against a peer that says anything in any order.

mod client;
mod server;

use crate::input::Input;

/// Neither end panics, and each keeps to its invariants whatever the other says.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    if input.flag() {
        server::check(&mut input);
    } else {
        client::check(&mut input);
    }
}
