//! What the module exports. The SDK exports a function for every callback there is, and Envoy calls each one that it finds, on
//! every request: also one that does nothing costs the way into the VM and back (ADR 0008).

use anyhow::{Context, Result};
use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{Parser, Payload};

/// The exports that do something in this filter.
pub(crate) const USED: [&str; 16] = [
    "memory",
    "_initialize",
    "proxy_abi_version_0_2_1",
    "proxy_on_memory_allocate",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_tick",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_request_headers",
    "proxy_on_response_headers",
    "proxy_on_response_body",
    "proxy_on_response_trailers",
    "proxy_on_grpc_receive",
    "proxy_on_grpc_receive_initial_metadata",
    "proxy_on_grpc_close",
];

/// The same module with the exports of [`USED`] alone.
///
/// # Errors
/// When `module` is no wasm module.
pub(crate) fn keep_used(module: &[u8]) -> Result<Vec<u8>> {
    let mut kept = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.context("not a wasm module")?;
        if let Payload::ExportSection(section) = payload {
            let mut exports = ExportSection::new();
            for export in section {
                let export = export.context("not a wasm module")?;
                if USED.contains(&export.name) {
                    let kind = ExportKind::from(export.kind);
                    exports.export(export.name, kind, export.index);
                }
            }
            kept.section(&exports);
        } else if let Some((id, range)) = payload.as_section() {
            let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
            kept.section(&RawSection { id, data: module.get(range).context("a section has no end")? });
        }
    }
    Ok(kept.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A type, a function of it, and two exports of that, assembled by hand; then a section of whatever.
    fn module(exports: &[&str]) -> Vec<u8> {
        let section = |id: u8, content: Vec<u8>| [vec![id, content.len() as u8], content].concat();
        let export = |name: &&str| [&[name.len() as u8], name.as_bytes(), &[0, 0]].concat();
        let exports: Vec<u8> =
            std::iter::once(exports.len() as u8).chain(exports.iter().flat_map(export)).collect();
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, vec![1, 0x60, 0, 0]),
            section(3, vec![1, 0]),
            section(7, exports),
            section(10, vec![1, 2, 0, 0x0b]),
            section(0, b"\x04name".to_vec()),
        ]
        .concat()
    }

    #[test]
    fn only_the_unused_exports_go() {
        let all = module(&["proxy_on_log", "proxy_on_tick", "proxy_on_request_body"]);
        assert_eq!(keep_used(&all).unwrap(), module(&["proxy_on_tick"]));
    }

    #[test]
    fn what_is_no_module_is_an_error() {
        keep_used(b"\x7fELF").unwrap_err();
    }
}
