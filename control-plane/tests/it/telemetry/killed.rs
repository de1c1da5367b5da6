//! Reports that are acknowledged are counted once, however often the control plane dies.

use std::time::Duration;

use super::{Worker, report};
use crate::process::Umbra;
use crate::support::{CHECKOUT, folder, until};

/// Workers that report for as long as the control plane is killed around them.
const WORKERS: u64 = 4;
const DEATHS: u64 = 10;
const PAIRS: u64 = 3;

#[tokio::test]
async fn killed_under_load_it_counts_every_report_once() {
    let folder = folder();
    let mut umbra = Umbra::start(folder.path());
    umbra.api().apply(CHECKOUT).await;
    let mut random = fastrand::Rng::with_seed(7);
    let mut next = [1_u64; WORKERS as usize];
    for _ in 0..DEATHS {
        let address = umbra.xds.parse().unwrap();
        let workers = next.iter().enumerate().map(|(instance, sequence)| {
            let (mut worker, mut sequence) = (Worker::at(address), *sequence);
            tokio::spawn(async move {
                // One that was not acknowledged is sent again, by the next round.
                while let Ok(acknowledged) = worker.send(&report(instance as u64 + 1, sequence, PAIRS)).await
                {
                    assert_eq!(acknowledged, sequence);
                    sequence += 1;
                }
                sequence
            })
        });
        let workers: Vec<_> = workers.collect();
        tokio::time::sleep(Duration::from_millis(random.u64(5..120))).await;
        umbra.signal("-KILL");
        umbra.ended();
        for (worker, next) in workers.into_iter().zip(&mut next) {
            *next = worker.await.unwrap();
        }
        umbra = Umbra::start(folder.path());
    }
    let mut acknowledged = 0;
    for (instance, sequence) in next.iter().enumerate() {
        let mut worker = Worker::at(umbra.xds.parse().unwrap());
        acknowledged += worker.send(&report(instance as u64 + 1, *sequence, PAIRS)).await.unwrap();
    }
    assert!(acknowledged > WORKERS * 2, "some reports were counted at all");
    let api = umbra.api();
    let found = until(|| async { Some(api.get("/api/v1/shadows/checkout-v2/report").await) }).await;
    assert_eq!(found["mirrored"], acknowledged * PAIRS);
    assert_eq!(found["endpoints"][0]["pairs"], acknowledged * PAIRS);
    umbra.signal("-KILL");
    umbra.ended();
}
