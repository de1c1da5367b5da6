//! Shadows: guards in their order, slots, sampling keys.

use std::cell::Cell;
use std::net::IpAddr;

use umbra_policy::spec::{ClauseSpec, PathSpec, PolicySpec, SampleBy, ShadowSpec, StampSpec};
use umbra_policy::{BodyLength, Mirror, MirrorRole, Policy, RequestView, ShadowId, Skip, Slot, decide};

use crate::support::{TestRequest, shadow, shadowed, stamp_for_all};

fn check_skip(spec: &ShadowSpec, request: &TestRequest, expected: Option<Skip>) {
    let decision = decide(&shadowed(vec![spec.clone()]), request, u64::MAX);
    let expected_skips: Vec<_> = expected.map(|reason| (ShadowId(0), reason)).into_iter().collect();
    assert_eq!(decision.skipped, expected_skips, "{spec:?} for {request:?}");
    assert_eq!(decision.mirrors.len(), usize::from(expected.is_none()), "{spec:?} for {request:?}");
}

/// Everything that can be wrong is wrong; mending one after the other shows the reasons in their order.
#[test]
fn reasons_come_in_order() {
    let mut spec = shadow("a");
    spec.enabled = false;
    spec.share_ppm = 0;
    spec.guard.methods = vec!["GET".into()];
    spec.guard.max_request_bytes = 10;
    spec.sample.by = SampleBy::Header("x-key".into());
    let mut request = TestRequest {
        method: b"POST".to_vec(),
        body: BodyLength::Unknown,
        ..TestRequest::get("/").with("upgrade", "websocket").with("connection", "keep-alive, Upgrade")
    };
    check_skip(&spec, &request, Some(Skip::Off));
    spec.enabled = true;
    check_skip(&spec, &request, Some(Skip::ZeroShare));
    spec.share_ppm = 1;
    check_skip(&spec, &request, Some(Skip::Upgrade));
    request.headers.clear();
    check_skip(&spec, &request, Some(Skip::Method));
    request.method = b"GET".to_vec();
    check_skip(&spec, &request, Some(Skip::UnknownLength));
    spec.guard.allow_unknown_length = true;
    check_skip(&spec, &request, Some(Skip::NoKey));
    request.body = BodyLength::Known(11);
    check_skip(&spec, &request, Some(Skip::BodyTooLarge));
    request.body = BodyLength::Known(10);
    check_skip(&spec, &request, Some(Skip::NoKey));
    request = request.with("x-key", "k");
    check_skip(&spec, &request, Some(Skip::NotSampled));
    spec.share_ppm = 1_000_000;
    check_skip(&spec, &request, None);
}

#[test]
fn body_guard() {
    let mut spec = shadow("a");
    spec.guard.max_request_bytes = 0;
    let body = |body| TestRequest { body, ..TestRequest::get("/") };
    check_skip(&spec, &body(BodyLength::None), None);
    check_skip(&spec, &body(BodyLength::Known(0)), None);
    check_skip(&spec, &body(BodyLength::Known(1)), Some(Skip::BodyTooLarge));
    check_skip(&spec, &body(BodyLength::Known(u64::MAX)), Some(Skip::BodyTooLarge));
    check_skip(&spec, &body(BodyLength::Unknown), Some(Skip::UnknownLength));
    spec.guard.allow_unknown_length = true;
    check_skip(&spec, &body(BodyLength::Unknown), None);
}

#[test]
fn upgrades_are_stamped_and_not_mirrored() {
    let spec = shadow("a");
    let get = || TestRequest::get("/");
    let upgrade = Some(Skip::Upgrade);
    check_skip(&spec, &get().with("upgrade", "websocket").with("connection", "Upgrade"), upgrade);
    check_skip(
        &spec,
        &get().with("upgrade", "h2c").with("connection", "x").with("connection", "\tUPGRADE "),
        upgrade,
    );
    check_skip(&spec, &TestRequest { method: b"CONNECT".to_vec(), ..get() }, upgrade);
    check_skip(&spec, &get().with("upgrade", "websocket"), None);
    check_skip(&spec, &get().with("connection", "upgrade"), None);
    check_skip(&spec, &get().with("upgrade", "x").with("connection", "upgraded"), None);
    let connect = TestRequest { method: b"CONNECT".to_vec(), ..get() };
    assert_eq!(decide(&shadowed(vec![spec]), &connect, 0).stamps.len(), 1);
}

