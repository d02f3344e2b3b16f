//! Routing: paths, verbs, the headers of every answer, and the access log. Whatever happens, a request gets an answer; what
//! it says is left to the endpoints.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bstr::ByteSlice;
use fluxstone_model::Clause;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, Version};

use super::access_log::Entry;
use super::api::Api;
use super::body::RequestBody;
use super::context::ServerContext;
use super::control::{self, Action, ControlEndpoint, spoil, stand_in};
use super::explorer::ExplorerPath;
use super::head::HeadError;
use super::options::HttpOptions;
use super::parameters::{PAIRS_MAX, Parameters};
use super::refusal::Refusal;
use super::reply::{Reply, ReplyBody, ReplyStyle, Watched, close_after, html, refused};
use super::requests::{Announced, Cuts, Heads};
use super::socket::Peer;
use super::{explorer, metrics, query, readiness, variables, write};

/// The version of InfluxDB whose API is served.
const INFLUXDB_VERSION: HeaderValue = HeaderValue::from_static("1.2.4");

/// The beginning of the paths that control the server. They meet no faults.
const CONTROL_PATH: &[u8] = b"/fluxstone/";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Ping,
    Status,
    Query,
    Write,
    Variables,
    Metrics,
    Ready,
    /// What there is in place of Go's profiles.
    Profiles,
    UnknownProfile,
    /// Pages for people.
    Explorer(ExplorerPath),
    /// Only if the server may be controlled.
    Control(ControlEndpoint),
}

/// Says how to profile this server.
const PROFILES_PAGE: &str = "<!DOCTYPE html>\n<title>Profiles</title>\n<p>This server is not written in Go and serves no profiles. \
On Linux, <code>perf record -g -p PID</code> shows where its time goes; counts are at <a href=\"/debug/vars\">/debug/vars</a>.</p>\n";

impl Endpoint {
    /// Paths are compared in their raw form, with escapes.
    fn at(path: &[u8], options: &HttpOptions) -> Option<Endpoint> {
        let has_profiles = options.has_profiles;
        match path {
            b"/fluxstone/ready" => Some(Endpoint::Ready),
            b"/fluxstone/metrics" => Some(Endpoint::Metrics),
            b"/metrics" if options.has_metrics => Some(Endpoint::Metrics),
            b"/ping" => Some(Endpoint::Ping),
            b"/status" => Some(Endpoint::Status),
            b"/query" => Some(Endpoint::Query),
            b"/write" => Some(Endpoint::Write),
            b"/debug/pprof" | b"/debug/pprof/" if has_profiles => Some(Endpoint::Profiles),
            _ if path.starts_with(b"/debug/pprof/") && has_profiles => Some(Endpoint::UnknownProfile),
            _ if path.starts_with(b"/debug/vars") => Some(Endpoint::Variables),
            _ => None,
        }
    }

    /// The verbs that are allowed, as the `Allow` header lists them. Empty allows all.
    fn allowed(self) -> &'static str {
        match self {
            Endpoint::Ping | Endpoint::Status | Endpoint::Metrics | Endpoint::Ready => "GET, HEAD",
            Endpoint::Query => "GET, OPTIONS, POST",
            Endpoint::Write => "OPTIONS, POST",
            Endpoint::Variables | Endpoint::Profiles | Endpoint::UnknownProfile => "",
            Endpoint::Explorer(path) => path.allowed(),
            Endpoint::Control(endpoint) => endpoint.allowed(),
        }
    }
}

/// The endpoint as metrics name it.
fn shown_endpoint(announced: &Announced, options: &HttpOptions) -> &'static str {
    match announced.target.as_ref().ok().and_then(|target| Endpoint::at(target.path(), options)) {
        Some(Endpoint::Ping) => "ping",
        Some(Endpoint::Status) => "status",
        Some(Endpoint::Query) => "query",
        Some(Endpoint::Write) => "write",
        Some(Endpoint::Metrics) => "metrics",
        Some(Endpoint::Ready) => "ready",
        Some(Endpoint::Variables | Endpoint::Profiles | Endpoint::UnknownProfile) => "debug",
        Some(Endpoint::Control(_) | Endpoint::Explorer(_)) | None => "other",
    }
}

