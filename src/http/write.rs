//! `/write`: line protocol in, 204 or the reason why not. The order of the checks is part of the API.

use std::sync::Arc;
use std::time::Instant;

use fluxstone_engine::{ErrorKind, Principal, WriteError, WriteRequest};
use fluxstone_line_protocol::Precision;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};

use super::api::Api;
use super::body::{BodyError, RequestBody, Reservation};
use super::credentials::{self, Unauthorized};
use super::gzip::{self, GzipError};
use super::parameters::Parameters;
use super::reply::{Reply, ReplyStyle};
use super::server::Shared;

/// Why a write is not answered with 204.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
    #[error("database is required")]
    NoDatabase,
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Gzip(#[from] GzipError),
    #[error(transparent)]
    Engine(#[from] WriteError),
    #[error("internal error")]
    Panicked,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Refusal::Body(error) => error.status(),
            Refusal::Gzip(GzipError::TooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Gzip(GzipError::NoMemory) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::NoDatabase | Refusal::Gzip(_) => StatusCode::BAD_REQUEST,
            Refusal::Engine(error) => status_of(error.kind),
            Refusal::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The status for an error of the engine.
pub(super) fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Answers a request to `/write`.
pub(super) async fn answer<A: Api>(
    shared: &Arc<Shared<A>>,
    parts: &Parts,
    query: &Parameters,
    style: &ReplyStyle,
    body: &mut RequestBody,
) -> Reply {
    let begun = Instant::now();
    shared.counters.writes.add(1);
    let _active = shared.counters.writes_active.while_held();
    let result = write(shared, &parts.headers, query, body).await;
    shared.counters.write_ns.add_time(begun.elapsed());
    match result {
        Ok(()) => style.no_content(),
        Err(refusal) => refuse(shared, style, &refusal),
    }
}

fn refuse<A: Api>(shared: &Shared<A>, style: &ReplyStyle, refusal: &Refusal) -> Reply {
    let mut reply = match refusal {
        // The line that is quoted may be no UTF-8; its bytes go through.
        Refusal::Engine(error) => style.error(refusal.status(), &error.text),
        _ => style.error(refusal.status(), refusal.to_string().as_bytes()),
    };
    if let Refusal::Unauthorized(_) = refusal {
        reply.headers_mut().insert(header::WWW_AUTHENTICATE, shared.challenge.clone());
    }
    reply
}

async fn write<A: Api>(
    shared: &Arc<Shared<A>>,
    headers: &HeaderMap,
    query: &Parameters,
    body: &mut RequestBody,
) -> Result<(), Refusal> {
    let principal = credentials::authenticate(shared, headers, query).await?;
    if query.get("db").is_empty() {
        return Err(Refusal::NoDatabase);
    }
    shared.api.authorize_write(&principal, query.get("db"))?;

    let mut memory = shared.body_memory.reservation();
    let received = body.read(shared.body_bytes_max(), &mut memory).await?;
    let gzip = headers.get(header::CONTENT_ENCODING).is_some_and(|value: &HeaderValue| value == "gzip");
    let _turn = shared.writes.acquire().await;
    let job = WriteJob { principal, query: query.clone(), gzip, received, memory };
    let thread_shared = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || job.run(&thread_shared)).await;
    done.unwrap_or_else(|_| {
        shared.counters.panics.add(1);
        Err(Refusal::Panicked)
    })
}

/// A write that is ready for a thread that may block.
struct WriteJob {
    principal: Principal,
    query: Parameters,
    gzip: bool,
    received: Vec<u8>,
    memory: Reservation,
}

impl WriteJob {
    fn run<A: Api>(mut self, shared: &Shared<A>) -> Result<(), Refusal> {
        let body = if self.gzip {
            let packed_bytes = self.received.len();
            let mut reserve = |bytes: usize| self.memory.grow_to(packed_bytes.saturating_add(bytes));
            gzip::unpack(&self.received, shared.body_bytes_max(), &mut reserve)?
        } else {
            self.received
        };
        shared.counters.write_bytes.add(body.len() as u64);
        if shared.options.write_tracing {
            tracing::info!(target: "fluxstone::write", body = %bstr::BStr::new(&body));
        }
        shared.api.write(WriteRequest {
            principal: &self.principal,
            database: self.query.get("db"),
            policy: self.query.get("rp"),
            precision: Precision::from_parameter(self.query.get("precision")),
            consistency: self.query.get("consistency"),
            body: &body,
        })?;
        Ok(())
    }
}
