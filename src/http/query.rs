//! `/query`: parameters in, a stream of results out. Everything that can refuse a query comes before the first byte of its
//! answer; from then on the status is 200 and errors stand inside of it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fluxstone_compat::AnswerSemantics;
use fluxstone_engine::{Principal, QueryRefusal, QueryRequest};
use http_body_util::{BodyDataStream, Full};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use tokio::sync::oneshot::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError, oneshot};

use super::answer::{Answer, AnswerOptions, Epoch};
use super::api::Api;
use super::bind::read_parameters;
use super::body::{BodyError, RequestBody};
use super::credentials::{self, Unauthorized};
use super::parameters::{Parameters, to_text};
use super::reply::{Reply, ReplyBody, ReplyStyle, close_after};
use super::server::Shared;
use super::stream::{StreamSender, stream};
use super::write::status_of;

/// Bytes of a form or an upload.
const QUERY_BODY_BYTES_MAX: usize = 10 << 20;

/// Rows of a series in a piece, unless the request asks for another number.
const CHUNK_ROWS: usize = 10_000;

/// Rows of a series in a piece at most: they are in memory together.
const CHUNK_ROWS_MAX: usize = 100_000;

/// How long the head of an answer waits for the first piece of it, so that both leave together.
const HEAD_DELAY_MAX: Duration = Duration::from_millis(20);

