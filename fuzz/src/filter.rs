//! One worker of the filter: requests, copies, answers, what the control plane sends, and what is in Envoy's shared
//! data, in any order.

use std::net::IpAddr;
use std::rc::Rc;

use umbra_filter::flow::answers::{AnswerView, Followed};
use umbra_filter::flow::config::{ControlPlane, Primary};
use umbra_filter::flow::copy::{self, Copy, CopyView};
use umbra_filter::flow::headers::{Edit, MIRROR_1, MIRROR_2, PAIR, SHADOW, SLOT, STAMP, is_reserved};
use umbra_filter::flow::outbox::Reply;
use umbra_filter::flow::pairs::MAX_ENTRIES;
use umbra_filter::flow::primary;
use umbra_filter::flow::shared::SharedData;
use umbra_filter::flow::time::Now;
use umbra_filter::flow::vm::Vm;
use umbra_filter::flow::worker::Action;
use umbra_policy::Policy;
use umbra_wire::delta::{Resource, Response};
use umbra_wire::telemetry::{self, Acknowledgement, MAX_UNEQUAL};
use umbra_wire::{TYPE_URL, encode};

use crate::input::Input;
use crate::request::{HOSTS, PATHS};
use crate::shared::Map;
use crate::{node, rules};

type Lines = Vec<(String, Vec<u8>)>;

const NAMES: [&str; 12] = [
    "x",
    "y",
    "cookie",
    "upgrade",
    "connection",
    "content-length",
    SLOT,
    SHADOW,
    PAIR,
    STAMP,
    MIRROR_1,
    "X-Umbra-Mirror-2",
];
const VALUES: [&str; 9] =
    ["a", "ab", "1", "2", "", "x=a; y=1", "upgrade", "d0", "00112233445566778899aabbccddeeff"];
const KEYS: [&str; 5] =
    ["umbra.1.policy", "umbra.1.policy.version", "umbra.1.lease", "umbra.1.census", "umbra.1.freshness"];

struct World {
    vm: Vm,
    shared: Map,
    config: Primary,
    now: Now,
    /// What was mirrored: what the request became, and the answers that are followed.
    mirrored: Vec<Lines>,
    primaries: Vec<Followed>,
    copies: Vec<Copy>,
}

/// No client's control header gets through, what the worker keeps is bounded, and what it reports can be read.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let Ok(policy) = Policy::build(rules::policy(&mut input)) else { return };
    let node = node::attributes();
    let control_plane = ControlPlane {
        cluster: "c".to_owned(),
        max_staleness_ms: 2_000,
        node,
        envoy_version: Box::default(),
        token: None,
    };
    let mut world = World {
        vm: Vm::new(1),
        shared: Map::default(),
        config: Primary {
            control_plane: input.flag().then_some(control_plane),
            fallback: Some(Rc::new(policy)),
        },
        now: Now::default(),
        mirrored: Vec::new(),
        primaries: Vec::new(),
        copies: Vec::new(),
    };
    while !input.is_empty() {
        match input.below(10) {
            0..=2 => world.request(&mut input),
            3 => world.copy(&mut input),
            4 | 5 => world.answer(&mut input),
            6 => world.end(&mut input),
            7 => world.tick(&mut input),
            8 => world.stream(&mut input),
            _ => {
                let (key, value) = (input.pick(&KEYS), input.bytes());
                world.shared.set(key, value, None);
            }
        }
        assert!(world.vm.pairs.len() <= MAX_ENTRIES && world.mirrored.len() <= bytes.len());
    }
}

