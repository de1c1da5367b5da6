//! `cargo xtask`: everything a person would otherwise have to remember.

mod codegen;

use clap::Parser;

#[derive(Parser)]
#[command(name = "xtask", about = "Everything a person would otherwise have to remember")]
enum Command {
    /// Generate Rust from the .proto files
    Codegen {
        /// Compare with the committed files instead of writing them
        #[arg(long)]
        check: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Codegen { check } => codegen::run(check),
    }
}
