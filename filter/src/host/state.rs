//! The VM's state, which all its contexts share, and the stream that one of its root contexts owns.

use super::envoy::{self, EnvoyShared};
use super::metrics::Metrics;
use crate::flow::config::ControlPlane;
use crate::flow::outbox::Reply;
use crate::flow::vm::Vm;
use crate::flow::worker::{Action, InForce};
use proxy_wasm::hostcalls;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use umbra_policy::Policy;

/// gRPC's `UNAVAILABLE`: how a stream that cannot even be opened ends.
const UNAVAILABLE: u32 = 14;

/// One worker's VM.
pub(super) struct State {
    pub(super) vm: Vm,
    /// The root contexts that follow a control plane, in the order of their configuration. The last one
    /// drives: during a reload the old one stays until its requests are done.
    followers: Vec<u32>,
    stream: Option<Stream>,
    /// The report that is under way.
    report: Option<Stream>,
    metrics: Option<Metrics>,
    /// The root contexts that run without the configuration that they were given.
    refused: Vec<u32>,
}

/// A gRPC stream, or a call.
#[derive(Clone, Copy)]
struct Stream {
    /// Envoy knows a token only in the context that opened it.
    root: u32,
    token: u32,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State {
        // The one source of randomness at hand: the standard library's hash keys come from WASI's random_get.
        vm: Vm::new(RandomState::new().hash_one(0)),
        followers: Vec::new(),
        stream: None,
        report: None,
        metrics: None,
        refused: Vec::new(),
    });
}

/// Runs `f` on the VM's state. `None` if it is in use, which would take a host call that calls back into the VM.
pub(super) fn with<R>(f: impl FnOnce(&mut State) -> R) -> Option<R> {
    STATE.try_with(|state| state.try_borrow_mut().ok().map(|mut state| f(&mut state))).ok().flatten()
}

impl State {
    /// A root context follows a control plane from now on: what is announced already applies to its first request.
    pub(super) fn join(&mut self, root: u32) {
        self.followers.retain(|follower| *follower != root);
        self.followers.push(root);
        let actions = self.vm.worker.follow(self.vm.now, &EnvoyShared);
        self.perform(root, None, actions);
    }

    /// A root context was configured, perhaps with a static policy; `refused` says that it does not do what its configuration
    /// asks for.
    pub(super) fn configured(&mut self, root: u32, refused: bool, fallback: Option<Rc<Policy>>) {
        self.vm.fallback = fallback.or(self.vm.fallback.take());
        // Requests may come before the first tick, and they live by this clock.
        self.vm.now = envoy::now();
        self.refused.retain(|other| *other != root);
        if refused {
            self.refused.push(root);
        }
    }

    /// A root context's tick.
    pub(super) fn tick(
        &mut self,
        root: u32,
        control_plane: Option<&ControlPlane>,
        fallback_revision: Option<u64>,
    ) {
        let now = envoy::now();
        self.vm.tick(now);
        if let Some(control_plane) = control_plane {
            if self.followers.last() == Some(&root) {
                let random = self.vm.random();
                let actions = self.vm.worker.tick(now, random, control_plane, &EnvoyShared);
                self.perform(root, Some(control_plane), actions);
                self.send_report(root, control_plane);
            } else {
                self.hand_over(root);
            }
        }
        if self.followers.is_empty() {
            // Nobody to report to: Envoy's metrics are all that is left of the numbers.
            self.vm.numbers.take(now);
        }
        let revision = match self.vm.worker.in_force() {
            InForce::Policy { policy, .. } => Some(policy.revision()),
            InForce::Nothing => fallback_revision,
            InForce::Removed => None,
        };
        let counts = self.vm.counters.take();
        let metrics = self.metrics.get_or_insert_with(Metrics::define);
        metrics.add(&counts);
        metrics.revision(revision.unwrap_or_default());
        metrics.refused(!self.refused.is_empty());
    }

    /// A root context goes.
    pub(super) fn leave(&mut self, root: u32) {
        self.refused.retain(|other| *other != root);
        let followed = self.followers.contains(&root);
        self.followers.retain(|follower| *follower != root);
        self.hand_over(root);
        if followed && self.followers.is_empty() {
            let actions = self.vm.worker.leave(&EnvoyShared);
            self.perform(root, None, actions);
        }
    }

