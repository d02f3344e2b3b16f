//! `/debug/vars`: what SHOW STATS shows, as a JSON object of one level that collectors such as Telegraf read.

use std::time::Duration;

use fluxstone_engine::Statistics;
use fluxstone_query::Value;
use hyper::header::{self, HeaderValue};
use serde_json::json;

use super::api::Api;
use super::context::ServerContext;
use super::reply::{Reply, ReplyBody};

/// Answers a request.
pub(super) fn answer<A: Api>(context: &ServerContext<A>) -> Reply {
    let mut variables = serde_json::Map::new();
    variables.insert("system".to_owned(), system(context.started.elapsed()));
    for statistics in context.api.statistics() {
        // Anyone may ask, so the names of databases are left out where users have to log in.
        if context.options.auth_enabled && statistics.tags.iter().any(|(key, _)| *key == "database") {
            continue;
        }
        let tags: serde_json::Map<_, _> =
            statistics.tags.iter().map(|(key, value)| ((*key).to_owned(), value.as_str().into())).collect();
        let values: serde_json::Map<_, _> =
            statistics.values.iter().map(|(name, value)| ((*name).to_owned(), json_of(value))).collect();
        variables.insert(key(&statistics), json!({ "name": statistics.name, "tags": tags, "values": values }));
    }
    let mut reply = Reply::new(ReplyBody::Whole(Some(format!("{}\n", serde_json::Value::Object(variables)).into())));
    let content_type = HeaderValue::from_static("application/json; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, content_type);
    reply
}

/// The entry `system`, which InfluxDB gives another form than the others; it has both here.
fn system(uptime: Duration) -> serde_json::Value {
    let now = jiff::Timestamp::now();
    let started = jiff::SignedDuration::try_from(uptime).ok().and_then(|uptime| now.checked_sub(uptime).ok());
    json!({
        "currentTime": now.to_string(),
        "started": started.unwrap_or(now).to_string(),
        "uptime": uptime.as_secs(),
        "name": "system",
        "tags": {},
        "values": { "uptime": uptime.as_secs() },
    })
}

/// The name of a module, with what tells it from others of its kind.
fn key(statistics: &Statistics) -> String {
    let tag = |wanted: &str| statistics.tags.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.as_str());
    let parts = [Some(statistics.name), tag("bind"), tag("database"), tag("retentionPolicy"), tag("id")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(":")
}

fn json_of(value: &Value) -> serde_json::Value {
    match value {
        Value::Integer(value) => (*value).into(),
        Value::Boolean(value) => (*value).into(),
        Value::String(value) => value.to_string().into(),
        // Nothing is counted in these.
        _ => serde_json::Value::Null,
    }
}
