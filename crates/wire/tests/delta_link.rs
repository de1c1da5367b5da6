//! Both ends of the delta protocol, joined by a virtual link that delays, duplicates, loses and cuts.
//!
//! Random events from a seed, in virtual time, with the invariants checked as they happen. The link is as
//! good as TCP in one respect: a direction that has lost a message delivers nothing more until it is cut.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may stop at once")]

use std::collections::{BTreeMap, HashSet, VecDeque};

use fastrand::Rng;
use umbra_wire::TYPE_URL;
use umbra_wire::delta::client::{self, Client};
use umbra_wire::delta::server::{self, SUPERSEDE_AFTER_MS, Stream};
use umbra_wire::delta::{Node, Request, Resource, Response};

const NAME: &str = "primary";

/// How unkind the world is, as chances in a thousand.
#[derive(Clone, Copy)]
struct Weather {
    lose: u32,
    duplicate: u32,
    cut: u32,
    leader_change: u32,
    desire: u32,
    max_delay_ms: u64,
    max_apply_ms: u64,
}

const STORM: Weather = Weather {
    lose: 15,
    duplicate: 50,
    cut: 20,
    leader_change: 10,
    desire: 100,
    max_delay_ms: 300,
    max_apply_ms: 500,
};

const FAIR: Weather = Weather {
    lose: 0,
    duplicate: 0,
    cut: 0,
    leader_change: 0,
    desire: 0,
    max_delay_ms: 50,
    max_apply_ms: 300,
};

/// What the control plane wants: a version, and whether the filter can run it.
#[derive(Clone, PartialEq, Debug)]
struct Policy {
    version: String,
    good: bool,
}

#[derive(Default)]
struct Pipe {
    messages: VecDeque<(u64, Vec<u8>)>,
    lost: bool,
}

impl Pipe {
    fn put(&mut self, bytes: Vec<u8>, now_ms: u64, weather: Weather, rng: &mut Rng) {
        let chance = |rng: &mut Rng, of_thousand| rng.u32(0..1000) < of_thousand;
        if self.lost || chance(rng, weather.lose) {
            self.lost = true;
            return;
        }
        let earliest_ms = self.messages.back().map_or(0, |(due_ms, _)| *due_ms);
        let due_ms = (now_ms + rng.u64(0..=weather.max_delay_ms)).max(earliest_ms);
        if chance(rng, weather.duplicate) {
            self.messages.push_back((due_ms, bytes.clone()));
        }
        self.messages.push_back((due_ms, bytes));
    }

    fn take(&mut self, now_ms: u64) -> Option<Vec<u8>> {
        self.messages.pop_front_if(|(due_ms, _)| *due_ms <= now_ms).map(|(_, bytes)| bytes)
    }
}

struct Connection {
    up: Pipe,
    down: Pipe,
    server: Stream,
    accepted: bool,
    subscriptions_seen: u32,
    /// The newest nonce, when it was sent, and whether it was answered.
    newest: Option<(String, u64, bool)>,
    /// What the node refused, while nothing else was wanted since.
    refused: Option<Option<String>>,
}

struct World {
    rng: Rng,
    weather: Weather,
    now_ms: u64,
    client: Client,
    connection: Option<Connection>,
    streams: u32,
    desired: Option<Policy>,
    versions: u32,
    /// The version that the filter runs, and every one that it ever ran, in order.
    running: Option<String>,
    history: Vec<Option<String>>,
    work: Option<(u64, client::Action)>,
    /// What each response said of the policy.
    said: BTreeMap<String, Option<String>>,
    nonces: HashSet<String>,
    sends: u32,
    /// The server's view: what was acknowledged last, and how far into the history that is.
    acked: Option<Option<String>>,
    acked_at: usize,
    nacked: Option<String>,
}

fn node() -> Node {
    Node { id: "envoy-1".to_owned(), ..Node::default() }
}

