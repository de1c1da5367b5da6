//! Sampled pairs, word for word, as far as the shadow lets them be kept.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Serialize;
use serde_json::{Map, Value};
use umbra_compare::outcome::Outcome;
use umbra_resource::Kind as ResourceKind;

use crate::api::ApiContext;
use crate::api::problem::{Kind, Problem};
use crate::api::query::PairsQuery;
use crate::api::schema::pairs::PairPageDocument;
use crate::store::error::StoreError;
use crate::store::pairs::{KeptPair, PairQuery};
use crate::store::telemetry::Telemetry;

/// A screenful, of rows that may hold three bodies each.
const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;
/// A page that has so much is full: in memory it takes several times as much until it is sent.
const PAGE_BYTES: usize = 4 << 20;
/// Rows that are read at once.
const AT_ONCE: u32 = 4;

/// What an answered pair can be.
const OF_ANSWERED: [&str; 3] = ["match", "noise", "different"];

/// A page of pairs, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct PairPage {
    items: Vec<Map<String, Value>>,
    /// `before` of the next page; null if this is the last.
    next: Option<u64>,
}

/// Sampled pairs of a shadow, newest first
#[utoipa::path(get, path = "/api/v1/shadows/{name}/pairs", tag = "evidence", params(
    ("name" = String, Path), PairsQuery,
), responses(
    (status = 200, description = "A page: of each pair both answers and the difference", body = PairPageDocument),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such shadow", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_pairs(
    State(context): State<ApiContext>,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<PairsQuery>, QueryRejection>,
) -> Result<Json<PairPage>, Problem> {
    let (Path(name), Query(query)) = (name?, query?);
    if context.store.state().get(ResourceKind::Shadow, &name).is_none() {
        return Err(Problem::new(Kind::NotFound, format!("there is no Shadow/{name}")));
    }
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::new(Kind::Malformed, format!("limit is {limit}: give 1 to {MAX_LIMIT}")));
    }
    let wanted = PairQuery {
        outcomes: query.outcome.map(outcomes).transpose()?.unwrap_or_default(),
        endpoint: query.endpoint,
        field: query.field,
        pair: query.pair,
        before: query.before,
        limit: AT_ONCE,
    };
    let _turn = context.turns.take().await;
    let (pairs, more) = page(&context.store.telemetry(), &name, wanted, limit as usize).await?;
    let next = pairs.last().map(|pair| pair.id).filter(|_| more);
    let items = pairs.into_iter().map(item).collect::<Result<_, _>>()?;
    Ok(Json(PairPage { items, next }))
}

/// At most `limit` pairs, one at least, and whether there are more.
async fn page(
    telemetry: &Telemetry,
    shadow: &str,
    mut wanted: PairQuery,
    limit: usize,
) -> Result<(Vec<KeptPair>, bool), StoreError> {
    let (mut page, mut bytes) = (Vec::new(), 0_usize);
    loop {
        let some = telemetry.pairs(shadow, &wanted).await?;
        let are_all = some.len() < AT_ONCE as usize;
        for pair in some {
            bytes = bytes.saturating_add(pair.document.len());
            if page.len() == limit || (bytes > PAGE_BYTES && !page.is_empty()) {
                return Ok((page, true));
            }
            page.push(pair);
        }
        if are_all {
            return Ok((page, false));
        }
        wanted.before = page.last().map(|pair| pair.id);
    }
}

fn outcomes(outcome: String) -> Result<Vec<String>, Problem> {
    if outcome == Outcome::Answered.name() {
        return Ok(OF_ANSWERED.map(str::to_owned).to_vec());
    }
    if OF_ANSWERED.contains(&outcome.as_str()) || Outcome::from_name(&outcome).is_some() {
        return Ok(vec![outcome]);
    }
    let names: Vec<&str> = OF_ANSWERED.into_iter().chain(Outcome::ALL.map(Outcome::name)).collect();
    Err(Problem::new(Kind::Malformed, format!("there is no such outcome: give one of {}", names.join(", "))))
}

fn item(pair: KeptPair) -> Result<Map<String, Value>, Problem> {
    let unreadable = |error| Problem::new(Kind::Unavailable, format!("a pair cannot be read: {error}"));
    let mut item: Map<String, Value> = serde_json::from_str(&pair.document).map_err(unreadable)?;
    item.insert("id".to_owned(), pair.id.into());
    Ok(item)
}
