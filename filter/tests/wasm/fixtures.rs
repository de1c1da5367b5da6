//! Several workers of one Envoy, and the control plane that they talk to.

use crate::host::{Envoy, Headers, StreamState, Vm};
use umbra_policy::spec::PolicySpec;
use umbra_resource::{NodeAttributes, ResourceSet};
use umbra_wire::TYPE_URL;
use umbra_wire::delta::{Request, Resource, Response};

/// A plugin configuration that follows a control plane.
pub(crate) const FOLLOWER: &str =
    r#"{"role": "primary", "control_plane": "umbra-control-plane", "max_staleness": "10s"}"#;

/// The key of the mesh in these tests.
pub(crate) const MESH_KEY: [u8; 16] = *b"sixteen byte key";

/// A stamp for `/cart`, and a shadow `next` for it with a control, at a share in percent and further fields of its spec.
pub(crate) fn resources(percent: f64, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(
        r#"[{{"apiVersion": "umbra/v1", "kind": "Stamp", "metadata": {{"name": "cart"}},
              "spec": {{"match": [{{"path": {{"prefix": "/cart"}}}}]}}}},
            {{"apiVersion": "umbra/v1", "kind": "Shadow", "metadata": {{"name": "next"}},
              "spec": {{"stamps": ["cart"], "target": {{"cluster": "next"}}, "control": {{"cluster": "base"}},
                        "percent": {percent},
                        "request": {{"remove_headers": ["authorization", "cookie"], "set_headers": {{"x-env": "shadow"}}}}
                        {comma}{more}}}}}]"#
    )
}

/// The policy of these resources as the control plane compiles it.
pub(crate) fn compiled(resources: &str, revision: u64) -> PolicySpec {
    let resources = umbra_resource::from_json(resources).expect("the resources can be read");
    let set = ResourceSet::new(resources).expect("the resources hold together");
    set.compile(&NodeAttributes::default(), revision, Some(MESH_KEY))
}

/// The workers of one Envoy, each with one plugin instance of role primary.
pub(crate) struct Workers {
    pub(crate) envoy: Envoy,
    pub(crate) list: Vec<Worker>,
}

/// A VM and the root context of its plugin instance.
pub(crate) struct Worker {
    pub(crate) vm: Vm,
    pub(crate) root: u32,
}

impl Worker {
    /// One tick.
    pub(crate) fn tick(&mut self) {
        self.vm.tick(self.root);
    }

    /// A request from its headers to its end.
    pub(crate) fn pass(&mut self, headers: &Headers) -> Headers {
        self.vm.pass(self.root, headers)
    }
}

impl Workers {
    pub(crate) fn new(count: usize, configuration: &str) -> Self {
        let envoy = Envoy::new();
        let mut workers = Self { envoy, list: Vec::new() };
        for _ in 0..count {
            workers.add(configuration);
        }
        workers
    }

    /// One more worker.
    pub(crate) fn add(&mut self, configuration: &str) {
        let mut vm = self.envoy.vm();
        let root = vm.plugin(configuration);
        self.list.push(Worker { vm, root });
    }

    /// Lets time pass, with a tick of every worker each 100 ms.
    pub(crate) fn run(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds / 100 {
            self.envoy.advance(100);
            for worker in &mut self.list {
                worker.tick();
            }
        }
    }

    /// Runs until a stream is open, at most `limit_ms`. Returns how long it took.
    pub(crate) fn run_until_stream(&mut self, limit_ms: u64) -> u64 {
        for elapsed_ms in (0..=limit_ms).step_by(100) {
            if self.envoy.open_streams() > 0 {
                return elapsed_ms;
            }
            self.run(100);
        }
        panic!("no stream within {limit_ms} ms; log: {:#?}", self.envoy.get().log);
    }

    /// The position of the worker that has the open stream, and the stream's root context and token.
    pub(crate) fn leader(&self) -> (usize, u32, u32) {
        let process = self.envoy.get();
        let open: Vec<_> =
            process.streams.iter().filter(|stream| stream.state == StreamState::Open).collect();
        let [stream] = open.as_slice() else { panic!("{} open streams", open.len()) };
        let position = self.list.iter().position(|worker| worker.vm.number() == stream.vm);
        (position.expect("the leader is one of the workers"), stream.root, stream.token)
    }

    /// What the filter sent on the open stream since the last look.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let mut process = self.envoy.get_mut();
        let open = process.streams.iter_mut().find(|stream| stream.state == StreamState::Open);
        let sent = std::mem::take(&mut open.expect("a stream is open").sent);
        sent.iter().map(|bytes| Request::decode(bytes).expect("a request")).collect()
    }

    /// The control plane accepts the open stream.
    pub(crate) fn accept(&mut self) {
        let (leader, root, token) = self.leader();
        self.list[leader].vm.grpc_metadata(root, token, 3);
    }

    /// The control plane sends a policy on the open stream. The nonce is the version.
    pub(crate) fn send(&mut self, version: &str, body: Vec<u8>) {
        let resource = Resource {
            name: "primary".to_owned(),
            version: version.to_owned(),
            type_url: TYPE_URL.to_owned(),
            body: body.into(),
        };
        self.respond(Response {
            type_url: TYPE_URL.to_owned(),
            nonce: version.to_owned(),
            resources: vec![resource],
            removed: Vec::new(),
        });
    }

    /// The control plane sends this.
    pub(crate) fn respond(&mut self, response: Response) {
        let (leader, root, token) = self.leader();
        self.list[leader].vm.grpc_message(root, token, &response.encode());
    }

    /// The control plane ends the open stream.
    pub(crate) fn hang_up(&mut self, status: u32) {
        let (leader, root, token) = self.leader();
        let number = self.list[leader].vm.number();
        for stream in &mut self.envoy.get_mut().streams {
            if (stream.vm, stream.token) == (number, token) {
                stream.state = StreamState::Ended;
            }
        }
        self.list[leader].vm.grpc_close(root, token, status);
    }

    /// Connects, and has all workers run a policy of these resources under this version.
    pub(crate) fn serve(&mut self, version: &str, resources: &str, revision: u64) {
        self.run_until_stream(1_000);
        self.accept();
        self.requests();
        self.send(version, umbra_wire::encode(&compiled(resources, revision)));
        self.run(300);
        let answers = self.requests();
        assert!(
            matches!(answers.as_slice(), [ack] if ack.nonce == version && ack.error.is_none()),
            "{answers:?}"
        );
    }

    /// Whether each worker mirrors a request for `/cart`.
    pub(crate) fn mirrors(&mut self) -> Vec<bool> {
        let request = crate::host::get("/cart", &[]);
        let all = self.list.iter_mut().map(|worker| worker.pass(&request));
        all.map(|headers| !crate::host::values(&headers, "x-umbra-mirror-1").is_empty()).collect()
    }
}
