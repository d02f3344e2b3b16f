//! `/query`: takes parameters, and answers a stream of results. Every refusal precedes the first byte of the answer; after that
//! the status is 200 and errors are part of the answer. Parsing and evaluation are left to the engine.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use bytes::Bytes;
use fluxstone_compat::AnswerSemantics;
use fluxstone_engine::{Principal, QueryRefusal, QueryRequest};
use fluxstone_model::Clause;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;

use super::administration::is_administration;
use super::answer::{Answer, AnswerOptions};
use super::api::Api;
use super::bind::read_parameters;
use super::body::{BodyError, BodyLimits, RequestBody};
use super::body_memory::Reservation;
use super::brief::{BRIEF_MAX, Shape, YIELD_AFTER};
use super::context::ServerContext;
use super::credentials::authenticate;
use super::gate::{Pass, Turn};
use super::multipart::{MultipartError, read_parts};
use super::packing::Packer;
use super::parameters::{PAIRS_MAX, Parameters, to_text};
use super::refusal::Refusal;
use super::reply::{Reply, ReplyBody, ReplyStyle, close_after};
use super::slots::{QueryGates, Slots};
use super::socket::Peer;
use super::stream::{StreamBody, StreamSender, stream};
use super::units;

/// The largest form or upload, in bytes.
const QUERY_BODY_BYTES_MAX: usize = 10 << 20;

/// How often the bytes of a form are in memory: received, decoded, and as text.
pub(super) const FORM_COPIES: usize = 3;

/// Parameters in query strings of this length are not charged: the number of connections is bounded.
pub(super) const FREE_QUERY_BYTES: usize = 64 << 10;

/// The most memory that values of placeholders take for each byte of their JSON: `"ab":1,` becomes an item of a list, which may
/// have twice its length, and one of a map, each with two texts.
const PARAMS_COST: usize = 96;

/// JSON of this length is not charged: heads are as long, and the number of connections is bounded.
const FREE_PARAMS_BYTES: usize = 4 << 10;

/// Rows of a series in one piece, unless the request asks for another number.
const CHUNK_ROWS: usize = 10_000;

/// The most rows of a series in one piece: they are in memory together.
const CHUNK_ROWS_MAX: usize = 100_000;

/// How long the head of an answer waits for its first piece, so that both are sent together.
const HEAD_DELAY_MAX: Duration = Duration::from_millis(20);

/// Answers a request to `/query`.
pub(super) async fn answer<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &Parts,
    client: &Peer,
    query: Parameters,
    style: &ReplyStyle,
    body: &mut RequestBody,
) -> Reply {
    let begun = Instant::now();
    context.counters.queries.add(1);
    let result = accept(context, parts, client, query, style, body).await;
    context.counters.query_ns.add_time(begun.elapsed());
    result.unwrap_or_else(|refusal| refusal.reply(style, &context.challenge))
}