/// Why a query is refused before anything of it runs.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("missing required parameter \"q\"")]
    NoQuery,
    #[error("{0}")]
    Parameters(String),
    #[error(transparent)]
    Engine(#[from] QueryRefusal),
    #[error("too many asynchronous queries")]
    TooManyAsync,
    #[error("internal error")]
    Panicked,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Refusal::Body(error) => error.status(),
            Refusal::NoQuery | Refusal::Parameters(_) => StatusCode::BAD_REQUEST,
            Refusal::Engine(refusal) => status_of(refusal.kind),
            Refusal::TooManyAsync => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Answers a request to `/query`.
pub(super) async fn answer<A: Api>(
    shared: &Arc<Shared<A>>,
    parts: &Parts,
    query: Parameters,
    style: &ReplyStyle,
    body: &mut RequestBody,
) -> Reply {
    let begun = Instant::now();
    shared.counters.queries.add(1);
    let result = accept(shared, parts, query, style, body).await;
    shared.counters.query_ns.add_time(begun.elapsed());
    result.unwrap_or_else(|refusal| {
        let mut reply = style.error(refusal.status(), refusal.to_string().as_bytes());
        if let Refusal::Unauthorized(_) = refusal {
            reply.headers_mut().insert(header::WWW_AUTHENTICATE, shared.challenge.clone());
        }
        reply
    })
}

async fn accept<A: Api>(
    shared: &Arc<Shared<A>>,
    parts: &Parts,
    query: Parameters,
    style: &ReplyStyle,
    body: &mut RequestBody,
) -> Result<Reply, Refusal> {
    let principal = credentials::authenticate(shared, &parts.headers, &query).await?;
    let (parameters, upload) = read_sources(shared, parts, query, body).await?;
    let text = parameters.text("q").trim().to_owned();
    let text = if text.is_empty() { upload.ok_or(Refusal::NoQuery)? } else { text };
    let bound = read_parameters(parameters.get("params")).map_err(Refusal::Parameters)?;
    let chunk_rows = chunk_rows(&parameters, shared.options.semantics);
    let job = QueryJob {
        shared: Arc::clone(shared),
        principal,
        text,
        bound,
        database: parameters.text("db"),
        read_only: parts.method == Method::GET,
        chunk_rows: chunk_rows.unwrap_or(CHUNK_ROWS),
    };
    let mut reply = if parameters.is_true("async") {
        let turn = Arc::clone(&shared.async_queries).try_acquire_owned();
        let turn = turn.map_err(|_: TryAcquireError| Refusal::TooManyAsync)?;
        run_apart(job, turn).await?;
        style.no_content()
    } else {
        let options = AnswerOptions {
            csv: style.csv,
            pretty: style.pretty,
            chunked: chunk_rows.is_some(),
            epoch: Epoch::from_parameter(&parameters.text("epoch"), shared.options.semantics),
            rows_max: shared.options.rows_max,
            semantics: shared.options.semantics,
            csv_null_cells: shared.options.csv_null_cells,
        };
        let body = run_streaming(job, options, style.gzip).await?;
        let mut reply = style.reply(StatusCode::OK, ReplyBody::Stream(body));
        if style.gzip {
            reply.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        reply
    };
    close_after(&mut reply);
    Ok(reply)
}

/// All parameters, those that count first in front, and the text of an uploaded file `q`.
async fn read_sources<A: Api>(
    shared: &Shared<A>,
    parts: &Parts,
    query: Parameters,
    body: &mut RequestBody,
) -> Result<(Parameters, Option<String>), Refusal> {
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let bytes_max = shared.body_bytes_max().min(QUERY_BODY_BYTES_MAX);
    let mut memory = shared.body_memory.reservation();
    match kind.as_str() {
        "application/x-www-form-urlencoded" if parts.method == Method::POST => {
            let mut parameters = Parameters::parse(&body.read(bytes_max, &mut memory).await?);
            parameters.extend(query);
            Ok((parameters, None))
        }
        "multipart/form-data" => {
            let received = body.read(bytes_max, &mut memory).await?;
            let mut parameters = query;
            let upload = read_multipart(content_type, received, &mut parameters).await;
            Ok((parameters, upload))
        }
        _ => Ok((query, None)),
    }
}

/// Appends the fields of a multipart body and returns the file `q`. What can't be read counts as not there.
async fn read_multipart(content_type: &str, body: Vec<u8>, parameters: &mut Parameters) -> Option<String> {
    let boundary = multer::parse_boundary(content_type).ok()?;
    let mut multipart = multer::Multipart::new(BodyDataStream::new(Full::new(Bytes::from(body))), boundary);
    let mut fields = Parameters::default();
    let mut upload = None;
    loop {
        let field = match multipart.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => break,
            Err(_) => return None,
        };
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = field.file_name().is_some();
        let Ok(content) = field.bytes().await else { return None };
        if !is_file {
            fields.push(name.as_bytes(), &content);
        } else if name == "q" && upload.is_none() {
            upload = Some(to_text(&content));
        }
    }
    parameters.extend(fields);
    upload
}

/// Rows in a chunk, if the answer is to be chunked: `chunked=true`, perhaps with `chunk_size`, or `chunked=<number>`.
fn chunk_rows(parameters: &Parameters, semantics: AnswerSemantics) -> Option<usize> {
    let number =
        |name| parameters.text(name).parse::<i64>().ok().and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
    let rows = if parameters.is_true("chunked") {
        Some(number("chunk_size").unwrap_or(CHUNK_ROWS))
    } else {
        number("chunked").filter(|_| !semantics.chunked_number)
    };
    rows.map(|rows| rows.min(CHUNK_ROWS_MAX))
}

/// A query that is ready for a thread that may block.
struct QueryJob<A: Api> {
    shared: Arc<Shared<A>>,
    principal: Principal,
    text: String,
    bound: fluxstone_influxql::Parameters,
    database: String,
    read_only: bool,
    chunk_rows: usize,
}

impl<A: Api> QueryJob<A> {
    fn prepare(&self) -> Result<A::Prepared, QueryRefusal> {
        self.shared.api.prepare(QueryRequest {
            principal: &self.principal,
            text: &self.text,
            parameters: &self.bound,
            database: &self.database,
            read_only: self.read_only,
            chunk_rows: self.chunk_rows,
        })
    }

    /// Runs the query into a stream. Calls `begun` when the first piece of the answer is there, so that head and piece leave
    /// together: most answers are one piece.
    fn stream(&self, query: A::Prepared, options: AnswerOptions, mut sender: StreamSender, begun: impl FnOnce()) {
        let api = &self.shared.api;
        let bytes = &self.shared.counters.query_bytes;
        let mut answer = Answer::new(options);
        let cancelled = sender.cancelled();
        let mut gone = false;
        let mut begun = Some(begun);
        api.execute(query, cancelled.get(), &mut |piece| {
            let next = answer.add(piece);
            if let Some(ready) = answer.ready() {
                bytes.add(ready.len() as u64);
                gone = sender.send(ready).is_break();
                if let Some(begun) = begun.take() {
                    begun();
                }
            }
            if gone { ControlFlow::Break(()) } else { next }
        });
        if !gone {
            let rest = answer.finish();
            bytes.add(rest.len() as u64);
            sender.finish(rest);
        }
        if let Some(begun) = begun {
            begun();
        }
    }
}

/// Prepares and runs a query on a thread of its own. Returns when its answer begins, or may be long in
/// coming, with what it is read from.
async fn run_streaming<A: Api>(
    job: QueryJob<A>,
    options: AnswerOptions,
    gzip: bool,
) -> Result<super::stream::StreamBody, Refusal> {
    let shared = Arc::clone(&job.shared);
    // Closed never: only dropped with the server.
    let turn = Arc::clone(&shared.queries).acquire_owned().await.ok();
    let (sender, body) = stream(gzip);
    let (accepted, mut acceptance) = oneshot::channel();
    let is_prepared = Arc::new(AtomicBool::new(false));
    let now_prepared = Arc::clone(&is_prepared);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let prepared = job.prepare();
        now_prepared.store(prepared.is_ok(), Ordering::Release);
        match prepared {
            Err(refusal) => drop(accepted.send(Err(refusal))),
            // If nobody waits any more, the client is gone, and the stream knows it.
            Ok(query) => job.stream(query, options, sender, || drop(accepted.send(Ok(())))),
        }
    });
    loop {
        match tokio::time::timeout(HEAD_DELAY_MAX, &mut acceptance).await {
            Ok(result) => return accepted_by(&shared, result).map(|()| body),
            Err(_) if is_prepared.load(Ordering::Acquire) => return Ok(body),
            Err(_) => {}
        }
    }
}

