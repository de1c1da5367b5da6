//! One worker's VM, and what happens to it.

use super::imports;
use super::module::module;
use super::process::Envoy;
use super::{Headers, headers};
use std::collections::BTreeMap;
use wasmi::{Instance, Linker, Store, Val};

/// proxy-wasm's numbers of a context's maps.
const REQUEST: u32 = 0;
const RESPONSE: u32 = 2;
const TRAILERS: u32 = 3;
/// No map is at hand.
const NONE: u32 = u32::MAX;

/// A VM with the module in it.
pub(crate) struct Vm {
    envoy: Envoy,
    store: Store<Data>,
    instance: Instance,
    next_context: u32,
}

/// What the imports work on.
pub(super) struct Data {
    pub(super) envoy: Envoy,
    /// The number of the VM.
    pub(super) number: u32,
    /// The context whose callback runs.
    pub(super) context: u32,
    /// The headers (or trailers) of the message at hand.
    pub(super) headers: Headers,
    /// Which of a context's maps those are.
    pub(super) map: u32,
    /// Properties of the exchange at hand, before those of the process.
    pub(super) properties: BTreeMap<String, Vec<u8>>,
    /// The bytes of the configuration or message at hand.
    pub(super) buffer: Vec<u8>,
    pub(super) next_token: u32,
}

/// A request that is in the filter.
pub(crate) struct Exchange {
    /// Its context.
    pub(crate) context: u32,
    /// Its headers, as the filter left them.
    pub(crate) headers: Headers,
}

impl Vm {
    pub(super) fn new(envoy: Envoy, number: u32) -> Self {
        let (engine, module) = module();
        let data = Data {
            envoy: envoy.clone(),
            number,
            context: 0,
            headers: Headers::new(),
            map: REQUEST,
            properties: BTreeMap::new(),
            buffer: Vec::new(),
            next_token: 0,
        };
        let mut store = Store::new(engine, data);
        store.set_fuel(u64::MAX).expect("the engine counts instructions");
        let mut linker = Linker::new(engine);
        imports::link(&mut linker, &mut store, module);
        let instance =
            linker.instantiate_and_start(&mut store, module).expect("the module can be instantiated");
        let mut vm = Self { envoy, store, instance, next_context: 0 };
        vm.call("_initialize", &[]);
        vm
    }

    /// A plugin instance with this configuration. Returns its root context.
    pub(crate) fn plugin(&mut self, configuration: &str) -> u32 {
        let root = self.create_context(0);
        assert_eq!(self.call_in(root, "proxy_on_vm_start", &[0]), Some(1), "the VM starts");
        self.store.data_mut().buffer = configuration.as_bytes().to_vec();
        let size = u32::try_from(configuration.len()).unwrap();
        assert_eq!(
            self.call_in(root, "proxy_on_configure", &[size]),
            Some(1),
            "no configuration stops Envoy"
        );
        root
    }

    /// One tick of a root context.
    pub(crate) fn tick(&mut self, root: u32) {
        self.call_in(root, "proxy_on_tick", &[]);
    }

    /// A request's headers come in.
    pub(crate) fn request(&mut self, root: u32, headers: &Headers, end_of_stream: bool) -> Exchange {
        let context = self.create_context(root);
        self.show(REQUEST, headers);
        let count = u32::try_from(headers.len()).unwrap();
        let action = self.call_in(context, "proxy_on_request_headers", &[count, end_of_stream.into()]);
        assert_eq!(action, Some(0), "no request is held up");
        Exchange { context, headers: std::mem::take(&mut self.store.data_mut().headers) }
    }

    /// Its response comes back: nothing but a status.
    pub(crate) fn respond(&mut self, exchange: &Exchange) {
        self.response_headers(exchange.context, &headers(&[(":status", "200")]), true);
    }

    /// A response with a body, in chunks.
    pub(crate) fn respond_with(&mut self, context: u32, lines: &Headers, chunks: &[&[u8]]) {
        self.response_headers(context, lines, chunks.is_empty());
        for (number, chunk) in chunks.iter().enumerate() {
            self.response_body(context, chunk, number + 1 == chunks.len());
        }
    }

    /// The headers of a response.
    pub(crate) fn response_headers(&mut self, context: u32, lines: &Headers, end_of_stream: bool) {
        self.show(RESPONSE, lines);
        let count = u32::try_from(lines.len()).unwrap();
        let action = self.call_in(context, "proxy_on_response_headers", &[count, end_of_stream.into()]);
        assert_eq!(action, Some(0), "no response is held up");
        assert_eq!(self.store.data().headers, *lines, "no response is changed");
    }

