//! `/fluxstone/ready`: whether this server should get requests, for load balancers and orchestrators.

use fluxstone_engine::Mode;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde_json::json;

use super::api::Api;
use super::context::ServerContext;
use super::reply::{Reply, ReplyBody};

/// Answers a request. The reason tells no names: anyone may ask.
pub(super) fn answer<A: Api>(context: &ServerContext<A>) -> Reply {
    let reason = if context.is_stopping() { Some("shutting down") } else { reason(context.api.storage_mode()) };
    let (status, word) =
        if reason.is_none() { (StatusCode::OK, "pass") } else { (StatusCode::SERVICE_UNAVAILABLE, "fail") };
    let body = json!({
        "name": "fluxstone",
        "message": reason.unwrap_or("ready for queries and writes"),
        "status": word,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let mut reply = Reply::new(ReplyBody::Whole(Some(format!("{body}\n").into())));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// Why the store does not accept changes.
fn reason(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Writable => None,
        Mode::DiskFull => Some("writes are refused: the disk of the log is full"),
        Mode::ReadOnly => Some("writes are refused: the log is read-only"),
    }
}
