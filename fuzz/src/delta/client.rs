//! The filter's end, and a control plane that says anything.

use std::collections::BTreeMap;

use umbra_wire::TYPE_URL;
use umbra_wire::delta::client::{Action, Client};
use umbra_wire::delta::{MAX_REASON_BYTES, Node, Request, Resource, Response};

use crate::input::Input;

const NAME: &str = "primary";

/// What a policy is to be: a version, or none.
type Wanted = Option<String>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    Closed,
    Asked,
    Open,
}

struct World {
    client: Client,
    link: Link,
    now_ms: u64,
    running: Wanted,
    /// What the client was last told to run, and did not answer.
    work: Option<Wanted>,
    /// What each response said of the policy; `None` where it said nothing, or nonsense.
    said: BTreeMap<String, Option<Wanted>>,
}

pub(super) fn check(input: &mut Input<'_>) {
    let node = Node { id: "node-1".to_owned(), ..Node::default() };
    let running = input.flag().then(|| "1".to_owned());
    let client = Client::new(node, NAME, running.clone());
    let mut world =
        World { client, link: Link::Closed, now_ms: 0, running, work: None, said: BTreeMap::new() };
    while !input.is_empty() {
        world.now_ms += 100 * u64::from(input.byte());
        let actions = world.step(input);
        world.take(actions);
        assert!(world.link != Link::Closed || !world.client.is_answered());
        assert_eq!(world.client.applied_version(), world.running.as_deref());
    }
}

impl World {
    fn step(&mut self, input: &mut Input<'_>) -> Vec<Action> {
        let (now_ms, random) = (self.now_ms, u64::from(input.byte()) << 56);
        match (input.below(8), self.link) {
            (0, _) => self.client.on_tick(now_ms, random),
            (1, Link::Asked) => {
                self.link = Link::Open;
                self.client.on_opened()
            }
            (2, Link::Open) => {
                self.client.on_accepted(now_ms);
                Vec::new()
            }
            (3, Link::Open) => self.message(input.long_bytes(), random),
            (4 | 5, Link::Open) => {
                let response = response(input);
                self.message(&response.encode(), random)
            }
            (6, Link::Asked | Link::Open) => {
                self.link = Link::Closed;
                self.client.on_closed(now_ms, random);
                Vec::new()
            }
            (7, _) => self.finish(input),
            _ => Vec::new(),
        }
    }

    fn message(&mut self, bytes: &[u8], random: u64) -> Vec<Action> {
        // Of another type, the client was not asked.
        if let Ok(response) = Response::decode(bytes)
            && response.type_url == TYPE_URL
        {
            assert_eq!(Response::decode(&response.clone().encode()).as_ref(), Ok(&response));
            self.said.insert(response.nonce.clone(), wanted(&response));
        }
        self.client.on_message(bytes, self.now_ms, random)
    }

    fn finish(&mut self, input: &mut Input<'_>) -> Vec<Action> {
        match self.work.take() {
            Some(Some(version)) if input.flag() => {
                self.client.on_rejected(&version, &input.text(&["not good"]).repeat(30))
            }
            Some(Some(version)) => {
                self.running = Some(version.clone());
                self.client.on_applied(&version)
            }
            Some(None) => {
                self.running = None;
                self.client.on_removed()
            }
            None => Vec::new(),
        }
    }

    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Open => {
                    assert_eq!(self.link, Link::Closed, "two streams");
                    self.link = Link::Asked;
                }
                Action::Send(request) => self.sent(&request),
                Action::Close { reason } => {
                    assert!(!reason.is_empty());
                    self.link = Link::Closed;
                }
                Action::Apply { version, .. } => self.work = Some(Some(version)),
                Action::Remove => self.work = Some(None),
            }
        }
    }

    fn sent(&mut self, request: &Request) {
        assert_eq!(self.link, Link::Open, "sent without a stream");
        assert_eq!(Request::decode(&request.clone().encode()).as_ref(), Ok(request));
        match &request.error {
            Some(error) => assert!(error.message.len() <= MAX_REASON_BYTES),
            None if request.nonce.is_empty() => assert_eq!(request.subscribe, [NAME]),
            None => {
                if let Some(said) = &self.said[&request.nonce] {
                    assert_eq!(*said, self.running, "acknowledged, and not running");
                }
            }
        }
    }
}

/// What a response says of the policy, if it says one thing.
fn wanted(response: &Response) -> Option<Wanted> {
    let mut mentioned = response.resources.iter().filter(|resource| resource.name == NAME);
    match (mentioned.next(), mentioned.next(), response.removed.iter().any(|name| name == NAME)) {
        (None, _, true) => Some(None),
        (Some(resource), None, false) => Some(Some(resource.version.clone())),
        _ => None,
    }
}

fn response(input: &mut Input<'_>) -> Response {
    Response {
        type_url: input.text(&[TYPE_URL, TYPE_URL, TYPE_URL, ""]),
        nonce: input.text(&["n1", "n2", "n3", "n4", ""]),
        resources: input.list(2, |input| Resource {
            name: input.text(&[NAME, NAME, NAME, "other"]),
            version: input.text(&["1", "2", "3", "1", "2", ""]),
            type_url: input.text(&[TYPE_URL, TYPE_URL, TYPE_URL, ""]),
            body: input.bytes().to_vec().into(),
        }),
        removed: input.list(1, |input| input.text(&[NAME, "other"])),
    }
}
