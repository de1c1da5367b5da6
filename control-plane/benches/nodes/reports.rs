//! Reports of workers, through the endpoint that filters send them to.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prost::Message;
use tokio::task::JoinSet;
use tonic::Request;
use tonic::transport::Channel;
use umbra_wire::proto::telemetry::v1::ReportRequest;
use umbra_wire::proto::telemetry::v1::telemetry_service_client::TelemetryServiceClient;
use umbra_wire::telemetry::encode;

use crate::fleet::id;
use crate::report::report;

/// Sends reports for so long, one after the other on each connection; how many were acknowledged, a second.
pub(crate) async fn send(channels: Vec<Channel>, duration: Duration) -> f64 {
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for (number, channel) in (0..).zip(channels) {
        workers.spawn(async move {
            let template = ReportRequest::decode(encode(&report(number + 1)).as_slice()).unwrap();
            let template = ReportRequest { node_id: id(number), ..template };
            let mut client = TelemetryServiceClient::new(channel);
            let mut sequence = 0;
            while started.elapsed() < duration {
                sequence += 1;
                let ended_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
                let report =
                    ReportRequest { sequence, started_ms: ended_ms - 1_000, ended_ms, ..template.clone() };
                let answer = client.report(Request::new(report)).await.expect("an acknowledgement");
                assert_eq!(answer.into_inner().acknowledged, sequence);
            }
            sequence
        });
    }
    let acknowledged: u64 = workers.join_all().await.into_iter().sum();
    acknowledged as f64 / started.elapsed().as_secs_f64()
}
