//! The least that a filter costs in Envoy: modules that have the filter's callbacks, and no work of their own. What Umbra costs above
//! them is its own code; what they cost above an Envoy without filters, no filter of this kind gets around.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, InstructionSink, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// The filter's callbacks, with the number of their parameters, and what they return.
const CALLBACKS: [(&str, usize, Option<i32>); 15] = [
    ("_initialize", 0, None),
    ("proxy_abi_version_0_2_1", 0, None),
    ("proxy_on_memory_allocate", 1, Some(BUFFER)),
    ("proxy_on_vm_start", 2, Some(1)),
    ("proxy_on_configure", 2, Some(1)),
    ("proxy_on_tick", 1, None),
    ("proxy_on_context_create", 2, None),
    ("proxy_on_delete", 1, None),
    (REQUEST_HEADERS, 3, Some(0)),
    ("proxy_on_response_headers", 3, Some(0)),
    ("proxy_on_response_body", 3, Some(0)),
    ("proxy_on_response_trailers", 2, Some(0)),
    ("proxy_on_grpc_receive", 3, None),
    ("proxy_on_grpc_receive_initial_metadata", 3, None),
    ("proxy_on_grpc_close", 3, None),
];
const REQUEST_HEADERS: &str = "proxy_on_request_headers";

/// Envoy's functions, with the number of their parameters. Their numbers are their places here.
const FUNCTIONS: [(&str, usize); 5] = [
    ("proxy_get_header_map_pairs", 3),
    ("proxy_get_header_map_value", 5),
    ("proxy_add_header_map_value", 5),
    ("proxy_replace_header_map_value", 5),
    ("proxy_remove_header_map_value", 3),
];
const PAIRS: u32 = 0;
const GET: u32 = 1;
const ADD: u32 = 2;
const SET: u32 = 3;
const REMOVE: u32 = 4;

/// What the filter asks of Envoy for a request that is stamped and mirrored, in its order.
const OF_A_REQUEST: [(u32, &[&str]); 4] = [
    (PAIRS, &[]),
    (ADD, &["x-umbra-stamp", "rule-0"]),
    (ADD, &["x-umbra-mirror-1", "shadow"]),
    (ADD, &["x-umbra-pair", "0123456789abcdef0123456789abcdef"]),
];
/// The same for the copy, after its slot.
const OF_A_COPY: [(u32, &[&str]); 5] = [
    (GET, &["x-umbra-pair"]),
    (GET, &["x-envoy-expected-rq-timeout-ms"]),
    (REMOVE, &["authorization"]),
    (REMOVE, &["cookie"]),
    (SET, &["x-umbra-shadow", "next"]),
];

/// Where Envoy puts what it hands out. It is never looked at.
const BUFFER: i32 = 65_536;
/// Where it puts the address and the length of that.
const ADDRESS: i32 = 16;
const LENGTH: i32 = 20;
/// Where the texts are.
const TEXTS: i32 = 1_024;

/// Callbacks that do nothing.
pub(crate) fn idle() -> Vec<u8> {
    module(&[], |code| {
        code.i32_const(0);
    })
}

/// Callbacks that do nothing but ask of Envoy what the filter asks for a request that is stamped and mirrored, and for its
/// copy; and one thing more: only its slot tells the copy from the request here.
pub(crate) fn calls() -> Vec<u8> {
    let mut texts = Vec::new();
    let slot = arguments(GET, &["x-umbra-slot"], &mut texts);
    let [request, copy] = [OF_A_REQUEST.as_slice(), &OF_A_COPY].map(|calls| {
        let call = |(function, words): &(u32, &[&str])| (*function, arguments(*function, words, &mut texts));
        calls.iter().map(call).collect::<Vec<_>>()
    });
    module(&texts, |code| {
        let all = |code: &mut InstructionSink<'_>, calls: &[(u32, Vec<i32>)]| {
            for (function, arguments) in calls {
                call(code, *function, arguments).drop();
            }
        };
        call(code, GET, &slot).i32_eqz().if_(BlockType::Empty);
        all(code, &copy);
        code.else_();
        all(code, &request);
        code.end().i32_const(0);
    })
}

/// The map of the request's headers, each word, and where an answer goes.
fn arguments(function: u32, words: &[&str], texts: &mut Vec<u8>) -> Vec<i32> {
    const REQUEST: i32 = 0;
    let mut arguments = vec![REQUEST];
    for word in words {
        arguments.extend([TEXTS + texts.len() as i32, word.len() as i32]);
        texts.extend_from_slice(word.as_bytes());
    }
    if [PAIRS, GET].contains(&function) {
        arguments.extend([ADDRESS, LENGTH]);
    }
    arguments
}

fn call<'a, 'b>(
    code: &'a mut InstructionSink<'b>,
    function: u32,
    arguments: &[i32],
) -> &'a mut InstructionSink<'b> {
    for argument in arguments {
        code.i32_const(*argument);
    }
    code.call(function)
}

/// A module with these texts, and this code in the callback of a request's headers.
fn module(texts: &[u8], on_request: impl Fn(&mut InstructionSink<'_>)) -> Vec<u8> {
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    let (mut functions, mut exports, mut code) =
        (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    let mut add_type = |parameters: usize, returns: bool| {
        types.ty().function(vec![ValType::I32; parameters], returns.then_some(ValType::I32));
        types.len() - 1
    };
    for (name, parameters) in FUNCTIONS {
        imports.import("env", name, EntityType::Function(add_type(parameters, true)));
    }
    for (name, parameters, returned) in CALLBACKS {
        exports.export(name, ExportKind::Func, imports.len() + functions.len());
        functions.function(add_type(parameters, returned.is_some()));
        let mut function = Function::new([]);
        let mut body = function.instructions();
        match returned {
            _ if name == REQUEST_HEADERS => on_request(&mut body),
            Some(value) => {
                body.i32_const(value);
            }
            None => {}
        }
        body.end();
        code.function(&function);
    }
    exports.export("memory", ExportKind::Memory, 0);
    let mut memories = MemorySection::new();
    let pages =
        MemoryType { minimum: 16, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(pages);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(TEXTS), texts.iter().copied());
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&memories);
    module.section(&exports).section(&code).section(&data);
    module.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::exports::USED;
    use wasmparser::{Parser, Payload};

    #[test]
    fn they_are_modules_with_the_callbacks_of_the_filter() {
        for module in [idle(), calls()] {
            wasmparser::validate(&module).unwrap();
            let sections = Parser::new(0).parse_all(&module).map(Result::unwrap);
            let exports = sections.filter_map(|section| match section {
                Payload::ExportSection(exports) => Some(exports),
                _ => None,
            });
            let mut names: Vec<String> = exports.flatten().map(|it| it.unwrap().name.to_owned()).collect();
            let mut used = USED.to_vec();
            names.sort_unstable();
            used.sort_unstable();
            assert_eq!(names, used);
        }
    }
}
