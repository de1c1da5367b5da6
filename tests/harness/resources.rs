//! Stamps and shadows as the API takes them.

use serde_json::{Value, json};

/// A stamp for every path under `prefix`.
pub fn stamp(name: &str, prefix: &str) -> Value {
    json!({
        "apiVersion": "umbra/v1",
        "kind": "Stamp",
        "metadata": {"name": name},
        "spec": {"match": [{"path": {"prefix": prefix}}]},
    })
}

/// A shadow of the requests with this stamp, to this cluster, at this share; `more` is merged into
/// its spec.
pub fn shadow(name: &str, stamp: &str, cluster: &str, percent: f64, more: Value) -> Value {
    let mut spec = json!({
        "stamps": [stamp],
        "target": {"cluster": cluster},
        "percent": percent,
    });
    let spec_fields = spec.as_object_mut().expect("an object");
    spec_fields.extend(more.as_object().cloned().unwrap_or_default());
    json!({
        "apiVersion": "umbra/v1",
        "kind": "Shadow",
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// The usual pair: stamp `all` for every request, shadow `main` of it to the cluster `shadow`.
pub fn shadow_all(percent: f64, more: Value) -> Vec<Value> {
    vec![stamp("all", "/"), shadow("main", "all", "shadow", percent, more)]
}
