//! What filters talk to beside Delta xDS: the telemetry service. A report is acknowledged after it is on disk.
//!
//! A report goes through three hands. The [`gate`] bounds how many are read at once. The service checks it and looks at
//! its sampled pairs, aside from the threads that serve. The [`committer`], which is one task, adds many reports to what
//! is known in one transaction and then answers them all.

pub mod allowance;
pub mod committer;
pub mod gate;
pub mod metrics;
pub mod plans;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tonic::{Request, Response, Status};
use tracing::{debug, error};
use umbra_wire::proto::telemetry::v1::telemetry_service_server::TelemetryService;
use umbra_wire::proto::telemetry::v1::{ReportRequest, ReportResponse};
use umbra_wire::telemetry::answer::SampledPair;
use umbra_wire::telemetry::{Report, checked};

use crate::access::nodes::NodeIdentity;
use crate::analysis::look::look;
use crate::intake::allowance::Allowance;
use crate::intake::committer::{Aside, Part, Prepared};
use crate::intake::gate::Reading;
use crate::intake::metrics::{IntakeMetrics, ReportLabels};
use crate::intake::plans::{Beginning, Plans, ShadowPlan};
use crate::model::nodes::Nodes;
use crate::store::pairs::NewPair;

/// Reports that were read and are not on disk yet. Those of 10,000 workers that report at once wait at the gate, not
/// here.
const MAX_KEPT_BYTES: usize = 256 << 20;
/// What a report takes at the least, whatever its length.
const LEAST_BYTES: usize = 4 << 10;
/// Two reports' pairs are looked at at a time: it is work for a core, and the streams need theirs.
const LOOKING: usize = 2;

/// The service that filters call.
#[derive(Clone)]
pub struct Intake {
    plans: Arc<Plans>,
    committer: mpsc::Sender<Prepared>,
    metrics: IntakeMetrics,
    kept: Arc<Semaphore>,
    looking: Arc<Semaphore>,
    allowance: Arc<Mutex<Allowance>>,
    nodes: Arc<Mutex<Nodes>>,
}

impl Intake {
    /// The service, which hands what it made of a report to a [`committer`], and tells `nodes` whose it was.
    pub fn new(
        plans: Arc<Plans>,
        committer: mpsc::Sender<Prepared>,
        nodes: Arc<Mutex<Nodes>>,
        metrics: IntakeMetrics,
    ) -> Self {
        Intake {
            plans,
            committer,
            metrics,
            kept: Arc::new(Semaphore::new(MAX_KEPT_BYTES)),
            looking: Arc::new(Semaphore::new(LOOKING)),
            allowance: Arc::default(),
            nodes,
        }
    }

    async fn take(&self, report: Report, room: OwnedSemaphorePermit) -> Result<u64, Status> {
        let plans = self.plans.now().await.map_err(|error| {
            error!(error = &error as &dyn std::error::Error, "the evidence's beginnings cannot be read");
            Status::unavailable("the store failed")
        })?;
        let Report { instance, sequence, policy_revision, started_ms, ended_ms, shadows, pairs, .. } = report;
        let Report { node_id, policy_version, requests, dropped, .. } = report;
        let mut parts = Vec::with_capacity(shadows.len());
        for (name, report) in shadows {
            // A shadow that was deleted since, or never was.
            let Some(plan) = plans.of(&name) else { continue };
            let Beginning { epoch, at_ms: began_ms } = plan.beginning_at(policy_revision);
            parts.push(Part { shadow: name, epoch, began_ms, started_ms, ended_ms, report });
        }
        let mut current = Vec::with_capacity(pairs.len());
        for pair in pairs {
            // What is kept of a pair is for the rules of now to say.
            let plan = plans.of(&pair.shadow).filter(|plan| plan.is_current(policy_revision));
            current.extend(plan.map(|plan| (Arc::clone(plan), pair)));
        }
        let aside = Aside { node_id, policy_version, requests, looked: current.len() as u64, dropped };
        let pairs = self.look(current).await?;
        let (reply, answer) = oneshot::channel();
        let prepared = Prepared { instance, sequence, parts, pairs, aside, room: Some(room), reply };
        let stopping = || Status::unavailable("the control plane is stopping");
        self.committer.send(prepared).await.map_err(|_| stopping())?;
        match answer.await {
            Ok(Ok(acknowledged)) => Ok(acknowledged),
            // Why is in the log, and at /readyz.
            Ok(Err(_)) => Err(Status::unavailable("the store failed")),
            Err(_) => Err(stopping()),
        }
    }

