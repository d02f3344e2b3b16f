//! From a request to the endpoint that answers it: paths, verbs, and the headers that every answer has.

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
use super::parameters::Parameters;
use super::reply::{Reply, ReplyBody, ReplyStyle, close_after, plain};
use super::server::Shared;
use super::{query, write};

/// The version of InfluxDB whose API is served.
const INFLUXDB_VERSION: HeaderValue = HeaderValue::from_static("1.2.4");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Ping,
    Status,
    Query,
    Write,
    Variables,
}

impl Endpoint {
    /// Paths are compared as they are spelt, escapes and all.
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

    /// The verbs, as the `Allow` header lists them; empty is any.
    fn allowed(self) -> &'static str {
        match self {
            Endpoint::Ping | Endpoint::Status => "GET, HEAD",
            Endpoint::Query => "GET, OPTIONS, POST",
            Endpoint::Write => "OPTIONS, POST",
            Endpoint::Variables => "",
        }
    }
}

/// Answers a request, whatever happens.
pub(super) async fn answer<A: Api>(shared: Arc<Shared<A>>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let begun = Instant::now();
    shared.counters.requests.add(1);
    let active = shared.counters.requests_active.while_held();
    let (parts, incoming) = request.into_parts();
    let mut body = RequestBody::new(incoming, &parts.headers);

    let routed = without_panic(route(&shared, &parts, &mut body)).await;
    let mut reply = routed.unwrap_or_else(|| {
        shared.counters.panics.add(1);
        tracing::error!(method = %parts.method, path = parts.uri.path(), "a request panicked");
        ReplyStyle::default().error(StatusCode::INTERNAL_SERVER_ERROR, b"internal error")
    });
    if !body.drain().await {
        close_after(&mut reply);
    }
    let headers = reply.headers_mut();
    headers.insert(HeaderName::from_static("x-influxdb-version"), INFLUXDB_VERSION);
    if let Ok(id) = HeaderValue::from_str(&shared.request_id()) {
        headers.insert(HeaderName::from_static("request-id"), id);
    }
    count(&shared, reply.status());
    shared.counters.request_ns.add_time(begun.elapsed());
    drop(active);
    if shared.options.log_requests {
        let (method, path, status) = (&parts.method, parts.uri.path(), reply.status().as_u16());
        // The query string stays out of the log: it may hold a password.
        tracing::info!(target: "fluxstone::access", %method, path, status, took = ?begun.elapsed());
    }
    Ok(reply)
}

async fn route<A: Api>(shared: &Arc<Shared<A>>, parts: &Parts, body: &mut RequestBody) -> Reply {
    if parts.version == Version::HTTP_11 && !parts.headers.contains_key(header::HOST) {
        let mut reply = plain(StatusCode::BAD_REQUEST, "400 Bad Request: missing required Host header");
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
            shared.counters.pings.add(1);
            style.no_content()
        }
        Endpoint::Status => {
            shared.counters.statuses.add(1);
            style.no_content()
        }
        Endpoint::Query => query::answer(shared, parts, query, &style, body).await,
        Endpoint::Write => write::answer(shared, parts, &query, &style, body).await,
        Endpoint::Variables => variables(shared),
    }
}

/// The counters, as a JSON object.
fn variables<A: Api>(shared: &Shared<A>) -> Reply {
    let values: serde_json::Map<_, _> =
        shared.counters.values().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let uptime = shared.started.elapsed().as_secs();
    let variables = serde_json::json!({
        "httpd": { "name": "httpd", "tags": {}, "values": values },
        "system": { "name": "system", "tags": {}, "values": { "uptime": uptime } },
    });
    let mut reply = Reply::new(ReplyBody::Whole(Some(format!("{variables}\n").into())));
    let content_type = HeaderValue::from_static("application/json; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, content_type);
    reply
}

fn count<A: Api>(shared: &Shared<A>, status: StatusCode) {
    if status.is_client_error() {
        shared.counters.client_errors.add(1);
    }
    if status.is_server_error() {
        shared.counters.server_errors.add(1);
    }
    if status == StatusCode::UNAUTHORIZED {
        shared.counters.unauthorized.add(1);
    }
}

/// The output of `future`, or nothing if it panics.
async fn without_panic<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(move |cx| {
        // A future that panicked is not polled again, so no one sees what it left half done.
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}