async fn accept<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &Parts,
    client: &Peer,
    query: Parameters,
    style: &ReplyStyle,
    body: &mut RequestBody,
) -> Result<Reply, Refusal> {
    let principal = authenticate(context, parts, client, &query).await?;
    let mut memory = context.body_memory.reservation();
    let query_bytes = query.bytes();
    if query_bytes > FREE_QUERY_BYTES {
        memory.grow_by(FORM_COPIES * query_bytes).await.map_err(BodyError::Memory)?;
    }
    let (parameters, upload) = read_sources(context, parts, query, body, &mut memory).await?;
    let text = parameters.text("q").trim().to_owned();
    let text = if text.is_empty() { upload.ok_or(Refusal::NoQuery)? } else { text };
    let params = parameters.get("params");
    if params.len() > FREE_PARAMS_BYTES {
        memory.grow_by(params.len().saturating_mul(PARAMS_COST)).await.map_err(BodyError::Memory)?;
    }
    let bound = read_parameters(params)?;
    let chunk_rows = chunk_rows(&parameters, context.options.semantics);
    let database = parameters.text("db");
    // The shape of placeholders is not known.
    let shape = if bound.is_empty() { context.brief.shape(&text, &database) } else { None };
    let job = QueryJob {
        context: Arc::clone(context),
        shape,
        principal,
        text,
        bound,
        database,
        read_only: parts.method == Method::GET,
        chunk_rows: chunk_rows.unwrap_or(CHUNK_ROWS),
        _memory: memory,
    };
    let mut reply = if parameters.is_true("async") {
        let pass = context.async_queries.try_pass(Turn::of(client.address, 0)).ok_or(Refusal::TooManyAsync)?;
        run_detached(job, pass).await?;
        style.no_content()
    } else {
        let options = AnswerOptions {
            csv: style.csv,
            pretty: style.pretty,
            chunked: chunk_rows.is_some(),
            chunk_rows: job.chunk_rows,
            epoch: units::epoch(&parameters.text("epoch"), context.options.semantics),
            rows_max: context.options.rows_max,
            semantics: context.options.semantics,
            csv_null_cells: context.options.csv_null_cells,
        };
        let brief = run_briefly(&job, client, options, style.gzip.is_some()).await?;
        let (body, clause) = if let Some((bytes, clause)) = brief {
            (ReplyBody::Brief(bytes), clause)
        } else {
            let (stream, clause) = run_streaming(job, client, options, style.gzip.is_some()).await?;
            (ReplyBody::Stream(stream), clause)
        };
        let mut reply = style.reply(StatusCode::OK, body);
        if let Some(clause) = clause {
            reply.extensions_mut().insert(clause);
        }
        if style.gzip.is_some() {
            reply.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        reply
    };
    if context.options.semantics.always_closes || !asks_to_keep_alive(parts) {
        close_after(&mut reply);
    }
    Ok(reply)
}

/// Whether a request says that its connection is to stay open, and does not only leave it to the version of HTTP.
fn asks_to_keep_alive(parts: &Parts) -> bool {
    let options =
        parts.headers.get_all(header::CONNECTION).into_iter().flat_map(|value| value.as_bytes().split_str(","));
    parts.version == Version::HTTP_11 && options.map(<[u8]>::trim_ascii).any(|o| o.eq_ignore_ascii_case(b"keep-alive"))
}

/// Reads all parameters, those that take precedence first, and the text of an uploaded file `q`.
async fn read_sources<A: Api>(
    context: &ServerContext<A>,
    parts: &Parts,
    query: Parameters,
    body: &mut RequestBody,
    memory: &mut Reservation,
) -> Result<(Parameters, Option<String>), Refusal> {
    let mut limits = context.body_limits();
    limits.bytes_max = limits.bytes_max.min(QUERY_BODY_BYTES_MAX);
    read_form(limits, parts, query, body, memory).await
}

/// The same with other limits on the body.
pub(super) async fn read_form(
    limits: BodyLimits,
    parts: &Parts,
    query: Parameters,
    body: &mut RequestBody,
    memory: &mut Reservation,
) -> Result<(Parameters, Option<String>), Refusal> {
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/x-www-form-urlencoded" if parts.method == Method::POST => {
            let received = body.read(limits, memory).await?;
            memory.grow_to(FORM_COPIES * received.len()).await.map_err(BodyError::Memory)?;
            if memchr::memchr_iter(b'&', &received).count() >= PAIRS_MAX {
                return Err(Refusal::TooManyPairs);
            }
            let mut parameters = Parameters::parse(&received);
            parameters.extend(query);
            Ok((parameters, None))
        }
        "multipart/form-data" => {
            let received = body.read(limits, memory).await?;
            memory.grow_to(FORM_COPIES * received.len()).await.map_err(BodyError::Memory)?;
            let mut parameters = query;
            let upload = read_multipart(content_type.as_bytes(), &received, &mut parameters)?;
            Ok((parameters, upload))
        }
        _ => Ok((query, None)),
    }
}

/// Appends the fields of a multipart body and returns the file `q`. A malformed body counts as empty.
fn read_multipart(content_type: &[u8], body: &[u8], parameters: &mut Parameters) -> Result<Option<String>, Refusal> {
    let parts = match read_parts(content_type, body, PAIRS_MAX) {
        Ok(parts) => parts,
        Err(MultipartError::Malformed) => return Ok(None),
        Err(MultipartError::TooMany) => return Err(Refusal::TooManyPairs),
    };
    let mut upload = None;
    for part in parts {
        if !part.is_file {
            parameters.push(&part.name, &part.content);
        } else if part.name == b"q" && upload.is_none() {
            upload = Some(to_text(&part.content));
        }
    }
    Ok(upload)
}

