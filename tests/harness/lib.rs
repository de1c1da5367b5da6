//! What the end-to-end tests are made of: real Envoys, the real control plane and command line as
//! processes, upstreams that record what reaches them, clients that can send what no library would.
//!
//! It does not import anything of the product: it knows Umbra by its ports, its metrics and its
//! output, as an operator does, so a mistake in a shared type cannot hide itself here.
//!
//! Everything listens on the loopback address, and every process is ended by its own id when the
//! value that stands for it goes. Nothing waits for time to pass where it can wait for a value: see
//! [`eventually::eventually`].

// A test that meets a surprise has to stop there, and to say what it met.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

pub mod ads;
pub mod alone;
pub mod bidi;
pub mod cable;
pub mod certificates;
pub mod client;
pub mod control_plane;
pub mod dns;
pub mod echo;
pub mod environment;
pub mod envoy;
pub mod eventually;
pub mod fault;
pub mod memory;
pub mod mesh;
pub mod noisy;
pub mod ports;
pub mod process;
pub mod raw;
pub mod raw_http2;
pub mod record;
pub mod reports;
pub mod resources;
pub mod traffic;
pub mod umbractl;
pub mod upstream;
