//! `cargo xtask wasm`: may this module run in Envoy, and is it small enough? One import that Envoy lacks and it
//! refuses to start.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use wasmparser::{Parser, Payload};

use crate::filter::exports;
use crate::say;

/// The size that the module must stay under. Every Envoy compiles it at every update, so growth should be a decision:
/// this is a little above what it has, and far above [`AIM_BYTES`].
const MAX_BYTES: usize = 900_000;

/// The size that the module should come down to.
pub(crate) const AIM_BYTES: usize = 400_000;

/// What a module may import from `wasi_snapshot_preview1`.
const WASI: [&str; 6] =
    ["clock_time_get", "environ_get", "environ_sizes_get", "fd_write", "proc_exit", "random_get"];

/// What a module may import from `env`: the functions of proxy-wasm ABI 0.2.1 that Envoy 1.36 has, without their
/// prefix `proxy_`.
const PROXY: [&str; 39] = [
    "add_header_map_value",
    "call_foreign_function",
    "close_stream",
    "continue_stream",
    "define_metric",
    "dequeue_shared_queue",
    "done",
    "enqueue_shared_queue",
    "get_buffer_bytes",
    "get_buffer_status",
    "get_current_time_nanoseconds",
    "get_header_map_pairs",
    "get_header_map_size",
    "get_header_map_value",
    "get_log_level",
    "get_metric",
    "get_property",
    "get_shared_data",
    "get_status",
    "grpc_call",
    "grpc_cancel",
    "grpc_close",
    "grpc_send",
    "grpc_stream",
    "http_call",
    "increment_metric",
    "log",
    "record_metric",
    "register_shared_queue",
    "remove_header_map_value",
    "replace_header_map_value",
    "resolve_shared_queue",
    "send_local_response",
    "set_buffer_bytes",
    "set_effective_context",
    "set_header_map_pairs",
    "set_property",
    "set_shared_data",
    "set_tick_period_milliseconds",
];

/// The export by which Envoy knows the version of the interface.
const ABI: &str = "proxy_abi_version_0_2_1";

/// What the filter logs before it traps because a request asked for it, in the module that tests use
/// (`filter/src/host/debug_trap.rs`).
const DEBUG_TRAP: &[u8] = b"umbra-debug-trap";

/// Checks the module in `file`.
///
/// # Errors
/// When it is no proxy-wasm module, imports or exports what is not on the lists (each is named), or is too large.
pub(crate) fn check(file: &Path) -> Result<()> {
    let module = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let problems = problems(&module)?;
    if !problems.is_empty() {
        bail!("{} must not ship:\n  {}", file.display(), problems.join("\n  "));
    }
    say::line(format_args!(
        "{}: imports allowed, {} bytes of {MAX_BYTES} (aim: {AIM_BYTES})",
        file.display(),
        module.len()
    ));
    Ok(())
}

fn problems(module: &[u8]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut has_abi = false;
    for payload in Parser::new(0).parse_all(module) {
        match payload.context("not a wasm module")? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.context("not a wasm module")?;
                    if !allowed(import.module, import.name) {
                        problems.push(format!("imports {}.{}", import.module, import.name));
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let name = export.context("not a wasm module")?.name;
                    has_abi |= name == ABI;
                    if !exports::USED.contains(&name) {
                        problems.push(format!("exports {name}, which the filter does not use"));
                    }
                }
            }
            _ => {}
        }
    }
    if has_debug_trap(module) {
        problems
            .push("traps when a request asks for it: it was built with the feature debug-trap".to_owned());
    }
    if !has_abi {
        problems.push(format!("does not export {ABI}"));
    }
    if module.len() >= MAX_BYTES {
        problems.push(format!("has {} bytes; the limit is {MAX_BYTES}", module.len()));
    }
    Ok(problems)
}

/// Whether a request can ask this module to trap.
pub(crate) fn has_debug_trap(module: &[u8]) -> bool {
    module.windows(DEBUG_TRAP.len()).any(|bytes| bytes == DEBUG_TRAP)
}

fn allowed(module: &str, name: &str) -> bool {
    match module {
        "env" => name.strip_prefix("proxy_").is_some_and(|name| PROXY.contains(&name)),
        "wasi_snapshot_preview1" => WASI.contains(&name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of one import section and one export section, assembled by hand.
    fn module(import: (&str, &str), export: &str) -> Vec<u8> {
        let name = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
        let section = |id: u8, content: Vec<u8>| [vec![id, content.len() as u8], content].concat();
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, vec![1, 0x60, 0, 0]),
            section(2, [vec![1], name(import.0), name(import.1), vec![0, 0]].concat()),
            section(7, [vec![1], name(export), vec![0, 0]].concat()),
        ]
        .concat()
    }

    #[test]
    fn only_listed_imports_may_ship() {
        for (import, export, expected) in [
            (("env", "proxy_log"), ABI, ""),
            (("wasi_snapshot_preview1", "random_get"), ABI, ""),
            (("env", "proxy_unheard_of"), ABI, "imports env.proxy_unheard_of"),
            (("env", "log"), ABI, "imports env.log"),
            (("wasi_snapshot_preview1", "fd_read"), ABI, "imports wasi_snapshot_preview1.fd_read"),
            (("other", "proxy_log"), ABI, "imports other.proxy_log"),
            (
                ("env", "proxy_log"),
                "proxy_on_log",
                "exports proxy_on_log, which the filter does not use, does not export proxy_abi_version_0_2_1",
            ),
        ] {
            assert_eq!(
                problems(&module(import, export)).unwrap().join(", "),
                expected,
                "{import:?} {export}"
            );
        }
    }

    #[test]
    fn a_large_module_may_not_ship() {
        let mut module = module(("env", "proxy_log"), ABI);
        // A custom section of padding: id 0, its length as a four-byte LEB128, an empty name.
        let padding = MAX_BYTES;
        module.push(0);
        for shift in [0, 7, 14, 21] {
            let more = if shift == 21 { 0 } else { 0x80 };
            module.push(((padding >> shift) & 0x7f) as u8 | more);
        }
        module.resize(module.len() + padding, 0);
        assert_eq!(problems(&module).unwrap().len(), 1);
    }

    #[test]
    fn a_module_that_traps_on_demand_may_not_ship() {
        let mut module = module(("env", "proxy_log"), ABI);
        // A custom section without a name.
        module.extend([0, 1 + DEBUG_TRAP.len() as u8, 0]);
        module.extend(DEBUG_TRAP);
        let problems = problems(&module).unwrap();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("debug-trap"), "{problems:?}");
    }

    #[test]
    fn what_is_no_module_is_an_error() {
        problems(b"\x7fELF").unwrap_err();
    }
}
