//! Routing: paths, verbs, the headers of every answer, and the access log. Whatever happens, a request gets an answer; what
//! it says is left to the endpoints.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, Version};

use super::api::Api;
use super::body::RequestBody;
use super::context::ServerContext;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::reply::{Reply, ReplyBody, ReplyStyle, close_after, plain};
use super::socket::Peer;
use super::{query, write};

/// The version of InfluxDB whose API is served.
const INFLUXDB_VERSION: HeaderValue = HeaderValue::from_static("1.2.4");

/// The largest head of a request, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 128 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Ping,
    Status,
    Query,
    Write,
    Variables,
}

impl Endpoint {
    /// Paths are compared in their raw form, with escapes.
    fn at(path: &str) -> Option<Endpoint> {
        match path {
            "/ping" => Some(Endpoint::Ping),
            "/status" => Some(Endpoint::Status),
            "/query" => Some(Endpoint::Query),
            "/write" => Some(Endpoint::Write),
            _ if path.starts_with("/debug/vars") => Some(Endpoint::Variables),
            _ => None,
        }
    }

    /// The verbs that are allowed, as the `Allow` header lists them. Empty allows all.
    fn allowed(self) -> &'static str {
        match self {
            Endpoint::Ping | Endpoint::Status => "GET, HEAD",
            Endpoint::Query => "GET, OPTIONS, POST",
            Endpoint::Write => "OPTIONS, POST",
            Endpoint::Variables => "",
        }
    }
}

/// Answers a request, even if its endpoint panics.
pub(super) async fn answer<A: Api>(
    context: Arc<ServerContext<A>>,
    client: Peer,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    let begun = Instant::now();
    context.counters.requests.add(1);
    let active = context.counters.requests_active.while_held();
    let (parts, incoming) = request.into_parts();
    let mut body = RequestBody::new(incoming, &parts.headers);

    let routed = without_panic(route(&context, &parts, &client, &mut body)).await;
    let mut reply = routed.unwrap_or_else(|| {
        context.counters.panics.add(1);
        tracing::error!(method = %parts.method, path = %parts.uri.path().escape_debug(), "a request panicked");
        Refusal::Panicked.reply(&ReplyStyle::default(), &context.challenge)
    });
    if !body.drain().await {
        close_after(&mut reply);
    }
    let headers = reply.headers_mut();
    headers.insert(HeaderName::from_static("x-influxdb-version"), INFLUXDB_VERSION);
    if let Ok(id) = HeaderValue::from_str(&context.request_id()) {
        headers.insert(HeaderName::from_static("request-id"), id);
    }
    count(&context, reply.status());
    context.counters.request_ns.add_time(begun.elapsed());
    drop(active);
    if context.options.log_requests {
        // With escapes, so that a path cannot pretend to be another line of the log.
        let (method, path, status) = (&parts.method, parts.uri.path().escape_debug(), reply.status().as_u16());
        // The query string is not logged: it may hold a password.
        tracing::info!(target: "fluxstone::access", %method, %path, status, took = ?begun.elapsed());
    }
    Ok(reply)
}

async fn route<A: Api>(context: &Arc<ServerContext<A>>, parts: &Parts, client: &Peer, body: &mut RequestBody) -> Reply {
    if head_bytes(parts) > HEAD_BYTES_MAX {
        let mut reply = plain(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "431 Request Header Fields Too Large");
        close_after(&mut reply);
        return reply;
    }
    let wrong_host = match parts.headers.get_all(header::HOST).iter().count() {
        0 if parts.version == Version::HTTP_11 => Some("400 Bad Request: missing required Host header"),
        0 | 1 => None,
        _ => Some("400 Bad Request: too many Host headers"),
    };
    if let Some(text) = wrong_host {
        let mut reply = plain(StatusCode::BAD_REQUEST, text);
        close_after(&mut reply);
        return reply;
    }
    let Some(endpoint) = Endpoint::at(parts.uri.path()) else {
        return plain(StatusCode::NOT_FOUND, "404 page not found\n");
    };
    let allowed = endpoint.allowed();
    if !allowed.is_empty() && !allowed.split(", ").any(|verb| verb == parts.method.as_str()) {
        let mut reply = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        return reply;
    }
    let query = Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let style = ReplyStyle::of(&parts.headers, &query);
    match endpoint {
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
        Endpoint::Variables => variables(context),
    }
}

/// The size of a head. hyper refuses most heads that are too large, but not one whose last part arrives with a lot before it.
fn head_bytes(parts: &Parts) -> usize {
    let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    headers.sum::<usize>() + parts.uri.path_and_query().map_or(0, |target| target.as_str().len())
}

/// Answers `/debug/vars`: the counters, as a JSON object.
fn variables<A: Api>(context: &ServerContext<A>) -> Reply {
    let values: serde_json::Map<_, _> =
        context.counters.values().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let uptime = context.started.elapsed().as_secs();
    // Reasons name paths, so only administrators see them, in SHOW DIAGNOSTICS.
    let health = context.api.storage_health();
    let variables = serde_json::json!({
        "httpd": { "name": "httpd", "tags": {}, "values": values },
        "storage": { "name": "storage", "tags": {}, "values": {
            "damagedSegments": health.damaged_segments.len(),
            "mode": health.mode.name(),
            "panics": health.panics,
            "sealingFails": health.sealing_error.is_some(),
        } },
        "system": { "name": "system", "tags": {}, "values": { "uptime": uptime } },
    });
    let mut reply = Reply::new(ReplyBody::Whole(Some(format!("{variables}\n").into())));
    let content_type = HeaderValue::from_static("application/json; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, content_type);
    reply
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
