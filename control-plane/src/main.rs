//! The `umbra` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    umbra_control_plane::app::main()
}