impl World {
    fn new(seed: u64) -> World {
        World {
            rng: Rng::with_seed(seed),
            weather: STORM,
            now_ms: 1_000_000,
            client: Client::new(node(), NAME, None),
            connection: None,
            streams: 0,
            desired: None,
            versions: 0,
            running: None,
            history: vec![None],
            work: None,
            said: BTreeMap::new(),
            nonces: HashSet::new(),
            sends: 0,
            acked: None,
            acked_at: 0,
            nacked: None,
        }
    }

    fn chance(&mut self, of_thousand: u32) -> bool {
        self.rng.u32(0..1000) < of_thousand
    }

    fn step(&mut self) {
        self.now_ms += self.rng.u64(1..150);
        if self.chance(self.weather.desire) {
            self.desire();
        }
        if self.chance(self.weather.cut) {
            self.cut();
        }
        if self.chance(self.weather.leader_change) {
            self.connection = None;
            self.work = None;
            self.client = Client::new(node(), NAME, self.running.clone());
        }
        let random = self.rng.u64(..);
        let actions = self.client.on_tick(self.now_ms, random);
        self.on_client(actions);
        self.work();
        self.deliver();
    }

    /// The operator wants something else: something new, the one before, or nothing.
    fn desire(&mut self) {
        self.desired = match self.rng.u32(0..10) {
            0 => None,
            1..=2 if self.versions > 1 => Some(Policy {
                version: format!("v{}", self.versions - 1),
                good: !(self.versions - 1).is_multiple_of(4),
            }),
            _ => {
                self.versions += 1;
                Some(Policy {
                    version: format!("v{}", self.versions),
                    good: !self.versions.is_multiple_of(4),
                })
            }
        };
        let resources = self.resources();
        if let Some(connection) = &mut self.connection {
            connection.refused = None;
            if connection.server.node().is_some() {
                let actions = connection.server.on_desired(resources, self.now_ms);
                self.on_server(actions, None);
            }
        }
    }

    fn resources(&self) -> Vec<Resource> {
        let resource = |policy: &Policy| Resource {
            name: NAME.to_owned(),
            version: policy.version.clone(),
            type_url: TYPE_URL.to_owned(),
            body: vec![u8::from(policy.good)].into(),
        };
        self.desired.iter().map(resource).collect()
    }

    fn cut(&mut self) {
        if self.connection.take().is_some() {
            self.client.on_closed(self.now_ms, self.rng.u64(..));
        }
    }

    fn deliver(&mut self) {
        while let Some(connection) = &mut self.connection {
            if let Some(bytes) = connection.up.take(self.now_ms) {
                let request = Request::decode(&bytes).unwrap();
                let nonce = request.nonce.clone();
                connection.subscriptions_seen += u32::from(!request.subscribe.is_empty());
                let mut actions = connection.server.on_request(request, self.now_ms).unwrap();
                if connection.subscriptions_seen == 1 {
                    // Said again at every request, as a careless caller might.
                    let resources = self.resources();
                    let connection = self.connection.as_mut().unwrap();
                    actions.extend(connection.server.on_desired(resources, self.now_ms));
                }
                self.on_server(actions, Some(nonce));
            } else if let Some(bytes) = connection.down.take(self.now_ms) {
                if !connection.accepted {
                    connection.accepted = true;
                    self.client.on_accepted(self.now_ms);
                }
                let random = self.rng.u64(..);
                let actions = self.client.on_message(&bytes, self.now_ms, random);
                self.on_client(actions);
            } else {
                break;
            }
        }
        if let Some(connection) = &mut self.connection {
            if connection.server.node().is_some() && !connection.down.lost && !connection.accepted {
                connection.accepted = true;
                self.client.on_accepted(self.now_ms);
            }
            let due = connection.server.wake_at_ms().is_some_and(|wake_ms| wake_ms <= self.now_ms);
            if due {
                let actions = connection.server.on_tick(self.now_ms);
                assert!(!actions.is_empty(), "the server asked to be woken for nothing");
                self.on_server(actions, None);
            }
        }
    }

