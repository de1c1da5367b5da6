//! Where the things under test are: `cargo xtask test` builds or fetches them and says so in the
//! environment. A test without them fails; a test that was skipped has not passed.

use std::path::PathBuf;

/// The Envoy to run.
pub fn envoy() -> PathBuf {
    path("UMBRA_E2E_ENVOY")
}

/// The filter's wasm module.
pub fn filter() -> PathBuf {
    path("UMBRA_E2E_FILTER")
}

/// The same, built to trap when a request asks for it.
pub fn trap_filter() -> PathBuf {
    path("UMBRA_E2E_TRAP_FILTER")
}

/// The folder of the binaries, which is one that builds write to.
pub fn bin_dir() -> PathBuf {
    path("UMBRA_E2E_BIN_DIR")
}

/// The control plane's binary.
pub fn umbra() -> PathBuf {
    bin_dir().join("umbra")
}

/// The command line's binary.
pub fn umbractl() -> PathBuf {
    bin_dir().join("umbractl")
}

/// The version of Envoy, as `UMBRA_E2E_ENVOY_VERSION` gives it: `1.36.2`.
pub fn envoy_version() -> String {
    text("UMBRA_E2E_ENVOY_VERSION")
}

fn path(name: &str) -> PathBuf {
    let path = PathBuf::from(text(name));
    assert!(path.exists(), "{name} is {}, which does not exist: run cargo xtask test", path.display());
    path
}

fn text(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run cargo xtask test"))
}
