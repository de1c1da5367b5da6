//! The server: the store, the two listeners, and what goes on between them.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tracing::{info, warn};
use umbra_wire::proto::telemetry::v1::telemetry_service_server::TelemetryServiceServer;
use umbra_wire::telemetry::MAX_REPORT_BYTES;

use crate::access::bootstrap::Bootstrap;
use crate::access::{Access, AccessOptions, random};
use crate::api::hosts::Hosts;
use crate::api::idempotency::Answers;
use crate::api::metrics::ApiMetrics;
use crate::api::turns::Turns;
use crate::api::{self, ApiContext, Limits};
use crate::app::config::{Config, ListenerConfig};
use crate::app::descriptors;
use crate::console;
use crate::intake::Intake;
use crate::intake::committer::{self, Committer};
use crate::intake::gate::Gate;
use crate::intake::metrics::IntakeMetrics;
use crate::intake::plans::Plans;
use crate::listener::Listener;
use crate::listener::tls::{Protocols, TlsFiles};
use crate::live::verdicts::Verdicts;
use crate::live::{Live, Sources};
use crate::model::nodes::Nodes;
use crate::model::rates::Rates;
use crate::store::metrics::StoreMetrics;
use crate::store::{Store, expiry};
use crate::xds::metrics::XdsMetrics;
use crate::xds::policies::Policies;
use crate::xds::{self, Discovery, policies};

/// Requests in flight get this long to be answered. Orchestrators commonly kill after 30 s.
const DRAIN: Duration = Duration::from_secs(10);
/// Envoys call as soon as they are connected, and workers report several times a minute while there is traffic. One that is cut
/// off connects again with its next call.
const XDS_IDLE: Duration = Duration::from_secs(120);
/// Streams have been told to end by then, and a client that reads needs a round trip to notice.
const XDS_DRAIN: Duration = Duration::from_secs(2);
/// People and scripts, not crowds.
pub(crate) const MAX_API_CONNECTIONS: usize = 1024;
/// A client says who it is with its first message.
const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// A running server.
pub struct Server {
    api_address: SocketAddr,
    xds_address: SocketAddr,
    stop: CancellationToken,
    store: Arc<Store>,
    api: JoinHandle<()>,
    xds: JoinHandle<Result<(), tonic::transport::Error>>,
    stop_xds: CancellationToken,
    publisher: JoinHandle<()>,
    committer: JoinHandle<()>,
    stop_committer: CancellationToken,
    keeper: JoinHandle<()>,
    first_token: Option<String>,
}

