//! `Idempotency-Key`: a POST that is sent again, because its answer got lost, is done once and answered alike.
//!
//! The first answer is kept in memory, by who asked and the key, for a day at most, and less if there are many. After a restart
//! a repeated request is done again; an apply of the same resources then changes nothing.
//!
//! What was begun goes on without whoever asked for it: a write is done whether its client waits or not, and the next one that
//! comes with the key must be told what came of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tracing::{Instrument, Span};

use crate::api::ApiContext;
use crate::api::problem::{Kind, Problem};
use crate::model::access::Caller;

/// What takes a key. Whatever else is posted changes nothing, or must not be answered twice.
const TAKES_KEYS: [&str; 2] = ["/api/v1/apply", "/api/v1/tokens"];
const HEADER: &str = "idempotency-key";
/// A UUID is 36 characters.
const MAX_KEY_CHARACTERS: usize = 255;
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// So many answers are kept.
const MAX_ANSWERS: usize = 256;
/// The longest answer that is kept; the apply of ten thousand resources is answered with about a megabyte.
const MAX_ANSWER_BYTES: usize = 2 << 20;

/// The answers that are kept, the oldest first.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<VecDeque<Entry>>>);

struct Entry {
    who: String,
    key: String,
    /// Of what was asked: SHA-256 of path, query and body.
    asked: [u8; 32],
    at: Instant,
    answer: Place,
}

/// Where an answer is, once there is one. Held by whoever is at work on it.
type Place = Arc<Turn<Option<Answer>>>;

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Answers a request that was answered before as it was then. Runs behind the guard, which knows who asks.
pub(crate) async fn once(State(context): State<ApiContext>, request: Request, next: Next) -> Response {
    let takes_keys = request
        .extensions()
        .get::<MatchedPath>()
        .is_some_and(|path| request.method() == Method::POST && TAKES_KEYS.contains(&path.as_str()));
    if !takes_keys || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    answered(&context, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answered(context: &ApiContext, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let key = key(&parts.headers)?;
    let limit = context.limits.apply_bytes;
    let body = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(Problem::new(Kind::TooLarge, format!("at most {limit} bytes are taken here")));
        }
        Err(_) => return Err(Problem::new(Kind::Malformed, "the body ended early")),
    };
    // Of two at once, the second waits for the first.
    let place = context.answers.of(&who(&parts), &key, asked(&parts, &body))?.lock_owned().await;
    if let Some(answer) = place.as_ref() {
        return Ok(answer.clone().into_response());
    }
    let request = Request::from_parts(parts, Body::from(body));
    let work = tokio::spawn(first(place, request, next).instrument(Span::current()));
    work.await.or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Err(Problem::new(Kind::Unavailable, "stopping: the server is about to end")),
    })
}

/// Does it, and keeps the answer. A failure of the server is not kept: it may be over.
async fn first(mut place: OwnedMutexGuard<Option<Answer>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.status().is_server_error() {
        return response;
    }
    let (status, headers) = (response.status(), kept(response.headers()));
    match Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await {
        Ok(body) => place.insert(Answer { status, headers, body: body.to_bytes() }).clone().into_response(),
        Err(_) => Problem::new(Kind::Internal, "done, but the answer is too long to be kept").into_response(),
    }
}

impl Answers {
    /// Where the answer is, or will be.
    fn of(&self, who: &str, key: &str, asked: [u8; 32]) -> Result<Place, Problem> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while entries.front().is_some_and(|entry| entry.at.elapsed() >= KEPT) {
            entries.pop_front();
        }
        if let Some(entry) = entries.iter().find(|entry| entry.who == who && entry.key == key) {
            if entry.asked == asked {
                return Ok(Arc::clone(&entry.answer));
            }
            let words = format!("{HEADER} was used before, for something else: give another");
            return Err(Problem::new(Kind::Invalid, words));
        }
        if entries.len() >= MAX_ANSWERS {
            entries.pop_front();
        }
        let answer = Place::default();
        let (who, key) = (who.to_owned(), key.to_owned());
        entries.push_back(Entry { who, key, asked, at: Instant::now(), answer: Arc::clone(&answer) });
        Ok(answer)
    }
}

/// What an answer says of its body: a token that was just made is not for caches the second time either.
fn kept(headers: &HeaderMap) -> HeaderMap {
    let names = [header::CONTENT_TYPE, header::CACHE_CONTROL];
    names.into_iter().filter_map(|name| Some((name.clone(), headers.get(&name)?.clone()))).collect()
}

fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let mut given = headers.get_all(HEADER).iter();
    match (given.next().and_then(|key| key.to_str().ok()), given.next()) {
        (Some(key), None) if (1..=MAX_KEY_CHARACTERS).contains(&key.len()) => Ok(key.to_owned()),
        _ => {
            let words = format!("{HEADER} is not 1 to {MAX_KEY_CHARACTERS} visible characters, given once");
            Err(Problem::new(Kind::Malformed, words))
        }
    }
}

/// Keys of one caller mean nothing for another, not even for one of the same name.
fn who(parts: &Parts) -> String {
    parts.extensions.get::<Caller>().map(|caller| caller.identity.clone()).unwrap_or_default()
}

fn asked(parts: &Parts, body: &Bytes) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let kind = parts.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    for part in [parts.uri.path().as_bytes(), parts.uri.query().unwrap_or_default().as_bytes(), kind, body] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        *response.headers_mut() = self.headers;
        response
    }
}