/// Returns the rows of a chunk if the answer is chunked: `chunked=true`, optionally with `chunk_size`, or `chunked=<number>`.
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

/// A query that is ready to run.
struct QueryJob<A: Api> {
    context: Arc<ServerContext<A>>,
    shape: Option<Shape>,
    principal: Principal,
    text: String,
    bound: fluxstone_influxql::Parameters,
    database: String,
    read_only: bool,
    chunk_rows: usize,
    /// For the text, as long as it is there.
    _memory: Reservation,
}

impl<A: Api> QueryJob<A> {
    fn prepare(&self) -> Result<A::Prepared, QueryRefusal> {
        self.context.api.prepare(QueryRequest {
            principal: &self.principal,
            text: &self.text,
            parameters: &self.bound,
            database: &self.database,
            read_only: self.read_only,
            chunk_rows: self.chunk_rows,
        })
    }

    /// Runs the query into a stream. Calls `begun` when the first piece of the answer is queued, so that it is sent together with
    /// the head: most answers are one piece. It gets the clause of the first error in it.
    fn stream(
        &self,
        query: A::Prepared,
        options: AnswerOptions,
        mut sender: StreamSender,
        begun: impl FnOnce(Option<Clause>),
    ) {
        let api = &self.context.api;
        let bytes = &self.context.counters.query_bytes;
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
                    begun(answer.clause());
                }
            }
            if gone { ControlFlow::Break(()) } else { next }
        });
        let clause = answer.clause();
        if !gone {
            let rest = answer.finish();
            bytes.add(rest.len() as u64);
            sender.finish(rest);
        }
        if let Some(begun) = begun {
            begun(clause);
        }
    }
}

/// Runs a query on this thread, if it is expected to take little time and need not wait for its turn. Returns its answer, or
/// nothing if it must run elsewhere.
async fn run_briefly<A: Api>(
    job: &QueryJob<A>,
    client: &Peer,
    options: AnswerOptions,
    gzip: bool,
) -> Result<Option<(Bytes, Option<Clause>)>, Refusal> {
    let context = &job.context;
    let Some(shape) = job.shape.filter(|&shape| !options.chunked && context.brief.expects(shape)) else {
        return Ok(None);
    };
    let Some(slots) = slots_at_once(context, &job.text, client) else { return Ok(None) };
    let begun = Instant::now();
    let query = job.prepare()?;
    let mut answer = Answer::new(options);
    let mut is_long = false;
    let ran = context.api.execute_briefly(query, BRIEF_MAX, &mut |piece| {
        let next = answer.add(piece);
        is_long = answer.ready().is_some();
        if is_long { ControlFlow::Break(()) } else { next }
    });
    drop(slots);
    if ran.is_err() || is_long {
        context.brief.took(shape, None);
        return Ok(None);
    }
    let clause = answer.clause();
    let bytes = answer.finish();
    context.counters.query_bytes.add(bytes.len() as u64);
    let bytes = if gzip { Packer::new(options.semantics).finish(&bytes) } else { bytes };
    let took = begun.elapsed();
    context.brief.took(shape, Some(took));
    if took > YIELD_AFTER {
        tokio::task::yield_now().await;
    }
    Ok(Some((bytes.into(), clause)))
}

