//! What is documented for Prometheus and Grafana names metrics that there are.

use std::collections::BTreeSet;

use crate::delta::{Delta, hello};
use crate::support::{CHECKOUT, TestServer, folder};
use crate::telemetry::{Worker, report};

/// The metrics' names in a text: words that begin with `umbra_`, without the suffixes of a histogram's series.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let base = |word: &str| {
        ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
    };
    words.filter(|word| word.starts_with("umbra_")).map(base).collect()
}

#[tokio::test]
async fn every_metric_that_is_documented_is_served() {
    let folder = folder();
    let server = TestServer::start(folder.path()).await;
    server.api.apply(CHECKOUT).await;
    let _node = Delta::open(server.xds, hello("a")).await.unwrap();
    let mut lossy = report(1, 1, 1);
    lossy.dropped.insert("bytes_full".to_owned(), 1);
    Worker::at(server.xds).send(&lossy).await.unwrap();
    let served =
        server.api.request(reqwest::Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let there = names(&served);
    let docs = format!("{}/../docs/monitoring", env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for file in ["alerts.yaml", "alerts_test.yaml", "dashboard.json"] {
        let text = std::fs::read_to_string(format!("{docs}/{file}")).unwrap();
        for name in names(&text) {
            assert!(there.contains(&name), "{file} names {name}, and there is {there:?}");
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
    // Each has words and, where it measures something, a unit.
    for name in served.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = name.split(' ').next().unwrap();
        assert!(served.contains(&format!("# HELP {name} ")), "{name}");
    }
}