impl Server {
    /// Opens the store, binds both ports and serves.
    ///
    /// # Errors
    /// What keeps it from serving, with the file, the address or the setting that it is about.
    pub async fn start(config: Config) -> anyhow::Result<Server> {
        let mut registry = Registry::default();
        registry.register(
            "umbra_build",
            "What is running",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        // Files first: nothing is written before everything that can be wrong with them was looked at.
        let api_tls = load(&config.api, Protocols::Http, "api")?;
        let xds_tls = load(&config.xds, Protocols::Grpc, "xds")?;
        let store_metrics = StoreMetrics::register(&mut registry);
        let store = Store::open(&config.database, random::bytes()?, policies::admit, store_metrics).await?;
        let store = Arc::new(store);
        let access = AccessOptions {
            dev: config.dev,
            is_tls: config.api.tls.is_some(),
            key_file: config.access.key_file.clone(),
            sessions: config.access.sessions,
            nodes: config.access.nodes.clone(),
            writes: (!config.dev).then_some(config.access.writes),
            oidc: config.access.oidc.clone(),
        };
        let access = Arc::new(Access::open(store.access(), access).await?);
        // Before anybody is told a share: its time may have ended while nobody was here.
        expiry::restore_due(&store).await?;

        let api_listener = bind(&config.api, api_tls, MAX_API_CONNECTIONS, "--listen-api").await?;
        let limits = config.limits;
        let connections = descriptors::connections(limits.connections.get() as usize);
        let xds_listener = bind(&config.xds, xds_tls, connections, "--listen-xds").await?;
        let (api_address, xds_address) = (api_listener.address(), xds_listener.address());

        // Last of what can fail: a token that was made and never shown would be an admin that nobody is.
        let first_token = access.bootstrap(&bootstrap(&config)).await?;

        let nodes = Arc::new(Mutex::new(Nodes::new(limits.nodes.get() as usize, limits.node_streams.get())));
        let xds_metrics = XdsMetrics::register(&mut registry);
        let api_metrics = ApiMetrics::register(&mut registry);
        let (stop, stop_xds) = (CancellationToken::new(), CancellationToken::new());

        tokio::spawn(expiry::follow(Arc::clone(&store), stop.clone()));
        let watch = store.watch();
        let first = Policies::new(&store.state(), store.mesh_key(), xds_metrics.clone());
        let (sender, policies) = watch::channel(Arc::new(first));
        let publisher = tokio::spawn(xds::serve::publish(watch, sender, Arc::clone(&nodes)));
        let discovery = Discovery::new(xds::Context {
            policies,
            nodes: Arc::clone(&nodes),
            access: Arc::clone(&access),
            metrics: xds_metrics,
            stopping: stop_xds.clone(),
            max_streams: limits.streams(),
            first_request: FIRST_REQUEST,
            instance: random::hex(&random::bytes::<8>()?),
        });
        let telemetry = store.intake();
        let plans = Arc::new(Plans::new(store.watch(), telemetry.clone()));
        let intake_metrics = IntakeMetrics::register(&mut registry);
        let stop_committer = CancellationToken::new();
        let (reports, prepared) = mpsc::channel(committer::WAITING);
        let rates = Arc::<Mutex<Rates>>::default();
        let committer = Committer::new(
            telemetry,
            config.retention,
            intake_metrics.clone(),
            Arc::clone(&rates),
            Arc::clone(&nodes),
        );
        let committer = tokio::spawn(committer.run(prepared, stop_committer.clone()));
        let intake = Intake::new(plans, reports, Arc::clone(&nodes), intake_metrics.clone());
        let intake = TelemetryServiceServer::new(intake).max_decoding_message_size(MAX_REPORT_BYTES);
        let intake = Routes::new(Gate::new(intake, Arc::clone(&access), intake_metrics));
        let routes = api::router(ApiContext {
            store: Arc::clone(&store),
            access: Arc::clone(&access),
            hosts: Hosts::of(api_address, config.access.hosts.clone()),
            live: Live::start(
                Sources {
                    store: Arc::clone(&store),
                    nodes: Arc::clone(&nodes),
                    rates,
                    verdicts: Verdicts::default(),
                },
                stop.clone(),
            ),
            nodes,
            registry: Arc::new(registry),
            metrics: api_metrics,
            stopping: stop.clone(),
            limits: Limits::default(),
            retention: config.retention,
            settings: Arc::new(settings(&config)),
            answers: Answers::default(),
            turns: Turns::default(),
        });
        let routes = routes.merge(console::router());
        let api = tokio::spawn(api::serve::serve(
            api_listener.accept(stop.clone()),
            routes,
            Limits::default().head_time,
            DRAIN,
        ));
        let xds = tokio::spawn(xds::serve::serve(
            xds_listener.accept(stop.clone()),
            discovery,
            intake,
            XDS_IDLE,
            stop_xds.clone(),
            XDS_DRAIN,
        ));
        let keeper = tokio::spawn(access.keep(stop_committer.clone()));
        if config.insecure {
            warn!(
                "--insecure: whoever is on the way to a port without TLS may read tokens, and steer traffic"
            );
        }
        info!(
            api = %api_address,
            api_tls = mode(&config.api),
            xds = %xds_address,
            xds_tls = mode(&config.xds),
            database = %config.database.path().display(),
            revision = store.state().revision(),
            dev = config.dev,
            version = env!("CARGO_PKG_VERSION"),
            "listening"
        );
        Ok(Server {
            api_address,
            xds_address,
            stop,
            store,
            api,
            xds,
            stop_xds,
            publisher,
            committer,
            stop_committer,
            keeper,
            first_token,
        })
    }

    /// The first admin's token, if one was made to be shown.
    pub fn take_first_token(&mut self) -> Option<String> {
        self.first_token.take()
    }

    /// Where the API listens.
    pub fn api_address(&self) -> SocketAddr {
        self.api_address
    }

    /// Where Envoys connect.
    pub fn xds_address(&self) -> SocketAddr {
        self.xds_address
    }

    /// Cancel it to stop the server in order.
    pub fn stop_handle(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until the server has ended.
    ///
    /// # Errors
    /// It ended though nobody stopped it.
    pub async fn ended(self) -> anyhow::Result<()> {
        let Server {
            mut api,
            mut xds,
            stop,
            stop_xds,
            store,
            publisher,
            committer,
            stop_committer,
            keeper,
            ..
        } = self;
        let failed = tokio::select! {
            // `api` ends when its requests are drained: after that no write is acknowledged any more, and those that
            // were have gone out to the streams, which therefore end last.
            result = &mut api => result.err().map(anyhow::Error::from),
            result = &mut xds => Some(match result {
                Ok(Ok(())) => anyhow::anyhow!("the xds server ended by itself"),
                Ok(Err(error)) => error.into(),
                Err(error) => error.into(),
            }),
        };
        let by_itself = !stop.is_cancelled();
        stop.cancel();
        stop_xds.cancel();
        if !api.is_finished() {
            drop(api.await);
        }
        if !xds.is_finished() {
            xds.await??;
        }
        // The reports that it has are still written.
        stop_committer.cancel();
        drop(committer.await);
        drop(keeper.await);
        store.close().await;
        publisher.abort();
        match failed {
            Some(error) => Err(error.context("a server ended by itself")),
            None if by_itself => Err(anyhow::anyhow!("the api server ended by itself")),
            None => {
                info!("stopped");
                Ok(())
            }
        }
    }
}

/// How the server was started, without secrets: of files only whether they are used.
fn settings(config: &Config) -> BTreeMap<String, String> {
    let Config { dev, database, api, xds, insecure, access, limits, retention, log_filter, .. } = config;
    let ms = |ms| humantime::format_duration(Duration::from_millis(ms)).to_string();
    [
        ("api-tls", mode(api).to_owned()),
        ("database-url", format!("sqlite://{}", database.path().display())),
        ("dev", dev.to_string()),
        ("insecure", insecure.to_string()),
        ("keep-pairs", retention.pairs.to_string()),
        ("keep-pairs-for", ms(retention.pairs_ms)),
        ("keep-reports", ms(retention.coarse_ms)),
        ("keep-windows", ms(retention.fine_ms)),
        ("listen-api", api.address.to_string()),
        ("listen-xds", xds.address.to_string()),
        ("log-filter", log_filter.clone()),
        ("max-node-streams", limits.node_streams.to_string()),
        ("max-nodes", limits.nodes.to_string()),
        ("max-xds-connections", limits.connections.to_string()),
        ("oidc-issuer", access.oidc.as_ref().map_or_else(|| "off".to_owned(), |oidc| oidc.issuer.clone())),
        ("writes-per-second", access.writes.to_string()),
        ("xds-require-token", access.nodes.require_token.to_string()),
        ("xds-tls", mode(xds).to_owned()),
    ]
    .into_iter()
    .map(|(option, value)| (option.to_owned(), value))
    .collect()
}

fn load(
    config: &ListenerConfig,
    protocols: Protocols,
    name: &'static str,
) -> anyhow::Result<Option<Arc<rustls::ServerConfig>>> {
    let load = |files: &TlsFiles| files.load(protocols);
    config.tls.as_ref().map(load).transpose().with_context(|| format!("the {name} listener cannot have TLS"))
}

async fn bind(
    config: &ListenerConfig,
    tls: Option<Arc<rustls::ServerConfig>>,
    max_connections: usize,
    setting: &'static str,
) -> anyhow::Result<Listener> {
    let address = config.address;
    Listener::bind(address, tls, max_connections)
        .await
        .with_context(|| format!("cannot listen on {address} ({setting})"))
}

fn mode(config: &ListenerConfig) -> &'static str {
    match &config.tls {
        None => "off",
        Some(files) if files.client_ca.is_some() => "mutual",
        Some(_) => "server",
    }
}

/// Where the first admin's token comes from. Printed to a terminal, it is seen by whoever started the server; in a log
/// it would be seen by everybody who reads that.
fn bootstrap(config: &Config) -> Bootstrap {
    let nothing_given = || if io::stderr().is_terminal() { Bootstrap::Printed } else { Bootstrap::Nowhere };
    config.access.bootstrap.clone().unwrap_or_else(nothing_given)
}