    /// A report's call ended.
    pub(super) fn on_report(&mut self, token: u32, reply: Reply) {
        if self.report.take_if(|report| report.token == token).is_some() {
            self.vm.on_report(reply);
        }
    }

    /// The control plane's first sign on a stream. A failure to connect shows as metadata without entries.
    pub(super) fn on_metadata(&mut self, token: u32, entries: u32) {
        if entries > 0 && self.owns(token) {
            self.vm.worker.on_stream_accepted(envoy::now());
        }
    }

    /// A message on a stream.
    pub(super) fn on_message(&mut self, root: u32, token: u32, bytes: &[u8]) {
        if self.owns(token) {
            let random = self.vm.random();
            let actions = self.vm.worker.on_stream_message(bytes, envoy::now(), random, &EnvoyShared);
            self.perform(root, None, actions);
        }
    }

    /// The end of a stream. Its token is closed in this callback and never used again, as Envoy asks.
    pub(super) fn on_close(&mut self, root: u32, token: u32, status: u32) {
        let _ = hostcalls::close_grpc_stream(token);
        if self.owns(token) {
            self.stream = None;
            self.stream_closed(root, Some(status));
        }
    }

    fn owns(&self, token: u32) -> bool {
        self.stream.is_some_and(|stream| stream.token == token)
    }

    /// Sends the report that is due, if any.
    fn send_report(&mut self, root: u32, control_plane: &ControlPlane) {
        if self.report.is_some() {
            return;
        }
        let Some(report) = self.vm.report(&control_plane.node.id) else { return };
        match envoy::report(control_plane, report) {
            Some(token) => self.report = Some(Stream { root, token }),
            None => self.vm.on_report(Reply::Failed),
        }
    }

    /// Ends a stream and a call that belong to a root context which no longer drives.
    fn hand_over(&mut self, root: u32) {
        if let Some(report) = self.report.take_if(|report| report.root == root) {
            let _ = hostcalls::cancel_grpc_call(report.token);
            self.vm.on_report(Reply::Failed);
        }
        if self.stream.is_some_and(|stream| stream.root == root) {
            self.cancel(root);
            self.stream_closed(root, None);
        }
    }

    fn stream_closed(&mut self, root: u32, status: Option<u32>) {
        let random = self.vm.random();
        let actions = self.vm.worker.on_stream_closed(status, envoy::now(), random);
        self.perform(root, None, actions);
    }

    /// Carries actions out, and those that follow from them. Only a driver's tick opens streams.
    fn perform(&mut self, root: u32, control_plane: Option<&ControlPlane>, actions: Vec<Action>) {
        let mut todo = VecDeque::from(actions);
        while let Some(action) = todo.pop_front() {
            match action {
                Action::Log(level, text) => envoy::log(level, &text),
                Action::OpenStream => todo.extend(self.open(root, control_plane)),
                Action::Send(message) => self.send(&message),
                Action::CloseStream => self.cancel(root),
            }
        }
    }

    fn open(&mut self, root: u32, control_plane: Option<&ControlPlane>) -> Vec<Action> {
        // While another root context still owns a stream, its next tick will end that.
        let free = self.stream.is_none();
        let token = control_plane.filter(|_| free).and_then(envoy::open_stream);
        match token {
            Some(token) => {
                self.stream = Some(Stream { root, token });
                self.vm.worker.on_stream_opened()
            }
            None => {
                let random = self.vm.random();
                self.vm.worker.on_stream_closed(Some(UNAVAILABLE), envoy::now(), random)
            }
        }
    }

    fn send(&mut self, message: &[u8]) {
        if let Some(stream) = self.stream {
            // A stream that is gone already says so by its close.
            let _ = hostcalls::send_grpc_stream_message(stream.token, Some(message), false);
        }
    }

    /// Ends the stream, if `root` is the context that may.
    fn cancel(&mut self, root: u32) {
        if let Some(stream) = self.stream.take_if(|stream| stream.root == root) {
            let _ = hostcalls::cancel_grpc_stream(stream.token);
        }
    }
}
