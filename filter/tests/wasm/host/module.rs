//! The module under test.

use std::path::PathBuf;
use std::sync::OnceLock;
use wasmi::{Config, Engine, Module};

/// The module that ships, compiled once for all tests of the process.
pub(super) fn module() -> &'static (Engine, Module) {
    static MODULE: OnceLock<(Engine, Module)> = OnceLock::new();
    MODULE.get_or_init(|| {
        let path = std::env::var_os("UMBRA_FILTER_WASM").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/umbra-filter.wasm")),
            PathBuf::from,
        );
        let bytes = std::fs::read(&path).unwrap_or_else(|error| {
            panic!(
                "the module under test, {}, cannot be read ({error}): build it with `cargo xtask filter`, \
                 or name another one in UMBRA_FILTER_WASM",
                path.display()
            )
        });
        let mut config = Config::default();
        config.consume_fuel(true);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, &bytes).expect("the file is a wasm module");
        (engine, module)
    })
}
