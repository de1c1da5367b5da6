//! What happens to single requests and their copies.

use crate::fixtures::{FOLLOWER, MESH_KEY, Workers, resources};
use crate::host::{Envoy, Headers, Vm, get, headers, values};
use umbra_policy::pair::PairId;

struct Fixture {
    envoy: Envoy,
    vm: Vm,
    primary: u32,
    shadow: u32,
}

/// A VM with both roles, under a static policy with these fields of the shadow.
fn fixture(percent: f64, more: &str) -> Fixture {
    let envoy = Envoy::new();
    let mut vm = envoy.vm();
    let policy = resources(percent, more);
    let primary = vm.plugin(&format!(r#"{{"role": "primary", "policy": {{"resources": {policy}}}}}"#));
    let shadow = vm.plugin(r#"{"role": "shadow"}"#);
    Fixture { envoy, vm, primary, shadow }
}

/// What Envoy's mirror policy makes of a request for one slot.
fn copy_of(request: &Headers, slot: &str) -> Headers {
    let mut copy = request.clone();
    copy.retain(|(name, _)| !name.starts_with(b"x-umbra-mirror-"));
    copy.extend(headers(&[("x-umbra-slot", slot)]));
    copy
}

impl Fixture {
    fn metric(&mut self, name: &str) -> u64 {
        self.vm.tick(self.primary);
        self.envoy.metric(name)
    }
}

#[test]
fn a_mirrored_request_is_stamped_steered_and_joined() {
    let mut f = fixture(100.0, "");
    let request = f.vm.pass(f.primary, &get("/cart/1", &[("cookie", "a=1")]));
    assert_eq!(values(&request, "x-umbra-stamp"), ["cart"]);
    assert_eq!(values(&request, "x-umbra-mirror-1"), ["next"]);
    assert_eq!(values(&request, "x-umbra-mirror-2"), ["base"]);
    let [pair] = values(&request, "x-umbra-pair").try_into().expect("one pair id");
    assert!(PairId::parse(pair.as_bytes()).is_some_and(|pair| pair.verify(None)));
    assert_eq!(values(&request, "cookie"), ["a=1"], "the primary's own headers stay");
    let next = f.vm.pass(f.primary, &get("/cart/1", &[]));
    assert_ne!(values(&next, "x-umbra-pair"), [pair], "each request has its own");
}

#[test]
fn a_request_that_fits_nothing_is_left_alone() {
    let mut f = fixture(100.0, "");
    let request = get("/other", &[("x-tenant", "acme")]);
    assert_eq!(f.vm.pass(f.primary, &request), request);
    assert_eq!(f.metric("umbra.requests"), 1);
    assert_eq!(f.metric("umbra.stamped"), 0);
}

#[test]
fn at_zero_a_request_is_stamped_only() {
    let mut f = fixture(0.0, "");
    let request = f.vm.pass(f.primary, &get("/cart", &[]));
    assert_eq!(values(&request, "x-umbra-stamp"), ["cart"]);
    for name in ["x-umbra-mirror-1", "x-umbra-mirror-2", "x-umbra-pair"] {
        assert!(values(&request, name).is_empty(), "{name}");
    }
    assert_eq!(f.metric("umbra.skipped.zero_share"), 1);
}

#[test]
fn clients_cannot_set_control_headers() {
    let forged = [
        ("x-umbra-stamp", "forged"),
        ("x-umbra-mirror-1", "stolen"),
        ("x-umbra-mirror-1", "again"),
        ("x-umbra-mirror-2", "stolen"),
        ("x-umbra-pair", "00112233445566778899aabbccddeeff"),
        ("x-umbra-anything", "else"),
        ("X-Umbra-Capitals", "too"),
    ];
    for path in ["/cart", "/other"] {
        let mut f = fixture(0.0, "");
        let clean = f.vm.pass(f.primary, &get(path, &[]));
        assert_eq!(f.vm.pass(f.primary, &get(path, &forged)), clean);
    }
    let mut bare = Envoy::new().vm();
    let root = bare.plugin(r#"{"role": "primary"}"#);
    assert_eq!(bare.pass(root, &get("/cart", &forged)), get("/cart", &[]), "also with no policy at all");
}

#[test]
fn copies_are_scrubbed_and_marked_and_their_fates_counted() {
    let mut f = fixture(100.0, "");
    let request = f.vm.request(
        f.primary,
        &get(
            "/cart",
            &[("authorization", "secret"), ("cookie", "a=1"), ("cookie", "b=2"), ("x-env", "live")],
        ),
        true,
    );
    let one = f.vm.request(f.shadow, &copy_of(&request.headers, "1"), true);
    let two = f.vm.request(f.shadow, &copy_of(&request.headers, "2"), true);
    for copy in [&one, &two] {
        assert!(values(&copy.headers, "authorization").is_empty());
        assert!(values(&copy.headers, "cookie").is_empty());
        assert_eq!(values(&copy.headers, "x-env"), ["shadow"]);
        assert_eq!(values(&copy.headers, "x-umbra-shadow"), ["next"]);
        assert_eq!(values(&copy.headers, "x-umbra-stamp"), ["cart"]);
    }
    f.vm.respond(&one);
    f.vm.delete(one.context);
    f.vm.delete(two.context);
    f.vm.end(&request);
    assert_eq!(f.metric("umbra.pairs.answered"), 1);
    assert_eq!(f.metric("umbra.pairs.connect_failure"), 1);
    f.envoy.advance(100_000);
    assert_eq!(f.metric("umbra.pairs.never_seen"), 0);
    assert_eq!(f.metric("umbra.mirrored"), 1);
}

#[test]
fn a_copy_that_nobody_expects_loses_what_any_shadow_of_its_cluster_removes() {
    let mut workers = Workers::new(1, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    let worker = &mut workers.list[0];
    let shadow = worker.vm.plugin(r#"{"role": "shadow"}"#);
    let copy = get("/cart", &[("x-umbra-slot", "1"), ("cookie", "a=1"), ("x-umbra-pair", "no pair id")]);
    for (cluster, kept) in [("next", 0), ("base", 0), ("another", 1)] {
        workers.envoy.get_mut().properties.insert("xds.cluster_name".to_owned(), cluster.into());
        let seen = worker.vm.pass(shadow, &copy);
        assert_eq!(values(&seen, "cookie").len(), kept, "{cluster}");
        assert!(values(&seen, "x-umbra-shadow").is_empty());
    }
    worker.tick();
    assert_eq!(workers.envoy.metric("umbra.pairs.answered"), 0);
}

/// A VM that has the role shadow alone, as there is one after CDS and before LDS, or where the two `vm_config` differ.
#[test]
fn a_vm_without_a_listener_knows_what_copies_lose() {
    let copy = get(
        "/cart",
        &[
            ("x-umbra-slot", "1"),
            ("cookie", "a=1"),
            ("authorization", "s"),
            ("proxy-authorization", "s"),
            ("x-tenant", "a"),
        ],
    );
    let left = |workers: &mut Workers, configuration: &str, cluster: &str| {
        workers.envoy.get_mut().properties.insert("xds.cluster_name".to_owned(), cluster.into());
        let mut vm = workers.envoy.vm();
        let shadow = vm.plugin(configuration);
        let seen = vm.pass(shadow, &copy);
        let kept = ["cookie", "authorization", "proxy-authorization", "x-tenant"];
        kept.map(|name| values(&seen, name).len())
    };
    const SHADOW: &str = r#"{"role": "shadow"}"#;
    let mut workers = Workers::new(1, FOLLOWER);
    assert_eq!(left(&mut workers, SHADOW, "next"), [0, 0, 0, 1], "no policy at all: no credentials");
    let static_policy = resources(100.0, "").replace(r#""cookie""#, r#""x-tenant""#);
    let static_policy = format!(r#"{{"role": "shadow", "policy": {{"resources": {static_policy}}}}}"#);
    assert_eq!(left(&mut workers, &static_policy, "next"), [1, 0, 1, 0], "the plugin's own");
    workers.serve("v1", &resources(100.0, ""), 1);
    assert_eq!(left(&mut workers, SHADOW, "next"), [0, 0, 1, 1], "the policy in the shared data");
    assert_eq!(left(&mut workers, SHADOW, "base"), [0, 0, 1, 1]);
    assert_eq!(left(&mut workers, &static_policy, "next"), [0, 0, 1, 0], "either");

    let mut vm = workers.envoy.vm();
    let shadow = vm.plugin(SHADOW);
    assert!(values(&vm.pass(shadow, &copy), "cookie").is_empty());
    let changed = resources(100.0, "").replace(r#""cookie""#, r#""x-tenant""#);
    workers.send("v2", umbra_wire::encode(&crate::fixtures::compiled(&changed, 2)));
    assert!(values(&vm.pass(shadow, &copy), "x-tenant").is_empty(), "the newest one");
    workers.run(500);
    let acknowledged = workers.requests();
    assert_eq!(acknowledged.len(), 1, "nobody waits for a VM that does not follow: {acknowledged:?}");
}

#[test]
fn productions_own_requests_pass_a_shadow_cluster_untouched() {
    let mut f = fixture(100.0, "");
    let request = f.vm.pass(f.primary, &get("/cart", &[("authorization", "secret")]));
    assert_eq!(f.vm.pass(f.shadow, &request), request);
}

#[test]
fn a_copy_is_not_mirrored_again() {
    let mut workers = Workers::new(1, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    let worker = &mut workers.list[0];
    let pair = PairId::new(42, Some(&MESH_KEY)).to_string();
    let copy = get(
        "/cart",
        &[
            ("x-umbra-slot", "1"),
            ("x-umbra-shadow", "next"),
            ("x-umbra-pair", &pair),
            ("x-umbra-stamp", "cart"),
        ],
    );
    let mut steered = copy.clone();
    steered.extend(headers(&[("x-umbra-mirror-1", "again"), ("x-umbra-other", "1")]));
    assert_eq!(worker.pass(&steered), copy, "its marks stay, its steering goes");
    worker.tick();
    assert_eq!(workers.envoy.metric("umbra.skipped.loop"), 1);
}

#[test]
fn a_forged_mark_is_a_request_like_any_other() {
    let mut workers = Workers::new(1, FOLLOWER);
    workers.serve("v1", &resources(100.0, ""), 1);
    let worker = &mut workers.list[0];
    let forged = PairId::new(42, None).to_string();
    let request = get("/cart", &[("x-umbra-slot", "1"), ("x-umbra-shadow", "x"), ("x-umbra-pair", &forged)]);
    let seen = worker.pass(&request);
    assert!(values(&seen, "x-umbra-slot").is_empty() && values(&seen, "x-umbra-shadow").is_empty());
    assert_eq!(values(&seen, "x-umbra-mirror-1"), ["next"]);
    assert_ne!(values(&seen, "x-umbra-pair"), [forged]);
}

#[test]
fn without_a_key_a_mark_is_stripped_and_the_request_not_mirrored() {
    let mut f = fixture(100.0, "");
    let seen = f.vm.pass(f.primary, &get("/cart", &[("x-umbra-slot", "1")]));
    assert_eq!(values(&seen, "x-umbra-stamp"), ["cart"]);
    assert!(values(&seen, "x-umbra-slot").is_empty() && values(&seen, "x-umbra-mirror-1").is_empty());
    assert_eq!(f.metric("umbra.skipped.loop"), 1);
}

#[test]
fn max_rps_is_shared_by_need() {
    let more = r#""guard": {"max_rps": 100}"#;
    let mut workers = Workers::new(4, FOLLOWER);
    workers.serve("v1", &resources(100.0, more), 1);
    let request = get("/cart", &[]);
    // Worker 0 asks ten times as often as the others; all of them ask for more than there is.
    let mut mirrored = [0_u32; 4];
    for _ in 0..100 {
        for (position, worker) in workers.list.iter_mut().enumerate() {
            for _ in 0..if position == 0 { 100 } else { 10 } {
                let seen = worker.pass(&request);
                mirrored[position] += u32::from(!values(&seen, "x-umbra-mirror-1").is_empty());
            }
        }
        workers.run(100);
    }
    let all: u32 = mirrored.iter().sum();
    assert!((950..=1_050).contains(&all), "100 a second for 10 s: {mirrored:?}");
    workers.run(100);
    assert_eq!(workers.envoy.metric("umbra.skipped.rate_limited"), u64::from(13_000 - all));

    // Alone, one worker gets everything.
    workers.run(1_000);
    let mut alone = 0;
    for _ in 0..50 {
        let worker = &mut workers.list[2];
        for _ in 0..20 {
            alone += u32::from(!values(&worker.pass(&request), "x-umbra-mirror-1").is_empty());
        }
        workers.run(100);
    }
    assert!((475..=550).contains(&alone), "100 a second for 5 s: {alone}");
}