#[test]
fn sampling_keys() {
    let missing = Some(Skip::NoKey);
    let mut spec = shadow("a");
    spec.sample.by = SampleBy::Header("X-Key".into());
    check_skip(&spec, &TestRequest::get("/"), missing);
    check_skip(&spec, &TestRequest::get("/").with("x-key", ""), missing);
    // The first line counts, also when it is empty.
    check_skip(&spec, &TestRequest::get("/").with("x-key", "").with("x-key", "k"), missing);
    check_skip(&spec, &TestRequest::get("/").with("x-key", "\u{ff}"), None);

    spec.sample.by = SampleBy::Cookie("session".into());
    check_skip(&spec, &TestRequest::get("/"), missing);
    check_skip(&spec, &TestRequest::get("/").with("cookie", "session"), missing);
    check_skip(&spec, &TestRequest::get("/").with("cookie", "session=; session=k"), missing);
    check_skip(&spec, &TestRequest::get("/").with("cookie", "a=1").with("cookie", "session=k"), None);

    spec.sample.by = SampleBy::SourceIp;
    check_skip(&spec, &TestRequest::get("/"), missing);
    let from = |ip: &str| TestRequest { source_ip: Some(ip.parse().unwrap()), ..TestRequest::get("/") };
    check_skip(&spec, &from("192.0.2.1"), None);
    check_skip(&spec, &from("2001:db8::1"), None);
}

/// Asking for the address is a host call, which only shadows that sample by it may cause.
#[test]
fn source_ip_is_asked_only_for_sampling_by_it() {
    struct Asked(TestRequest, Cell<u32>);
    impl RequestView for Asked {
        fn method(&self) -> &[u8] {
            self.0.method()
        }
        fn authority(&self) -> &[u8] {
            self.0.authority()
        }
        fn path(&self) -> &[u8] {
            self.0.path()
        }
        fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
            self.0.header(name)
        }
        fn body(&self) -> BodyLength {
            self.0.body()
        }
        fn source_ip(&self) -> Option<IpAddr> {
            self.1.set(self.1.get() + 1);
            self.0.source_ip()
        }
    }
    let request = Asked(TestRequest::get("/"), Cell::new(0));
    let mut by_ip = shadow("b");
    by_ip.sample.by = SampleBy::SourceIp;
    decide(&shadowed(vec![shadow("a")]), &request, 0);
    assert_eq!(request.1.get(), 0);
    by_ip.enabled = false;
    decide(&shadowed(vec![by_ip.clone()]), &request, 0);
    assert_eq!(request.1.get(), 0);
    by_ip.enabled = true;
    decide(&shadowed(vec![shadow("a"), by_ip]), &request, 0);
    assert_eq!(request.1.get(), 1);
}

/// Shadows `a`, `b`, …; `+` gives one a control. Expected: the slots of each, or its skip.
fn check_slots(controls: &str, expected_mirrors: &[(u16, Slot, MirrorRole)], expected_skips: &[u16]) {
    let mut shadows: Vec<ShadowSpec> = Vec::new();
    for (name, control) in ('a'..).zip(controls.chars()) {
        let control_cluster = (control == '+').then(|| "base".to_owned());
        shadows.push(ShadowSpec { control_cluster, ..shadow(&name.to_string()) });
    }
    // The order of names decides, not the order in which they come.
    shadows.reverse();
    let decision = decide(&shadowed(shadows), &TestRequest::get("/"), 0);
    let mirrors: Vec<Mirror> = expected_mirrors
        .iter()
        .map(|(shadow, slot, role)| Mirror { slot: *slot, shadow: ShadowId(*shadow), role: *role })
        .collect();
    let skips: Vec<_> = expected_skips.iter().map(|shadow| (ShadowId(*shadow), Skip::NoSlot)).collect();
    assert_eq!(decision.mirrors, mirrors, "for {controls}");
    assert_eq!(decision.skipped, skips, "for {controls}");
}

