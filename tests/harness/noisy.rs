//! A small shop whose answers are never the same twice, as those of real services are not: new request ids and times in
//! each, lists in any order, and a latency that scatters. Instances of it differ by nothing else, but for a [`Change`].

use crate::client::Request;
use crate::record::Recorded;
use crate::upstream::Answer;
use fastrand::Rng;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The middle of the latency, in milliseconds. Timers wake once a millisecond, and threads wait for their turn: that has
/// to be small against it.
const MEDIAN_MS: f64 = 80.0;

/// The standard deviation of the latency's logarithm: one answer in a hundred takes twice the median.
const SPREAD: f64 = 0.3;

/// Above this many standard deviations, the slowest 15 % of the answers.
const SLOWEST: f64 = 1.036;

/// What is different in an instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Nothing: a twin.
    Nothing,
    /// In 2 % of the carts, the total is a cent too high.
    Total,
    /// The slowest 15 % of the answers take 30 % longer.
    SlowTail,
    /// One answer in a hundred is an error.
    Errors,
}

/// An instance, as the script of an upstream. The seed makes its noise its own.
pub fn shop(seed: u64, change: Change) -> impl Fn(&Recorded) -> Answer + Send + Sync + 'static {
    let random = Mutex::new(Rng::with_seed(seed));
    move |request| {
        let random = &mut *random.lock().unwrap();
        let delay = latency(random, change);
        if change == Change::Errors && random.f64() < 0.01 {
            return Answer::ok("out of order").status(500).after(delay);
        }
        let body = body(&request.path, random, change).to_string();
        Answer::ok(body).header("content-type", "application/json").after(delay)
    }
}

/// What customers ask for: so many requests, to three endpoints, the same ones for a seed.
pub fn customers(seed: u64, requests: usize) -> Vec<Request> {
    let mut random = Rng::with_seed(seed);
    let mut path = || match random.u8(..10) {
        0..6 => format!("/carts/{}", random.u32(1..500)),
        6..8 => format!("/items/{}", random.u32(1..2_000)),
        _ => format!("/search?q=word{}", random.u32(..100)),
    };
    (0..requests).map(|_| Request::get(&path())).collect()
}

fn latency(random: &mut Rng, change: Change) -> Duration {
    let deviations = normal(random);
    let slower = if change == Change::SlowTail && deviations > SLOWEST { 1.3 } else { 1.0 };
    Duration::from_secs_f64(MEDIAN_MS / 1_000.0 * (SPREAD * deviations).exp() * slower)
}

/// A number of the standard normal distribution, by Box and Muller (1958).
fn normal(random: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}

/// About a kilobyte.
fn body(path: &str, random: &mut Rng, change: Change) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut body = json!({
        "requestId": format!("{:032x}", random.u128(..)),
        "servedAt": u64::try_from(now.as_millis()).unwrap(),
        "host": format!("shop-{:04x}", random.u16(..)),
    });
    let key: u64 = path.bytes().fold(7, |hash, byte| hash * 31 % 1_000_003 + u64::from(byte));
    let content = if path.starts_with("/carts/") {
        let off = u64::from(change == Change::Total && random.f64() < 0.02);
        json!({"cart": {
            "lines": shuffled((0..4).map(|n| line(key + n)).collect(), random),
            "total": key * 4 + off,
            "currency": "EUR",
            "coupons": shuffled(vec![json!("SPRING"), json!("NEW-10"), json!("FREE-SHIPPING")], random),
        }})
    } else if path.starts_with("/items/") {
        json!({
            "item": line(key),
            "description": "hard to describe, and easy to carry home ".repeat(8),
            "tags": shuffled(["red", "blue", "new", "sale", "outdoor"].map(|tag| json!(tag)).into(), random),
        })
    } else {
        json!({
            "hits": shuffled((0..6).map(|n| line(key + n)).collect(), random),
            "found": key % 900 + 6,
            "tookMs": random.u8(1..30),
        })
    };
    let fields = body.as_object_mut().unwrap();
    fields.extend(content.as_object().cloned().unwrap_or_default());
    body
}

fn line(key: u64) -> Value {
    json!({
        "id": key,
        "name": format!("thing of use number {key}"),
        "price": {"amount": key % 9_000, "currency": "EUR", "taxed": key.is_multiple_of(2)},
        "stock": [{"warehouse": "north", "left": key % 17}, {"warehouse": "south", "left": key % 13}],
    })
}

fn shuffled(mut items: Vec<Value>, random: &mut Rng) -> Value {
    random.shuffle(&mut items);
    Value::Array(items)
}
