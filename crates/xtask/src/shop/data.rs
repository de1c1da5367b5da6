//! The data that both servers start with: a small shop, the same in every run.

use serde_json::{Value, json};

/// How many products there are; their ids run from 1.
pub(crate) const PRODUCTS: u64 = 300;
const REVIEWS: u64 = 600;
/// How many customers there are; their ids run from 1.
pub(crate) const CUSTOMERS: u64 = 120;

/// What products are sorted into.
pub(crate) const CATEGORIES: [&str; 5] = ["tools", "kitchen", "garden", "lights", "paper"];
/// What products are made of, as their titles say.
pub(crate) const MATERIALS: [&str; 4] = ["steel", "oak", "glass", "linen"];

const THINGS: [&str; 6] = ["hammer", "bowl", "lamp", "chair", "notebook", "shears"];

/// The shop, as json-server reads it. Carts alone are written to: production's other answers stay those of every
/// server that started with the same data.
pub(crate) fn shop() -> Value {
    let mut random = fastrand::Rng::with_seed(17);
    let mut pick = |from: &[&'static str]| random.choice(from).copied().unwrap_or_default();
    let products: Vec<Value> = (1..=PRODUCTS)
        .map(|id| {
            json!({
                "id": id,
                "title": format!("{} {}", pick(&MATERIALS), pick(&THINGS)),
                "category": pick(&CATEGORIES),
                "price": (id * 37 % 9_900 + 100) as f64 / 100.0,
                "stock": id * 13 % 50,
            })
        })
        .collect();
    let reviews: Vec<Value> = (1..=REVIEWS)
        .map(|id| {
            json!({
                "id": id,
                "productId": id * 7 % PRODUCTS + 1,
                "stars": id % 5 + 1,
                "text": format!("a {} thing", pick(&MATERIALS)),
            })
        })
        .collect();
    let customers: Vec<Value> =
        (1..=CUSTOMERS).map(|id| json!({"id": id, "name": format!("customer {id}")})).collect();
    let shop = json!({"name": "Umbra's", "currency": "EUR"});
    json!({"products": products, "reviews": reviews, "customers": customers, "carts": [], "shop": shop})
}
