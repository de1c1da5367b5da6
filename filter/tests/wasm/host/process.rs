//! What the VMs of one Envoy share.

use super::vm::Vm;
use std::cell::{Ref, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// One Envoy.
#[derive(Clone)]
pub(crate) struct Envoy(Rc<RefCell<Process>>);

/// Its state. Fields are what tests may look at and change.
#[derive(Default)]
pub(crate) struct Process {
    /// The time of day, in nanoseconds.
    pub(crate) wall_ns: u64,
    /// The clock that never steps, in nanoseconds.
    pub(crate) monotonic_ns: u64,
    /// Values and their versions.
    pub(crate) shared: HashMap<Vec<u8>, (Vec<u8>, u32)>,
    /// By name.
    pub(crate) metrics: BTreeMap<String, u64>,
    /// The ids of metrics are positions here.
    pub(crate) metric_names: Vec<String>,
    /// Every line, as logged.
    pub(crate) log: Vec<String>,
    /// By their path, joined by dots.
    pub(crate) properties: BTreeMap<String, Vec<u8>>,
    /// Those that gRPC streams can be opened to.
    pub(crate) clusters: BTreeSet<String>,
    /// Every stream that was ever opened.
    pub(crate) streams: Vec<Stream>,
    /// Every gRPC call that was ever made.
    pub(crate) calls: Vec<Call>,
    /// How many calls the filter made to its host.
    pub(crate) host_calls: u64,
    /// How many VMs there were.
    pub(crate) vms: u32,
    /// Changes with every random number that WASI gives.
    pub(crate) random: u64,
    next_version: u32,
}

/// A gRPC stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The VM that opened it.
    pub(crate) vm: u32,
    /// The root context that opened it.
    pub(crate) root: u32,
    /// Its name in that VM.
    pub(crate) token: u32,
    /// The headers that it was opened with, as the ABI writes a map.
    pub(crate) metadata: Vec<u8>,
    /// Messages that the control plane has not read yet.
    pub(crate) sent: Vec<Vec<u8>>,
    /// What became of it.
    pub(crate) state: StreamState,
}

/// A gRPC call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The VM that made it.
    pub(crate) vm: u32,
    /// The root context that made it.
    pub(crate) root: u32,
    /// Its name in that VM.
    pub(crate) token: u32,
    /// The headers that it was made with, as the ABI writes a map.
    pub(crate) metadata: Vec<u8>,
    /// What was sent.
    pub(crate) message: Vec<u8>,
    /// Whether it is neither answered nor cancelled.
    pub(crate) is_open: bool,
}

/// What became of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamState {
    /// Both ends are there.
    Open,
    /// The filter ended it.
    Cancelled,
    /// The control plane ended it, and the filter has not closed its end.
    Ended,
    /// Both ends are gone.
    Closed,
}

impl Envoy {
    /// An Envoy with the cluster `umbra-control-plane` and a node that says who it is.
    pub(crate) fn new() -> Self {
        let mut process = Process { wall_ns: 1_700_000_000_000_000_000, ..Process::default() };
        process.clusters.insert("umbra-control-plane".to_owned());
        for (path, value) in
            [("xds.node.id", "node-1"), ("xds.node.cluster", "edge"), ("xds.node.locality.zone", "z1")]
        {
            process.properties.insert(path.to_owned(), value.as_bytes().to_vec());
        }
        Self(Rc::new(RefCell::new(process)))
    }

    /// One more worker's VM.
    pub(crate) fn vm(&self) -> Vm {
        let number = {
            let mut process = self.get_mut();
            process.vms += 1;
            process.vms
        };
        Vm::new(self.clone(), number)
    }

    /// Lets time pass, on both clocks.
    pub(crate) fn advance(&self, milliseconds: u64) {
        let mut process = self.get_mut();
        process.wall_ns += milliseconds * 1_000_000;
        process.monotonic_ns += milliseconds * 1_000_000;
    }

    pub(crate) fn get(&self) -> Ref<'_, Process> {
        self.0.borrow()
    }

    pub(crate) fn get_mut(&self) -> RefMut<'_, Process> {
        self.0.borrow_mut()
    }

    /// The value of a metric, which must be defined.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        *self.get().metrics.get(name).unwrap_or_else(|| panic!("no metric {name}"))
    }

    /// The log's lines that have this text.
    pub(crate) fn logged(&self, text: &str) -> usize {
        self.get().log.iter().filter(|line| line.contains(text)).count()
    }

    /// How many streams are open.
    pub(crate) fn open_streams(&self) -> usize {
        self.get().streams.iter().filter(|stream| stream.state == StreamState::Open).count()
    }
}

impl Process {
    /// Writes a value as Envoy does: unconditionally with version 0, or when there is none yet.
    pub(super) fn write_shared(&mut self, key: Vec<u8>, value: Vec<u8>, version: u32) -> bool {
        if let Some((_, current)) = self.shared.get(&key)
            && version != 0
            && version != *current
        {
            return false;
        }
        self.next_version += 1;
        self.shared.insert(key, (value, self.next_version));
        true
    }
}