    fn on_server(&mut self, actions: Vec<server::Action>, answered: Option<String>) {
        let connection = self.connection.as_mut().unwrap();
        for action in actions {
            match action {
                server::Action::Send(response) => {
                    self.sends += 1;
                    assert!(self.nonces.insert(response.nonce.clone()), "a nonce was used twice");
                    let version = match (&response.resources[..], &response.removed[..]) {
                        ([resource], []) => Some(resource.version.clone()),
                        ([], [name]) if name == NAME => None,
                        other => panic!("one change of one name, not {other:?}"),
                    };
                    assert_eq!(
                        version,
                        self.desired.as_ref().map(|policy| policy.version.clone()),
                        "newest wins"
                    );
                    if let Some((_, sent_ms, false)) = connection.newest {
                        let waited_ms = self.now_ms - sent_ms;
                        assert!(waited_ms >= SUPERSEDE_AFTER_MS, "two outstanding responses");
                    }
                    if connection.subscriptions_seen == 1 {
                        assert_ne!(connection.refused, Some(version.clone()), "a refused version came again");
                    }
                    self.said.insert(response.nonce.clone(), version);
                    connection.newest = Some((response.nonce.clone(), self.now_ms, false));
                    connection.down.put(response.encode(), self.now_ms, self.weather, &mut self.rng);
                }
                server::Action::Acked { name, version } => {
                    assert_eq!(name, NAME);
                    if answered.as_ref().is_some_and(|nonce| !nonce.is_empty()) {
                        let newest = connection.newest.as_mut().unwrap();
                        assert_eq!(
                            answered.as_ref(),
                            Some(&newest.0),
                            "a stale nonce was taken for an answer"
                        );
                        newest.2 = true;
                    }
                    let ran = self.history[self.acked_at..].iter().position(|ran| *ran == version);
                    let Some(ran) = ran else { panic!("acknowledged {version:?}, which did not run since") };
                    self.acked_at += ran;
                    self.acked = Some(version);
                }
                server::Action::Nacked { name, version, reason } => {
                    assert_eq!((name.as_str(), reason.as_str()), (NAME, "not good"));
                    let newest = connection.newest.as_mut().unwrap();
                    assert_eq!(answered.as_ref(), Some(&newest.0), "a stale nonce was taken for an answer");
                    newest.2 = true;
                    let desired = self.desired.as_ref().map(|policy| policy.version.clone());
                    if version == desired {
                        connection.refused = Some(version.clone());
                    }
                    self.nacked = version;
                }
            }
        }
    }

    fn on_client(&mut self, actions: Vec<client::Action>) {
        for action in actions {
            match action {
                client::Action::Open => {
                    assert!(self.connection.is_none(), "two streams");
                    self.streams += 1;
                    self.connection = Some(Connection {
                        up: Pipe::default(),
                        down: Pipe::default(),
                        server: Stream::new(self.streams.to_string()),
                        accepted: false,
                        subscriptions_seen: 0,
                        newest: None,
                        refused: None,
                    });
                    let actions = self.client.on_opened();
                    self.on_client(actions);
                }
                client::Action::Send(request) => {
                    assert_eq!(
                        request.subscribe.is_empty(),
                        !request.nonce.is_empty(),
                        "an answer or a subscription"
                    );
                    if !request.nonce.is_empty() && request.error.is_none() {
                        assert_eq!(self.said[&request.nonce], self.running, "acknowledged and not running");
                    }
                    if let Some(version) = request.initial_versions.get(NAME) {
                        assert_eq!(Some(version), self.running.as_ref(), "claimed and not running");
                    }
                    let connection = self.connection.as_mut().unwrap();
                    connection.up.put(request.encode(), self.now_ms, self.weather, &mut self.rng);
                }
                client::Action::Close { reason } => {
                    assert_eq!(reason, "no answer within 10000 ms");
                    self.connection = None;
                }
                change => {
                    // What was being applied may just have made it, too late for its answer to be sent.
                    if self.rng.bool() {
                        self.finish();
                    }
                    let done_ms = self.now_ms + self.rng.u64(0..=self.weather.max_apply_ms);
                    self.work = Some((done_ms, change));
                }
            }
        }
    }

