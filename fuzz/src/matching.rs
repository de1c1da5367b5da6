//! Requests as clients send them, against rules: hosts, paths, cookies, queries, headers; and what is made of them:
//! pair ids, endpoints, samples.

use umbra_compare::endpoint::Endpoints;
use umbra_policy::explain::explain;
use umbra_policy::host::{Host, MAX_HOST_BYTES};
use umbra_policy::pair::PairId;
use umbra_policy::share::{Salt, Share, WHOLE_PPM};
use umbra_policy::{Policy, cookie, decide, path, query};

use crate::input::Input;
use crate::request::{PATHS, Request};
use crate::rules;

/// The index finds what asking every rule finds. What is written into a cookie or a query is read out of it.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.below(4) {
        0 => parts(&mut input),
        _ => decisions(&mut input),
    }
}

fn decisions(input: &mut Input<'_>) {
    let spec = rules::policy(input);
    let Ok(policy) = Policy::build(spec) else { return };
    for _ in 0..3 {
        let (request, random) = (Request::of(input), input.number());
        let decision = decide(&policy, &request, random);
        assert_eq!(decision, explain(&policy, &request, random).decision, "for {request:?}");
        assert!(decision.mirrors.len() <= 2);
    }
}

fn parts(input: &mut Input<'_>) {
    let target = input.word(&PATHS);
    let (path, query) = path::split(&target);
    assert!(target.starts_with(path) && path.len() + query.len() <= target.len());
    assert!(!path.contains(&b'?') && !path.contains(&b'#') && !query.contains(&b'#'));

    let authority = input.bytes();
    let host = Host::parse(authority);
    assert!(host.as_bytes().len() <= MAX_HOST_BYTES && !host.as_bytes().iter().any(u8::is_ascii_uppercase));

    let (name, value, before) = (input.text(&["x", "y z", "%", "a=b&"]), input.bytes(), input.bytes());
    in_a_query(&name, value, before);
    in_a_cookie(value, before);

    let text = input.word(&["00112233445566778899aabbccddeeff"]);
    if let Some(id) = PairId::parse(&text) {
        assert_eq!(id.to_string().as_bytes(), text);
        assert_eq!(PairId::from_bytes(id.to_bytes()), id);
    }
    let (random, key) = (input.number(), [input.byte(); 16]);
    let id = PairId::new(random, Some(&key));
    assert!(id.verify(Some(&key)));

    let salt = Salt::new(&input.text(&["a"]));
    let bucket = salt.bucket(input.bytes());
    let share = |number: u64| Share::from_ppm((number % u64::from(WHOLE_PPM + 1)) as u32);
    let (one, two) = (share(input.number()), share(input.number()));
    let (Some(less), Some(more)) = (one.min(two), one.max(two)) else { panic!("both are in range") };
    assert!(!less.takes(bucket) || more.takes(bucket));

    let templates = input.list(2, |input| input.text(&["/users/{id}", "/a"]));
    let path = String::from_utf8_lossy(path);
    let endpoint = Endpoints::new(&templates).of("GET", &path);
    assert!(endpoint.starts_with("GET ") && endpoint.split('/').count() <= path.split('/').count().max(34));
}

fn in_a_query(name: &str, value: &[u8], before: &[u8]) {
    let encoded = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("%{byte:02X}")).collect() };
    let mut query = before.to_vec();
    query.extend(format!("&{}={}", encoded(name.as_bytes()), encoded(value)).bytes());
    let last = query::values(&query, name).last();
    assert_eq!(last.as_deref(), Some(value), "{name}");
}

fn in_a_cookie(value: &[u8], before: &[u8]) {
    let plain: Vec<u8> = value.iter().copied().filter(|byte| *byte != b';').collect();
    let line = [before, b"; name=", &plain].concat();
    let lines = [line.as_slice()];
    assert_eq!(cookie::values(lines.into_iter(), "name").last(), Some(plain.trim_ascii()));
}