impl World {
    fn request(&mut self, input: &mut Input<'_>) {
        let mut lines: Lines = vec![
            (":method".to_owned(), input.word(&["GET", "POST", "CONNECT"])),
            (":authority".to_owned(), input.word(&HOSTS)),
            (":path".to_owned(), input.word(&PATHS)),
        ];
        lines.extend(input.list(4, |input| (input.pick(&NAMES).to_owned(), input.word(&VALUES))));
        if input.byte() >= 250 && !self.mirrored.is_empty() {
            // A copy that comes back, with what it has of this mesh.
            lines.extend(self.mirrored[input.below(self.mirrored.len().min(256))].iter().cloned());
            lines.push((SLOT.to_owned(), b"1".to_vec()));
        }
        let is_own = self.mirrored.iter().flatten().any(|line| line.0 == PAIR && lines.contains(line));
        let source = input.flag().then_some(IpAddr::from([10, 0, 0, 1]));
        let ends = input.flag();
        let (vm, config) = (&mut self.vm, &self.config);
        let mut edited = Edited { lines: lines.clone(), set: Vec::new() };
        let followed = primary::on_request(vm, config, &lines, ends, || source, &self.shared, &mut edited);
        let Edited { lines: sent, set } = edited;
        if !is_own {
            let from_client = |line: &&(String, Vec<u8>)| is_reserved(&line.0) && !set.contains(&line.0);
            assert_eq!(sent.iter().find(from_client), None, "a client's control header: {lines:?}");
        }
        let count = |name: &str| sent.iter().filter(|line| line.0.eq_ignore_ascii_case(name)).count();
        let copies = count(MIRROR_1) + count(MIRROR_2);
        assert_eq!(copies > 0, followed.is_some());
        if let Some(followed) = followed {
            assert!(copies <= 2 && count(PAIR) == 1 && count(STAMP) == 1);
            self.mirrored.push(sent.into_iter().filter(|line| is_reserved(&line.0)).collect());
            self.primaries.push(followed);
        }
    }

    fn copy(&mut self, input: &mut Input<'_>) {
        let slot = input.word(&["1", "2", "3"]);
        let pair = match self.mirrored.len() {
            0 => None,
            count => {
                let lines = &self.mirrored[input.below(count.min(256))];
                lines.iter().find(|line| line.0 == PAIR).map(|line| line.1.clone())
            }
        };
        let pair = if input.byte() < 240 { pair } else { Some(input.bytes().to_vec()) };
        let view = Envoy::of(input);
        let mut edited = Edited::default();
        let copy = copy::on_request(&mut self.vm, &slot, pair.as_deref(), &view, &self.shared, &mut edited);
        assert!(copy.is_none() || edited.set.iter().any(|name| name == SHADOW));
        self.copies.extend(copy);
    }

    /// The next event of one answer, whatever came before.
    fn answer(&mut self, input: &mut Input<'_>) {
        let all = self.primaries.len() + self.copies.len();
        if all == 0 {
            return;
        }
        let at = input.below(all.min(256));
        let answers = self.primaries.iter_mut().chain(self.copies.iter_mut().map(|copy| &mut copy.answer));
        let Some(answer) = answers.into_iter().nth(at) else { return };
        let (event, ends, view) = (input.below(3), input.flag(), Envoy::of(input));
        match event {
            0 => answer.on_headers(&mut self.vm, ends, &view),
            1 => answer.on_body(&mut self.vm, view.body.len(), ends, &view),
            _ => answer.on_trailers(&mut self.vm, &view),
        }
    }

    fn end(&mut self, input: &mut Input<'_>) {
        if input.flag() {
            let Some(copy) = self.copies.pop() else { return };
            copy.on_end(&mut self.vm, &Envoy::of(input));
        } else {
            let Some(primary) = self.primaries.pop() else { return };
            primary::on_gone(&mut self.vm, &primary, || input.flag());
        }
    }

    fn tick(&mut self, input: &mut Input<'_>) {
        self.now.monotonic_ms += 100 * u64::from(input.byte());
        // A time of day that may be set, forth or back, but is one.
        self.now.wall_ms = if input.byte() < 250 { self.now.monotonic_ms } else { input.number() >> 17 };
        self.vm.tick(self.now);
        if let Some(control_plane) = &self.config.control_plane {
            let actions = self.vm.worker.tick(self.now, input.number(), control_plane, &self.shared);
            self.opened(&actions);
        }
        if let Some(report) = self.vm.report("node-1").map(<[u8]>::to_vec) {
            let read = telemetry::decode(&report);
            assert!(read.is_ok(), "the control plane would refuse {read:?}");
            let reply = match input.below(4) {
                0 => Reply::Failed,
                1 => Reply::Refused,
                2 => {
                    Reply::Acknowledged(Acknowledgement { sequence: input.number(), samples: samples(input) })
                }
                _ => Reply::Acknowledged(Acknowledgement {
                    sequence: read.map_or(0, |report| report.sequence),
                    samples: samples(input),
                }),
            };
            self.vm.on_report(reply);
        }
    }