/// Prepares and runs a query on a blocking thread. Returns the stream of its answer when the answer begins, or when the query
/// is accepted and takes longer than [`HEAD_DELAY_MAX`].
async fn run_streaming<A: Api>(
    job: QueryJob<A>,
    client: &Peer,
    options: AnswerOptions,
    gzip: bool,
) -> Result<(StreamBody, Option<Clause>), Refusal> {
    let context = Arc::clone(&job.context);
    let slots = tokio::select! {
        slots = slots_for(&context, &job.text, client) => slots,
        () = client.gone() => return Err(Refusal::ClientGone),
    };
    let (sender, body) = stream(gzip.then(|| Packer::new(options.semantics)), client.clone(), slots);
    let (accepted, mut acceptance) = oneshot::channel();
    let is_prepared = Arc::new(AtomicBool::new(false));
    let now_prepared = Arc::clone(&is_prepared);
    // The slots are the sender's, and end with the job.
    tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        let prepared = job.prepare();
        now_prepared.store(prepared.is_ok(), Ordering::Release);
        match prepared {
            Err(refusal) => drop(accepted.send(Err(refusal))),
            Ok(query) => {
                let shape = job.shape.filter(|_| A::only_reads(&query));
                // If nobody waits any more, the client is gone, and the stream will tell.
                job.stream(query, options, sender, |clause| drop(accepted.send(Ok(clause))));
                if let Some(shape) = shape {
                    job.context.brief.took(shape, Some(begun.elapsed()));
                }
            }
        }
    });
    loop {
        match tokio::time::timeout(HEAD_DELAY_MAX, &mut acceptance).await {
            Ok(result) => return accepted_by(&context, result).map(|clause| (body, clause)),
            // With the header for it, the head waits until it is known whether an error comes first.
            Err(_) if is_prepared.load(Ordering::Acquire) && !context.options.clause_header => return Ok((body, None)),
            Err(_) => {}
        }
    }
}

/// Runs a query for a file to download, on behalf of a principal that is known already. Statements that change something run too.
pub(super) async fn stream_file<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    principal: Principal,
    (text, database): (String, String),
    csv: bool,
    memory: Reservation,
) -> Result<ReplyBody, Refusal> {
    let options = AnswerOptions {
        csv,
        pretty: false,
        chunked: false,
        chunk_rows: CHUNK_ROWS,
        epoch: None,
        rows_max: context.options.rows_max,
        semantics: context.options.semantics,
        csv_null_cells: context.options.csv_null_cells,
    };
    let job = QueryJob {
        context: Arc::clone(context),
        shape: None,
        principal,
        text,
        bound: fluxstone_influxql::Parameters::default(),
        database,
        read_only: false,
        chunk_rows: CHUNK_ROWS,
        _memory: memory,
    };
    let (stream, _) = run_streaming(job, client, options, false).await?;
    Ok(ReplyBody::Stream(stream))
}

/// What the query needs to run, if it need not wait for it.
fn slots_at_once<A: Api>(context: &ServerContext<A>, text: &str, client: &Peer) -> Option<(Pass, Option<Pass>)> {
    let turn = Turn::of(client.address, 0);
    if is_administration(text) {
        return Some((context.administration.try_pass(turn)?, None));
    }
    Some((context.answers.try_pass(turn)?, Some(context.queries.try_pass(turn)?)))
}

/// Waits until the query may run.
pub(super) async fn slots_for<A: Api>(context: &ServerContext<A>, text: &str, client: &Peer) -> Slots {
    let turn = Turn::of(client.address, 0);
    if is_administration(text) {
        let alone = QueryGates::new(1, 1);
        return Slots { answer: context.administration.pass(turn).await, query: alone.pass(turn).await };
    }
    let answer = context.answers.pass(turn).await;
    Slots { answer, query: context.queries.pass(turn).await }
}

/// Prepares a query and lets it run on its own. Returns when it is accepted.
async fn run_detached<A: Api>(job: QueryJob<A>, pass: Pass) -> Result<(), Refusal> {
    let context = Arc::clone(&job.context);
    let (accepted, acceptance) = oneshot::channel();
    drop(pass.run(move || match job.prepare() {
        Err(refusal) => drop(accepted.send(Err(refusal))),
        Ok(query) => {
            let _ = accepted.send(Ok(None));
            let never = AtomicBool::new(false);
            job.context.api.execute(query, &never, &mut |_| ControlFlow::Continue(()));
        }
    }));
    accepted_by(&context, acceptance.await).map(|_| ())
}

fn accepted_by<A: Api>(
    context: &ServerContext<A>,
    acceptance: Result<Result<Option<Clause>, QueryRefusal>, RecvError>,
) -> Result<Option<Clause>, Refusal> {
    let Ok(result) = acceptance else {
        context.counters.panics.add(1);
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
    fn chunks_have_10_000_rows_or_as_many_as_requested() {
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