#[test]
fn slots_go_by_name() {
    use MirrorRole::{Candidate, Control};
    use Slot::{One, Two};
    check_slots("", &[], &[]);
    check_slots("-", &[(0, One, Candidate)], &[]);
    check_slots("--", &[(0, One, Candidate), (1, Two, Candidate)], &[]);
    check_slots("---", &[(0, One, Candidate), (1, Two, Candidate)], &[2]);
    check_slots("+", &[(0, One, Candidate), (0, Two, Control)], &[]);
    check_slots("+-", &[(0, One, Candidate), (0, Two, Control)], &[1]);
    check_slots("-+", &[(0, One, Candidate)], &[1]);
    // One that does not fit leaves the free slot to the next.
    check_slots("-+-", &[(0, One, Candidate), (2, Two, Candidate)], &[1]);
}

#[test]
fn a_refused_shadow_takes_no_slot() {
    let off = ShadowSpec { enabled: false, ..shadow("a") };
    let zero = ShadowSpec { share_ppm: 0, ..shadow("b") };
    let decision = decide(&shadowed(vec![off, zero, shadow("c"), shadow("d")]), &TestRequest::get("/"), 0);
    assert_eq!(decision.skipped, [(ShadowId(0), Skip::Off), (ShadowId(1), Skip::ZeroShare)]);
    assert_eq!(decision.mirrors.iter().map(|mirror| mirror.shadow.0).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn only_shadows_of_the_stamps_are_asked() {
    let stamp = |name: &str, path: &str| StampSpec {
        name: name.into(),
        clauses: vec![ClauseSpec { path: Some(PathSpec::Prefix(path.into())), ..ClauseSpec::default() }],
    };
    let of = |name: &str, stamps: &[&str]| ShadowSpec {
        stamps: stamps.iter().map(|stamp| (*stamp).to_owned()).collect(),
        ..shadow(name)
    };
    let policy = Policy::build(PolicySpec {
        // Not in order: ids follow the names all the same.
        stamps: vec![stamp("cart", "/cart"), stamp_for_all("all"), stamp("user", "/user")],
        shadows: vec![of("y", &["user", "cart", "user"]), of("x", &["user"]), of("z", &["cart", "all"])],
        ..PolicySpec::default()
    })
    .unwrap();
    assert_eq!(policy.stamps().iter().map(|stamp| stamp.name()).collect::<Vec<_>>(), ["all", "cart", "user"]);
    let names = |path: &str| {
        let decision = decide(&policy, &TestRequest::get(path), 0);
        let stamps: Vec<&str> = decision.stamps.iter().map(|id| policy.stamp(*id).unwrap().name()).collect();
        let shadows: Vec<&str> =
            decision.mirrors.iter().map(|mirror| policy.shadow(mirror.shadow).unwrap().name()).collect();
        let skipped: Vec<&str> =
            decision.skipped.iter().map(|(id, _)| policy.shadow(*id).unwrap().name()).collect();
        (stamps.join(","), shadows.join(","), skipped.join(","))
    };
    let expected = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(names("/"), expected("all", "z", ""));
    assert_eq!(names("/cart"), expected("all,cart", "y,z", ""));
    assert_eq!(names("/user"), expected("all,user", "x,y", "z"));
}

#[test]
fn reasons_have_their_own_names_and_positions() {
    let mut names: Vec<&str> = Skip::ALL.iter().map(|reason| reason.name()).collect();
    for (position, reason) in Skip::ALL.iter().enumerate() {
        assert_eq!(*reason as usize, position);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Skip::ALL.len());
}
