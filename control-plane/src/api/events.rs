//! The board, and what changes on it: as one answer, and as server-sent events.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures::stream;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::access::Known;
use crate::api::ApiContext;
use crate::api::audit::AuditRow;
use crate::api::metrics::Watching;
use crate::api::nodes;
use crate::api::problem::Problem;
use crate::api::query::{EventsQuery, NoQuery};
use crate::api::standing::Standing;
use crate::live::NodeViewer;
use crate::live::board::{BoardRow, NodesRow};
use crate::live::shared::Shared;
use crate::live::snapshot::{Event, NodeNow, Snapshot};
use crate::model::audit::AuditEntry;

/// What keeps proxies from taking a silent stream for a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A client that lost its stream comes back after so many milliseconds.
const RETRY: &str = "retry: 1000\n\n";

/// Every shadow at one look.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Board {
    /// The store's revision.
    revision: u64,
    /// By name.
    shadows: Vec<BoardRow>,
    /// How many Envoys there are.
    nodes: NodesRow,
}

/// Every shadow at one look
#[utoipa::path(get, path = "/api/v1/board", tag = "operation", responses(
    (status = 200, description = "Valves, switches, what is in effect, rates and verdicts", body = Board),
))]
pub(crate) async fn board(
    State(context): State<ApiContext>,
    query: Result<Query<NoQuery>, QueryRejection>,
) -> Result<Json<Board>, Problem> {
    query?;
    let now = context.live.now();
    let shadows = now.shadows.values().map(|row| row.value().clone()).collect();
    Ok(Json(Board { revision: now.revision, shadows, nodes: now.counts }))
}

/// What goes on, as server-sent events
///
/// `snapshot` first: the board, with `nodes=true` also `node_rows`, a row of `GET /nodes` for each. Then what changes:
/// `shadow` (a row of the board), `shadow-deleted` (`{"name"}`), `nodes` (the counts), `node` (a row; with `nodes=true`),
/// `audit` (a row of the audit trail). After `lagged`, which a client gets that was too slow to be told of everything, comes
/// another `snapshot`. A slow client gets the newest of every row, and nothing is kept for it. A comment comes every 15 s.
#[utoipa::path(get, path = "/api/v1/events", tag = "operation", params(EventsQuery), responses(
    (status = 200, description = "Events, until the client goes, its token or session ends, or the server stops", body = String, content_type = "text/event-stream"),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn events(
    State(context): State<ApiContext>,
    Extension(known): Extension<Known>,
    headers: HeaderMap,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(EventsQuery { nodes }) = query?;
    let start = tokio::time::Instant::now() + KEEP_ALIVE;
    let viewer = Viewer {
        newest: context.live.follow(),
        shown: None,
        nodes: nodes.then(|| context.live.view_nodes()),
        keep_alive: tokio::time::interval_at(start, KEEP_ALIVE),
        stopping: context.stopping.clone(),
        standing: Standing::new(&context.access, &known, &headers),
        _watching: context.metrics.watching(),
    };
    let events = stream::unfold(viewer, async |mut viewer| {
        let text = viewer.next().await?;
        Some((Ok::<_, Infallible>(text), viewer))
    });
    let mut response = Body::from_stream(events).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx holds answers back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// One client that follows.
struct Viewer {
    newest: watch::Receiver<Arc<Snapshot>>,
    /// What it was told of last.
    shown: Option<Arc<Snapshot>>,
    nodes: Option<NodeViewer>,
    keep_alive: Interval,
    stopping: CancellationToken,
    standing: Standing,
    _watching: Watching,
}

impl Viewer {
    /// What it is told next; it is asked for when there is room for it. `None`: the server stops, or
    /// lets the client in no more.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let newest = Arc::clone(&self.newest.borrow_and_update());
            if let Some(text) = self.told(&newest) {
                self.shown = Some(newest);
                return Some(text);
            }
            tokio::select! {
                () = self.stopping.cancelled() => return None,
                () = self.standing.lost() => return None,
                changed = self.newest.changed() => changed.ok()?,
                _ = self.keep_alive.tick() => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }

    /// What there is to tell, if anything.
    fn told(&self, newest: &Arc<Snapshot>) -> Option<Bytes> {
        let with_nodes = self.nodes.is_some();
        let Some(shown) = &self.shown else {
            // The first look at the nodes is about to come.
            let is_ready = !with_nodes || newest.nodes.is_some();
            return is_ready.then(|| Bytes::from(format!("{RETRY}{}", snapshot(newest, with_nodes))));
        };
        if Arc::ptr_eq(shown, newest) {
            return None;
        }
        let mut text = String::new();
        for event in newest.changes(shown, with_nodes) {
            match event {
                Event::Shadow(row) => write(&mut text, "shadow", &shadow(row)),
                Event::ShadowDeleted(name) => {
                    write(&mut text, "shadow-deleted", &json(&serde_json::json!({ "name": name })))
                }
                Event::Nodes(counts) => write(&mut text, "nodes", &json(&counts)),
                Event::Node(row) => write(&mut text, "node", &node(row)),
                Event::Audit(row) => write(&mut text, "audit", &audit(row)),
                Event::Lagged => {
                    write(&mut text, "lagged", b"{}");
                    text.push_str(&snapshot(newest, with_nodes));
                }
            }
        }
        // Also where nothing is to be told, it is the newest that the next is compared with.
        (!text.is_empty()).then(|| Bytes::from(text))
    }
}

fn write(text: &mut String, event: &str, data: &[u8]) {
    // JSON as it is written here has no line breaks, and is UTF-8.
    let _ = write!(text, "event: {event}\ndata: {}\n\n", String::from_utf8_lossy(data));
}

/// The whole, written once for all that see no nodes.
fn snapshot(snapshot: &Snapshot, with_nodes: bool) -> String {
    let board = snapshot.text(|snapshot| {
        let rows = listed(snapshot.shadows.values().map(shadow));
        let counts = json(&snapshot.counts);
        let (rows, counts) = (rows, String::from_utf8_lossy(&counts));
        Bytes::from(format!(r#"{{"revision":{},"shadows":{rows},"nodes":{counts}"#, snapshot.revision))
    });
    let mut data = String::from_utf8_lossy(&board).into_owned();
    if let Some(nodes) = snapshot.nodes.as_ref().filter(|_| with_nodes) {
        let _ = write!(data, r#","node_rows":{}"#, listed(nodes.values().map(node)));
    }
    data.push('}');
    format!("event: snapshot\ndata: {data}\n\n")
}

fn listed(rows: impl Iterator<Item = Bytes>) -> String {
    let mut text = String::from("[");
    for (place, row) in rows.enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&String::from_utf8_lossy(&row));
    }
    text.push(']');
    text
}

fn shadow(row: &Arc<Shared<BoardRow>>) -> Bytes {
    row.text(json)
}

fn node(row: &Arc<Shared<NodeNow>>) -> Bytes {
    row.text(|NodeNow { node, newest }| json(&nodes::view(node.clone(), *newest)))
}

fn audit(row: &Arc<Shared<AuditEntry>>) -> Bytes {
    // One that cannot be written is shown where it can be said why: by `GET /audit`.
    row.text(|row| AuditRow::of(row.clone()).map_or_else(|_| Bytes::from_static(b"null"), |row| json(&row)))
}

fn json(value: &impl Serialize) -> Bytes {
    // What is written here has text keys and finite numbers, so it cannot fail.
    serde_json::to_vec(value).map_or_else(|_| Bytes::from_static(b"null"), Bytes::from)
}