    fn work(&mut self) {
        if self.work.as_ref().is_some_and(|(done_ms, _)| *done_ms <= self.now_ms) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        let actions = match self.work.take() {
            None => return,
            Some((_, client::Action::Apply { version, body })) if *body == [1] => {
                self.running = Some(version.clone());
                self.history.push(self.running.clone());
                self.client.on_applied(&version)
            }
            Some((_, client::Action::Apply { version, .. })) => self.client.on_rejected(&version, "not good"),
            Some((_, client::Action::Remove)) => {
                self.running = None;
                self.history.push(None);
                self.client.on_removed()
            }
            Some((_, other)) => panic!("{other:?} is no work"),
        };
        self.on_client(actions);
    }

    /// The weather clears; connections that lost a message are cut at last, as a keepalive would.
    fn heal(&mut self) {
        self.weather = FAIR;
        if self.connection.as_ref().is_some_and(|connection| connection.up.lost || connection.down.lost) {
            self.cut();
        }
        self.run_ms(60_000);
    }

    fn run_ms(&mut self, duration_ms: u64) {
        let end_ms = self.now_ms + duration_ms;
        while self.now_ms < end_ms {
            self.step();
        }
    }

    fn check_converged(&self) {
        match &self.desired {
            Some(policy) if policy.good => {
                assert_eq!(self.running.as_ref(), Some(&policy.version), "not the newest version");
                assert_eq!(self.acked, Some(self.running.clone()), "the server thinks otherwise");
            }
            Some(policy) => {
                assert_ne!(self.running.as_ref(), Some(&policy.version));
                assert_eq!(self.nacked.as_ref(), Some(&policy.version), "the server was not told");
            }
            None => {
                assert_eq!(self.running, None, "what was removed still runs");
                assert_eq!(self.acked, Some(None), "the server thinks otherwise");
            }
        }
        assert!(self.client.is_answered());
        assert_eq!(self.client.applied_version(), self.running.as_deref());
    }
}

#[test]
fn both_ends_agree_after_any_weather() {
    for seed in 0..600 {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..400 {
                world.step();
            }
            world.heal();
            world.check_converged();

            // A reconnect where nothing changed costs no policy.
            let (sends, applied) = (world.sends, world.history.len());
            world.cut();
            world.run_ms(60_000);
            world.check_converged();
            let good = world.desired.as_ref().is_some_and(|policy| policy.good);
            assert_eq!(world.sends - sends, u32::from(!good), "responses after a reconnect");
            assert_eq!(world.history.len(), applied, "applied again after a reconnect");

            // A change without a storm is one response.
            let sends = world.sends;
            world.desire();
            world.run_ms(5_000);
            world.check_converged();
            assert!(world.sends - sends <= 1, "more than one response for one change");
        });
        if let Err(panic) = run {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn the_storm_reaches_every_kind_of_event() {
    // Without this the test above could pass because nothing happened.
    let (mut applied, mut nacked, mut removed, mut superseded) = (0, 0, 0, 0);
    for seed in 0..50 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step();
            nacked += u32::from(world.nacked.take().is_some());
            superseded += u32::from(
                world.connection.as_ref().is_some_and(|connection| connection.server.wake_at_ms().is_some()),
            );
        }
        applied += world.history.iter().flatten().count();
        removed += world.history.iter().skip(1).filter(|ran| ran.is_none()).count();
        assert!(world.streams > 3, "seed {seed}: {} streams", world.streams);
    }
    assert!(
        applied > 500 && removed > 50 && nacked > 50 && superseded > 100,
        "{applied} {removed} {nacked} {superseded}"
    );
}

#[test]
fn a_client_meets_a_response_that_is_nonsense() {
    let mut client = Client::new(node(), NAME, None);
    assert_eq!(client.on_tick(0, 0), [client::Action::Open]);
    client.on_opened();
    let actions = client.on_message(&Response::default().encode(), 1, 0);
    assert_eq!(actions, [], "about no type: not ours");
    let actions = client.on_message(&[0xff; 9], 1, 0);
    assert!(matches!(&actions[..], [client::Action::Close { .. }]), "{actions:?}");
}