/// Prepares a query and leaves it to run. Returns when it is accepted.
async fn run_apart<A: Api>(job: QueryJob<A>, turn: OwnedSemaphorePermit) -> Result<(), Refusal> {
    let shared = Arc::clone(&job.shared);
    let (accepted, acceptance) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        match job.prepare() {
            Err(refusal) => drop(accepted.send(Err(refusal))),
            Ok(query) => {
                let _ = accepted.send(Ok(()));
                let never = AtomicBool::new(false);
                job.shared.api.execute(query, &never, &mut |_| ControlFlow::Continue(()));
            }
        }
    });
    accepted_by(&shared, acceptance.await)
}

fn accepted_by<A: Api>(
    shared: &Shared<A>,
    acceptance: Result<Result<(), QueryRefusal>, RecvError>,
) -> Result<(), Refusal> {
    let Ok(result) = acceptance else {
        shared.counters.panics.add(1);
        return Err(Refusal::Panicked);
    };
    Ok(result?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluxstone_compat::Profile;

    fn check(parameters: &str, documented: Option<usize>, observed: Option<usize>) {
        let parameters = Parameters::parse(parameters.as_bytes());
        for (profile, want) in [(Profile::Documented, documented), (Profile::Observed, observed)] {
            assert_eq!(chunk_rows(&parameters, AnswerSemantics::from(profile)), want, "{parameters:?}");
        }
    }

    // spec: http.chunked.1, http.chunked.2, compat.query.chunked-number.1
    #[test]
    fn chunks_have_10_000_rows_or_as_many_as_asked_for() {
        check("", None, None);
        check("chunk_size=5", None, None);
        check("chunked=true", Some(10_000), Some(10_000));
        check("chunked=true&chunk_size=5", Some(5), Some(5));
        for bad in ["0", "-5", "x", "", "1.5"] {
            check(&format!("chunked=true&chunk_size={bad}"), Some(10_000), Some(10_000));
            check(&format!("chunked={bad}"), None, None);
        }
        check("chunked=TRUE", None, None);
        check("chunked=20", Some(20), None);
        check("chunked=1000000000", Some(CHUNK_ROWS_MAX), None);
    }
}