/// Answers a request, even if its endpoint panics. Its target is among `heads`.
pub(super) fn answer<A: Api>(
    context: Arc<ServerContext<A>>,
    client: Peer,
    heads: &Heads,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Reply, Infallible>> + use<A> {
    // At once: the targets are in the order of the requests.
    let announced = heads.take(request.uri().path());
    answer_announced(context, client, announced, heads.cuts.clone(), request)
}

async fn answer_announced<A: Api>(
    context: Arc<ServerContext<A>>,
    client: Peer,
    announced: Announced,
    cuts: Cuts,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    let begun = Instant::now();
    context.counters.requests.add(1);
    let active = context.counters.requests_active.while_held();
    let (mut parts, incoming) = request.into_parts();
    let mut body = RequestBody::new(incoming, &parts.headers);
    let endpoint = shown_endpoint(&announced, &context.options);
    let entry = context.options.log_requests.then(|| {
        Entry::new(&parts, &client, &announced, context.options.semantics, context.options.access_log.clone())
    });

    let routed = without_panic(route_or_spoil(&context, &mut parts, announced, &client, &mut body, &cuts)).await;
    let mut reply = routed.unwrap_or_else(|| {
        context.counters.panics.add(1);
        tracing::error!(method = %parts.method, "a request panicked");
        Refusal::Panicked.reply(&ReplyStyle::default(), &context.challenge)
    });
    if !body.drain().await {
        close_after(&mut reply);
    }
    let clause = reply.extensions().get::<Clause>().filter(|_| context.options.clause_header).copied();
    let headers = reply.headers_mut();
    headers.insert(HeaderName::from_static("x-influxdb-version"), INFLUXDB_VERSION);
    if let Some(clause) = clause {
        headers.insert(HeaderName::from_static("fluxstone-clause"), HeaderValue::from_static(clause.id()));
    }
    if context.options.build_header {
        headers.insert(HeaderName::from_static("x-influxdb-build"), HeaderValue::from_static("OSS"));
    }
    if let Some(date) = context.date() {
        headers.insert(header::DATE, date);
    }
    let id = context.request_id();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("request-id"), id);
    }
    count(&context, reply.status());
    context.counters.request_ns.add_time(begun.elapsed());
    drop(active);
    let status = reply.status();
    Ok(reply.map(|body| {
        let report = move |bytes| {
            context.counters.by_endpoint.count(endpoint, status, begun.elapsed());
            if let Some(entry) = entry {
                entry.write(status, bytes, &id);
            }
        };
        ReplyBody::Watched(Box::new(Watched::new(body, report)))
    }))
}

/// Routes a request, or does to it what a script says.
async fn route_or_spoil<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &mut Parts,
    announced: Announced,
    client: &Peer,
    body: &mut RequestBody,
    cuts: &Cuts,
) -> Reply {
    let target = announced.target.as_ref().ok().filter(|target| !target.path().starts_with(CONTROL_PATH));
    let fault = match (&context.control, target) {
        (Some(control), Some(target)) => control.receive(parts, target, body, context.body_limits()).await,
        _ => None,
    };
    let Some(fault) = fault else { return route(context, parts, announced, client, body).await };
    if let Some(delay) = fault.delay {
        tokio::time::sleep(delay.0).await;
    }
    let action = fault.action.as_ref();
    if let Some(Action::StorePart(part)) = action {
        parts.extensions.insert(*part);
    }
    let reply = match stand_in(action) {
        Some(reply) => reply,
        None => route(context, parts, announced, client, body).await,
    };
    spoil(reply, action, cuts).await
}

