//! What a request costs, in figures that are the same on every machine: calls to Envoy, and instructions.

use crate::host::{get, headers, values};
use crate::pairs::{COMPARED, copy_of, fixture};

/// What the interpreter counts, apart from calls into and out of the VM; compiled by V8, some fifty of them take a nanosecond. Means over
/// many requests, because maps grow now and then, and what is sampled is up to chance. Whoever makes the path of requests longer
/// by a tenth sees it here.
#[test]
fn instructions_a_request() {
    const REQUESTS: u64 = 2_000;
    let instructions = |more: &str, path: &str, answered: bool| {
        let mut f = fixture(more);
        let root = f.workers.list[0].root;
        let before = f.vm().instructions();
        for _ in 0..REQUESTS {
            let primary = f.vm().request(root, &get(path, &[]), true);
            if answered {
                let shadow = f.shadow;
                let copy = f.vm().request(shadow, &copy_of(&primary.headers, "1"), true).context;
                f.answer(copy, "200", "1", b"hello");
            }
            f.vm().respond_with(primary.context, &headers(&[(":status", "200")]), &[b"hello", b""]);
            f.vm().end(&primary);
        }
        (f.vm().instructions() - before) / REQUESTS
    };
    let unstamped = instructions("", "/other", false);
    let steered = instructions(r#""compare": {"percent": 0}"#, "/cart", true);
    let compared = instructions("", "/cart", true);
    println!("instructions of a request: unstamped {unstamped}, steered {steered}, compared {compared}");
    assert!(unstamped < 45_000, "{unstamped}");
    assert!(steered < 108_000, "{steered}");
    assert!(compared < 184_000, "{compared}");
}

#[test]
fn host_calls_a_request() {
    let calls = |more: &str, path: &str, answered: bool| {
        let mut f = fixture(more);
        let root = f.workers.list[0].root;
        let before = f.workers.envoy.get().host_calls;
        if !answered {
            let exchange = f.vm().request(root, &get(path, &[]), true);
            f.vm().respond_with(exchange.context, &headers(&[(":status", "200")]), &[b"hello", b""]);
            let after = f.workers.envoy.get().host_calls;
            assert!(values(&exchange.headers, "x-umbra-mirror-1").is_empty());
            return (after - before, 0);
        }
        let primary = f.vm().request(root, &get(path, &[]), true);
        let on_request = f.workers.envoy.get().host_calls - before;
        let shadow = f.shadow;
        let copy = f.vm().request(shadow, &copy_of(&primary.headers, "1"), true).context;
        f.answer(copy, "200", "1", b"hello");
        let copies = f.workers.envoy.get().host_calls - before - on_request;
        let before = f.workers.envoy.get().host_calls;
        f.vm().circumstances(&[]);
        let lines = headers(&[(":status", "200")]);
        f.vm().respond_with(primary.context, &lines, &[b"hello", b""]);
        (on_request + f.workers.envoy.get().host_calls - before, copies)
    };
    assert_eq!(calls("", "/other", false), (1, 0), "the headers");
    // The headers, the stamp, two mirrors, the pair; the copy: slot, pair, timeout, two removals, two marks.
    assert_eq!(calls(r#""compare": {"percent": 0}"#, "/cart", true), (5, 7));
    // Besides: the answer's clock, status or headers, body, clock; the copy's clock, and the same four.
    assert_eq!(calls("", "/cart", true), (9, 12));
    assert_eq!(calls(COMPARED, "/cart", true), (9, 12));
    assert_eq!(calls(r#""compare": {"body": "none"}"#, "/cart", true), (8, 11), "no body is read");
}
