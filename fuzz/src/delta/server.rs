//! The control plane's end, and a node that says anything.

use std::collections::BTreeSet;

use umbra_wire::TYPE_URL;
use umbra_wire::delta::server::{Action, MAX_SUBSCRIPTIONS, SUPERSEDE_AFTER_MS, Stream};
use umbra_wire::delta::{MAX_REASON_BYTES, Node, Rejection, Request, Resource, Response};

use crate::input::Input;

const NAMES: [&str; 4] = ["primary", "egress", "*", "other"];
const VERSIONS: [&str; 4] = ["1", "2", "3", ""];

/// What the node was sent and has not answered.
struct World {
    stream: Stream,
    now_ms: u64,
    desired: Vec<Resource>,
    nonces: BTreeSet<String>,
    last: String,
    waiting: Option<(String, u64)>,
}

pub(super) fn check(input: &mut Input<'_>) {
    let mut world = World {
        stream: Stream::new("s"),
        now_ms: 0,
        desired: Vec::new(),
        nonces: BTreeSet::new(),
        last: String::new(),
        waiting: None,
    };
    while !input.is_empty() {
        world.now_ms += 10 * u64::from(input.byte());
        let goes_on = match input.below(5) {
            0 => match Request::decode(input.long_bytes()) {
                Ok(request) => world.request(request),
                Err(_) => return,
            },
            1 | 2 => {
                let request = request(input, &world.last);
                world.request(request)
            }
            3 => {
                world.desired = input.list(2, resource);
                world.desired.dedup_by(|left, right| left.name == right.name);
                let actions = world.stream.on_desired(world.desired.clone(), world.now_ms);
                world.take(actions)
            }
            _ => {
                let actions = world.stream.on_tick(world.now_ms);
                let goes_on = world.take(actions);
                // A stream whose moment is always past would keep a core busy.
                assert!(world.stream.wake_at_ms().is_none_or(|wake_ms| wake_ms > world.now_ms));
                goes_on
            }
        };
        if !goes_on {
            return;
        }
    }
}

impl World {
    /// `false` when the stream is refused, and so at its end.
    fn request(&mut self, request: Request) -> bool {
        assert_eq!(Request::decode(&request.clone().encode()).as_ref(), Ok(&request));
        self.waiting.take_if(|(nonce, _)| *nonce == request.nonce);
        match self.stream.on_request(request, self.now_ms) {
            Ok(actions) => {
                assert!(self.stream.node().is_some_and(|node| !node.id.is_empty()));
                self.take(actions)
            }
            Err(refusal) => {
                assert!(refusal.to_string().len() < 2 * MAX_REASON_BYTES);
                false
            }
        }
    }

    fn take(&mut self, actions: Vec<Action>) -> bool {
        for action in actions {
            match action {
                Action::Send(response) => self.sent(&response),
                Action::Acked { name, .. } => assert!(!name.is_empty()),
                Action::Nacked { reason, .. } => assert!(reason.len() <= MAX_REASON_BYTES),
            }
        }
        true
    }

    fn sent(&mut self, response: &Response) {
        assert_eq!(Response::decode(&response.clone().encode()).as_ref(), Ok(response));
        assert_eq!(response.type_url, TYPE_URL);
        assert!(self.nonces.insert(response.nonce.clone()), "a nonce was used twice");
        if let Some((_, sent_ms)) = &self.waiting {
            assert!(self.now_ms - sent_ms >= SUPERSEDE_AFTER_MS, "two responses wait for their answers");
        }
        let count = response.resources.len() + response.removed.len();
        assert!((1..=MAX_SUBSCRIPTIONS + self.desired.len()).contains(&count));
        assert!(response.resources.iter().all(|resource| self.desired.contains(resource)));
        let is_desired = |name: &String| self.desired.iter().any(|resource| resource.name == *name);
        assert!(!response.removed.iter().any(is_desired), "removed, and desired");
        self.last.clone_from(&response.nonce);
        self.waiting = Some((response.nonce.clone(), self.now_ms));
    }
}

fn resource(input: &mut Input<'_>) -> Resource {
    Resource {
        name: input.pick(&["primary", "egress"]).to_owned(),
        version: input.pick(&["1", "2", "3"]).to_owned(),
        type_url: TYPE_URL.to_owned(),
        body: vec![1].into(),
    }
}

fn request(input: &mut Input<'_>, last: &str) -> Request {
    let id = input.text(&["node-1", ""]);
    Request {
        node: (input.byte() < 200).then(|| Node { id, ..Node::default() }),
        type_url: input.text(&[TYPE_URL, TYPE_URL, TYPE_URL, ""]),
        subscribe: input.list(2, |input| input.text(&NAMES)),
        unsubscribe: input.list(1, |input| input.text(&NAMES)),
        initial_versions: input
            .list(2, |input| (input.text(&NAMES), input.text(&VERSIONS)))
            .into_iter()
            .collect(),
        nonce: input.text(&[last, last, "", "s-1"]),
        error: input.flag().then(|| Rejection { code: 3, message: input.text(&["no"]) }),
    }
}