async fn route<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &Parts,
    announced: Announced,
    client: &Peer,
    body: &mut RequestBody,
) -> Reply {
    let checked = announced.target.as_ref().map_err(Clone::clone).and_then(|target| {
        check_headers(parts)?;
        Ok(target)
    });
    let target = match checked {
        Ok(target) => target,
        Err(error) => {
            let mut reply = Refusal::Head(error).reply(&ReplyStyle::default(), &context.challenge);
            close_after(&mut reply);
            return reply;
        }
    };
    let control = context.control.as_ref();
    let control_endpoint = control.and_then(|_| ControlEndpoint::at(target.path())).map(Endpoint::Control);
    let explorer_path = || {
        let path = context.options.has_explorer.then(|| ExplorerPath::at(target.path(), &parts.method, &parts.headers));
        path.flatten().map(Endpoint::Explorer)
    };
    let endpoint = control_endpoint.or_else(|| Endpoint::at(target.path(), &context.options)).or_else(explorer_path);
    let Some(endpoint) = endpoint else {
        return match target.path() {
            b"*" if parts.method == Method::OPTIONS => ReplyStyle::default().options(),
            _ => not_found(),
        };
    };
    let allowed = endpoint.allowed();
    if !allowed.is_empty() && !allowed.split(", ").any(|verb| verb == parts.method.as_str()) {
        let clause = match endpoint {
            Endpoint::Control(_) => Clause::new("control.access.2"),
            Endpoint::Explorer(_) => Clause::new("explorer.paths.2"),
            _ => Clause::new("http.verbs.1"),
        };
        let mut reply = refused(StatusCode::METHOD_NOT_ALLOWED, clause, "Method Not Allowed\n");
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        return reply;
    }
    if memchr::memchr_iter(b'&', target.query()).count() >= PAIRS_MAX {
        return Refusal::TooManyParameters.reply(&ReplyStyle::default(), &context.challenge);
    }
    let query = Parameters::parse(target.query());
    // The target may be large, and has done its duty.
    drop(announced);
    let style = ReplyStyle::of(&parts.headers, &query, context.options.semantics);
    match endpoint {
        Endpoint::Profiles => html(PROFILES_PAGE),
        Endpoint::Metrics => metrics::answer(context, parts, client, &query, &style).await,
        Endpoint::Ready => readiness::answer(context),
        Endpoint::UnknownProfile => unknown_profile(),
        _ if parts.method == Method::OPTIONS && endpoint != Endpoint::Variables => style.options(),
        Endpoint::Ping => {
            context.counters.pings.add(1);
            style.no_content()
        }
        Endpoint::Status => {
            context.counters.statuses.add(1);
            style.no_content()
        }
        Endpoint::Query => query::answer(context, parts, client, query, &style, body).await,
        Endpoint::Write => write::answer(context, parts, client, &query, &style, body).await,
        Endpoint::Variables => variables::answer(context),
        Endpoint::Explorer(page) => explorer::answer(context, page, parts, client, query, body).await,
        Endpoint::Control(endpoint) => match control {
            Some(control) => control::answer(context, control, endpoint, parts, client, &query, body)
                .await
                .unwrap_or_else(|error| Refusal::from(error).reply(&style, &context.challenge)),
            None => not_found(),
        },
    }
}

fn not_found() -> Reply {
    refused(StatusCode::NOT_FOUND, Clause::new("http.paths.2"), "404 page not found\n")
}

/// What Go's tools for profiles understand.
fn unknown_profile() -> Reply {
    let mut reply = refused(StatusCode::NOT_FOUND, Clause::new("http.profiles.1"), "Unknown profile\n");
    reply.headers_mut().insert("X-Go-Pprof", HeaderValue::from_static("1"));
    reply
}

/// Checks the headers that every request must have, or that every request may have.
fn check_headers(parts: &Parts) -> Result<(), HeadError> {
    match parts.headers.get_all(header::HOST).iter().count() {
        0 if parts.version == Version::HTTP_11 => return Err(HeadError::NoHost),
        0 | 1 => {}
        _ => return Err(HeadError::ManyHosts),
    }
    let mut expected =
        parts.headers.get_all(header::EXPECT).into_iter().flat_map(|value| value.as_bytes().split_str(","));
    let is_known = |expected: &[u8]| matches!(expected.trim_ascii(), b"") || is_continue(expected);
    if expected.all(is_known) { Ok(()) } else { Err(HeadError::Expectation) }
}

fn is_continue(expected: &[u8]) -> bool {
    expected.trim_ascii().eq_ignore_ascii_case(b"100-continue")
}

fn count<A: Api>(context: &ServerContext<A>, status: StatusCode) {
    if status.is_client_error() {
        context.counters.client_errors.add(1);
    }
    if status.is_server_error() {
        context.counters.server_errors.add(1);
    }
    if status == StatusCode::UNAUTHORIZED {
        context.counters.unauthorized.add(1);
    }
}

/// Returns the output of `future`, or `None` if it panics.
async fn without_panic<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(move |cx| {
        // A future that panicked is not polled again, so nobody sees its broken state.
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}
