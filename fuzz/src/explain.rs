//! `umbractl explain`: requests as somebody describes them, and what is said of them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use umbra_policy::{Policy, decide};
use umbra_resource::explain::{ExplainRequest, Explanation, Outcome, explain};
use umbra_resource::{NodeAttributes, ResourceSet, from_json, from_yaml};

use crate::input::Input;
use crate::request::Request;

/// Sets in which everything that decides on a request plays a part.
static SETS: LazyLock<Vec<ResourceSet>> = LazyLock::new(|| {
    let texts = [include_str!("explain/shop.yaml"), include_str!("explain/slots.yaml")];
    let set = |text| from_yaml(text).and_then(ResourceSet::new).expect("a valid set");
    texts.map(set).into()
});

/// What is said to be certain is so whatever chance there is, and what is said not to happen does not.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (request, node) = (Request::of(&mut input), node(&mut input));
    let cookies = input.list(2, |input| (input.text(&["session", "x"]), input.text(&["a", "b c"])));
    let randoms = [0, u64::MAX, input.number()];
    let choice = input.below(3);
    let own = (choice == 2).then(|| {
        let text = std::str::from_utf8(input.rest()).ok()?;
        ResourceSet::new(from_json(text).ok()?).ok()
    });
    let set = match own {
        None => &SETS[choice],
        Some(Some(ref set)) => set,
        Some(None) => return,
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let asked = ExplainRequest {
        method: text(&request.method),
        host: text(&request.authority),
        path: text(&request.path),
        headers: request.headers.clone(),
        cookies: cookies.clone(),
        source_ip: request.source_ip,
        body: request.body,
    };
    let told = explain(set, &node, &asked).expect("a set is a policy");
    assert!(serde_json::to_string(&told).is_ok());

    let line: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let cookie = (!line.is_empty()).then(|| ("cookie".to_owned(), line.join("; ").into_bytes()));
    let sent = Request {
        method: asked.method.into_bytes(),
        authority: asked.host.into_bytes(),
        path: asked.path.into_bytes(),
        headers: request.headers.into_iter().chain(cookie).collect(),
        ..request
    };
    let policy = Policy::build(set.compile(&node, 0, None)).expect("a set is a policy");
    for random in randoms {
        agrees(&told, &policy, &sent, random);
    }
}

fn agrees(told: &Explanation, policy: &Policy, request: &Request, random: u64) {
    let decision = decide(policy, request, random);
    let stamps = decision.stamps.iter().filter_map(|id| policy.stamp(*id)).map(|stamp| stamp.name());
    let stamped = told.stamps.iter().filter(|stamp| stamp.stamped).map(|stamp| stamp.name.as_str());
    assert!(stamps.eq(stamped), "{told:?}");

    let named = |id| policy.shadow(id).map(|shadow| shadow.name());
    let mirrored: BTreeSet<_> = decision.mirrors.iter().filter_map(|mirror| named(mirror.shadow)).collect();
    let skipped: BTreeSet<_> = decision.skipped.iter().filter_map(|(id, _)| named(*id)).collect();
    for shadow in &told.shadows {
        let name = shadow.name.as_str();
        let (is_mirrored, is_skipped) = (mirrored.contains(name), skipped.contains(name));
        let agrees = match shadow.decision {
            Outcome::Mirrored => is_mirrored && !is_skipped,
            Outcome::Sampled => is_mirrored != is_skipped,
            Outcome::Skipped => !is_mirrored && is_skipped,
            Outcome::NotStamped => !is_mirrored && !is_skipped,
        };
        assert!(agrees, "{name} with {random}: {decision:?}, and it is said: {told:?}");
        let slots = shadow.copies.iter().flat_map(|copy| &copy.slots);
        assert!(slots.into_iter().all(|slot| (1..=2).contains(slot)));
    }
}

fn node(input: &mut Input<'_>) -> NodeAttributes {
    NodeAttributes {
        id: input.text(&["node-1"]),
        cluster: input.text(&["shop", ""]),
        zone: input.text(&["z", "y"]),
        region: String::new(),
        metadata: input.list(1, |input| ("tier".to_owned(), input.text(&["1"]))).into_iter().collect(),
    }
}
