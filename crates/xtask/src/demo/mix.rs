//! What the shop's clients ask: lists, pages, filters, single records, misses, and writes to carts.

use crate::shop::data::{CATEGORIES, CUSTOMERS, MATERIALS, PRODUCTS};

/// One request of the mix.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: &'static str,
    /// The path with its query.
    pub(crate) path: String,
    /// A JSON body, for writes.
    pub(crate) body: Option<String>,
}

impl Request {
    /// Whether the demo's stamp fits it.
    pub(crate) fn is_stamped(&self) -> bool {
        !self.path.starts_with("/customers")
    }

    /// Whether the demo's shadow may have a copy of it.
    pub(crate) fn may_be_mirrored(&self) -> bool {
        self.is_stamped() && matches!(self.method, "GET" | "HEAD")
    }
}

/// The request with this number: the same number is the same request in every run.
pub(crate) fn request(number: u64) -> Request {
    let mut random = fastrand::Rng::with_seed(number);
    let product = random.u64(1..=PRODUCTS);
    let get = |path: String| Request { method: "GET", path, body: None };
    match random.u32(0..100) {
        0..25 => get(format!("/products/{product}")),
        25..43 => get(format!("/products?_page={}&_limit=10", random.u64(1..=PRODUCTS / 10))),
        43..53 => get(format!("/products?category={}", choose(&mut random, &CATEGORIES))),
        53..61 => get(format!("/reviews?productId={product}")),
        61..66 => get(format!("/products/{product}/reviews")),
        66..72 => get("/products?_sort=price&_order=desc&_limit=5".to_owned()),
        72..77 => get(format!("/products?title_like={}", choose(&mut random, &MATERIALS))),
        77..82 => get("/shop".to_owned()),
        82..87 => get(format!("/products/{}", PRODUCTS + product)),
        87..90 => Request { method: "HEAD", path: format!("/products/{product}"), body: None },
        90..96 => get(format!("/customers/{}", random.u64(1..=CUSTOMERS))),
        96..98 => Request {
            method: "POST",
            path: "/carts".to_owned(),
            body: Some(format!(r#"{{"productId":{product},"pieces":{}}}"#, random.u32(1..=5))),
        },
        98..99 => Request {
            method: "PATCH",
            path: format!("/carts/{}", random.u32(1..=20)),
            body: Some(format!(r#"{{"pieces":{}}}"#, random.u32(1..=5))),
        },
        _ => Request { method: "DELETE", path: format!("/carts/{}", random.u32(1..=20)), body: None },
    }
}

fn choose(random: &mut fastrand::Rng, from: &[&'static str]) -> &'static str {
    random.choice(from).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_has_a_bit_of_everything_and_is_the_same_every_time() {
        let requests: Vec<Request> = (0..2_000).map(request).collect();
        let count = |fits: fn(&Request) -> bool| requests.iter().filter(|request| fits(request)).count();
        assert_eq!(request(7), request(7));
        for method in ["GET", "HEAD", "POST", "PATCH", "DELETE"] {
            assert!(requests.iter().any(|request| request.method == method), "{method}");
        }
        assert!(count(Request::may_be_mirrored) > 1_500);
        assert!(count(Request::is_stamped) > count(Request::may_be_mirrored));
        assert!(count(|request| !request.is_stamped()) > 50);
    }
}