    fn samples(&self, instance: u64) -> u32 {
        // What a panic leaves behind is at worst a wrong count of workers.
        let mut allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        u32::try_from(allowance.of(instance, committer::now_ms())).unwrap_or_default()
    }

    async fn look(&self, pairs: Vec<(Arc<ShadowPlan>, SampledPair)>) -> Result<Vec<committer::Pair>, Status> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let stopping = |_| Status::unavailable("the control plane is stopping");
        let turn = Arc::clone(&self.looking).acquire_owned().await.map_err(stopping)?;
        let looked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            pairs.into_iter().filter_map(|(plan, pair)| looked(&plan, &pair)).collect()
        });
        looked.await.map_err(|_| Status::internal("a pair cannot be looked at"))
    }
}

fn looked(shadow: &ShadowPlan, pair: &SampledPair) -> Option<committer::Pair> {
    let plan = shadow.plan.as_ref()?;
    let looked = match look(pair, plan) {
        Ok(looked) => looked,
        Err(error) => {
            error!(error = &error as &dyn std::error::Error, "a pair cannot be written");
            return None;
        }
    };
    let Beginning { epoch, at_ms: began_ms } = shadow.newest();
    let kept = NewPair {
        pair: pair.pair.to_string(),
        shadow: pair.shadow.clone(),
        epoch,
        endpoint: pair.endpoint.clone(),
        outcome: looked.outcome,
        fields: looked.fields.into_iter().collect(),
        found: looked.found,
        document: looked.document,
    };
    Some(committer::Pair {
        kept,
        examined: looked.examined,
        is_cut_off: looked.is_cut_off,
        weight: pair.weight,
        began_ms,
        at_ms: pair.at_ms,
    })
}

#[tonic::async_trait]
impl TelemetryService for Intake {
    async fn report(&self, mut request: Request<ReportRequest>) -> Result<Response<ReportResponse>, Status> {
        let reading = request.extensions_mut().remove::<Reading>();
        let identity = request.extensions_mut().remove::<NodeIdentity>().unwrap_or_default();
        let message = request.into_inner();
        let bytes = prost::Message::encoded_len(&message).max(LEAST_BYTES);
        let report = checked(message).map_err(|error| {
            // The fields are named, and their values are not.
            debug!(%error, "a report was refused");
            self.metrics.reports.get_or_create(&ReportLabels { result: "refused" }).inc();
            Status::invalid_argument(error.to_string())
        })?;
        if !identity.may_be(&report.node_id) {
            self.metrics.reports.get_or_create(&ReportLabels { result: "refused" }).inc();
            return Err(Status::permission_denied("its token or certificate is not for that node"));
        }
        let bytes = u32::try_from(bytes.min(MAX_KEPT_BYTES)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.kept).acquire_many_owned(bytes).await;
        let room = room.map_err(|_| Status::unavailable("the control plane is stopping"))?;
        drop(reading);
        let instance = report.instance;
        // That it is there, and which policy it runs. Its requests are counted with its report.
        let Report { node_id, policy_version, .. } = &report;
        Nodes::locked(&self.nodes).reported(node_id, instance, policy_version, 0, SystemTime::now());
        let result = self.take(report, room).await;
        if result.is_err() {
            self.metrics.reports.get_or_create(&ReportLabels { result: "failed" }).inc();
        }
        result.map(|acknowledged| {
            let samples = self.samples(instance);
            Response::new(ReportResponse { acknowledged, samples })
        })
    }
}