    fn opened(&mut self, actions: &[Action]) {
        if actions.contains(&Action::OpenStream) {
            self.vm.worker.on_stream_opened();
        }
    }

    fn stream(&mut self, input: &mut Input<'_>) {
        let message = match input.below(4) {
            0 => input.long_bytes().to_vec(),
            1 => {
                self.vm.worker.on_stream_closed(input.flag().then_some(14), self.now, input.number());
                return;
            }
            _ => {
                let body =
                    if input.flag() { encode(&rules::policy(input)) } else { input.long_bytes().to_vec() };
                let resource = Resource {
                    name: "primary".to_owned(),
                    version: input.text(&["1", "2", "3"]),
                    type_url: TYPE_URL.to_owned(),
                    body: body.into(),
                };
                Response {
                    type_url: TYPE_URL.to_owned(),
                    nonce: input.text(&["n1", "n2"]),
                    resources: input.flag().then_some(resource).into_iter().collect(),
                    removed: input.flag().then(|| "primary".to_owned()).into_iter().collect(),
                }
                .encode()
            }
        };
        self.vm.worker.on_stream_message(&message, self.now, input.number(), &self.shared);
    }
}

/// What Envoy says of an answer or of a copy.
struct Envoy {
    headers: Lines,
    body: Vec<u8>,
    status: Option<Vec<u8>>,
    timeout: Option<Vec<u8>>,
    connected: bool,
    age_ms: Option<u64>,
    now_us: u64,
}

impl Envoy {
    fn of(input: &mut Input<'_>) -> Envoy {
        let mut headers = vec![(":status".to_owned(), input.word(&["200", "500", "", "99999"]))];
        headers.extend(input.list(2, |input| {
            (input.pick(&["content-type", "x", "grpc-status"]).to_owned(), input.word(&VALUES))
        }));
        Envoy {
            headers,
            body: input.bytes().to_vec(),
            status: input.flag().then(|| input.word(&["0", "14", "-1"])),
            timeout: input.flag().then(|| input.word(&["100", "0", "99999999999999999999"])),
            connected: input.flag(),
            age_ms: input.flag().then(|| u64::from(input.byte())),
            now_us: 1_000 * u64::from(input.byte()),
        }
    }
}

impl AnswerView for Envoy {
    fn headers(&self) -> Lines {
        self.headers.clone()
    }

    fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.headers.iter().find(|line| line.0 == name).map(|line| line.1.clone())
    }

    fn body(&self, start: usize, bytes: usize) -> Vec<u8> {
        self.body.iter().skip(start).take(bytes).copied().collect()
    }

    fn trailing_grpc_status(&self) -> Option<Vec<u8>> {
        self.status.clone()
    }

    fn now_us(&self) -> u64 {
        self.now_us
    }
}

impl CopyView for Envoy {
    fn cluster(&self) -> Option<Vec<u8>> {
        Some(b"t".to_vec())
    }

    fn expected_timeout(&self) -> Option<Vec<u8>> {
        self.timeout.clone()
    }

    fn was_connected(&self) -> bool {
        self.connected
    }

    fn age_ms(&self) -> Option<u64> {
        self.age_ms
    }

    fn now_us(&self) -> u64 {
        self.now_us
    }
}

/// A request's headers, changed as Envoy does it, and which of them Umbra set.
#[derive(Default)]
struct Edited {
    lines: Lines,
    set: Vec<String>,
}

impl Edit for Edited {
    fn remove(&mut self, name: &str) {
        self.lines.retain(|line| !line.0.eq_ignore_ascii_case(name));
    }

    fn add(&mut self, name: &'static str, value: &[u8]) {
        self.lines.push((name.to_owned(), value.to_vec()));
        self.set.push(name.to_owned());
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        self.remove(name);
        self.lines.push((name.to_owned(), value.to_vec()));
        self.set.push(name.to_owned());
    }
}

/// What the control plane may grant a worker.
fn samples(input: &mut Input<'_>) -> Option<usize> {
    input.flag().then(|| 1 + input.below(MAX_UNEQUAL))
}