    /// A chunk of a response's body, which may be empty.
    pub(crate) fn response_body(&mut self, context: u32, chunk: &[u8], end_of_stream: bool) {
        self.show(NONE, &Headers::new());
        self.store.data_mut().buffer = chunk.to_vec();
        let size = u32::try_from(chunk.len()).unwrap();
        let action = self.call_in(context, "proxy_on_response_body", &[size, end_of_stream.into()]);
        assert_eq!(action, Some(0), "no response is held up");
    }

    /// The trailers of a response.
    pub(crate) fn response_trailers(&mut self, context: u32, lines: &Headers) {
        self.show(TRAILERS, lines);
        let count = u32::try_from(lines.len()).unwrap();
        assert_eq!(self.call_in(context, "proxy_on_response_trailers", &[count]), Some(0));
    }

    /// What Envoy says of the exchanges from now on.
    pub(crate) fn circumstances(&mut self, properties: &[(&str, &[u8])]) {
        let owned = properties.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec()));
        self.store.data_mut().properties = owned.collect();
    }

    /// An exchange on a listener is over.
    pub(crate) fn end(&mut self, exchange: &Exchange) {
        self.delete(exchange.context);
    }

    /// A context goes: an exchange's, or a plugin instance's.
    pub(crate) fn delete(&mut self, context: u32) {
        self.show(NONE, &Headers::new());
        self.call_in(context, "proxy_on_delete", &[]);
    }

    /// A request from its headers to its end. Returns the headers as the filter left them.
    pub(crate) fn pass(&mut self, root: u32, headers: &Headers) -> Headers {
        let exchange = self.request(root, headers, true);
        self.respond(&exchange);
        self.end(&exchange);
        exchange.headers
    }

    /// The initial metadata of a stream.
    pub(crate) fn grpc_metadata(&mut self, root: u32, token: u32, entries: u32) {
        self.call_in(root, "proxy_on_grpc_receive_initial_metadata", &[token, entries]);
    }

    /// A message on a stream.
    pub(crate) fn grpc_message(&mut self, root: u32, token: u32, bytes: &[u8]) {
        self.store.data_mut().buffer = bytes.to_vec();
        let size = u32::try_from(bytes.len()).unwrap();
        self.call_in(root, "proxy_on_grpc_receive", &[token, size]);
    }

    /// The end of a stream.
    pub(crate) fn grpc_close(&mut self, root: u32, token: u32, status: u32) {
        self.call_in(root, "proxy_on_grpc_close", &[token, status]);
    }

    /// A call is answered.
    pub(crate) fn grpc_answer(&mut self, root: u32, token: u32, bytes: &[u8]) {
        self.grpc_message(root, token, bytes);
    }

    /// The instructions that the module has run since the VM began: what it costs, apart from the calls into and out of it, and
    /// the same on every machine.
    pub(crate) fn instructions(&self) -> u64 {
        u64::MAX - self.store.get_fuel().expect("the engine counts instructions")
    }

    /// The VM's number.
    pub(crate) fn number(&self) -> u32 {
        self.store.data().number
    }

    fn show(&mut self, map: u32, headers: &Headers) {
        let data = self.store.data_mut();
        data.map = map;
        data.headers.clone_from(headers);
    }

    fn create_context(&mut self, parent: u32) -> u32 {
        self.next_context += 1;
        self.call_in(self.next_context, "proxy_on_context_create", &[parent]);
        self.next_context
    }

    fn call_in(&mut self, context: u32, export: &str, more: &[u32]) -> Option<u32> {
        self.store.data_mut().context = context;
        let mut arguments = vec![context];
        arguments.extend(more);
        self.call(export, &arguments)
    }

    fn call(&mut self, export: &str, arguments: &[u32]) -> Option<u32> {
        let function =
            self.instance.get_func(&self.store, export).unwrap_or_else(|| panic!("no export {export}"));
        let arguments: Vec<Val> = arguments.iter().map(|number| Val::I32(number.cast_signed())).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        if let Err(error) = function.call(&mut self.store, &arguments, &mut results) {
            panic!("the filter trapped in {export}: {error}; its log: {:#?}", self.envoy.get().log);
        }
        results.first().and_then(Val::i32).map(i32::cast_unsigned)
    }
}
