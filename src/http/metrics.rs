//! `/metrics`: what the server counts, in the text formats of `OpenMetrics` and of Prometheus before it. What is counted and shown by
//! SHOW STATS as well is listed in `metric_names`; this file adds the requests by endpoint and how long they took.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bstr::ByteSlice;
use fluxstone_engine::{Mode, Principal, QueryRequest, Statistics};
use fluxstone_influxql::Parameters as Bound;
use fluxstone_query::Value;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use prometheus_client::encoding::EncodeMetric;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::api::Api;
use super::context::ServerContext;
use super::credentials::authenticate;
use super::metric_names::{Kind, METRICS, Metric};
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::reply::{Reply, ReplyBody, ReplyStyle};
use super::socket::Peer;

/// What every name begins with.
const PREFIX: &str = "fluxstone";

/// The type of the format that those who ask for it get.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The type of the older format, which everything that collects metrics can read.
const OLDER: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The most label sets of a metric. What is beyond them is added up under [`OTHER`], so that databases that clients create
/// do not fill the memory of whoever collects the metrics.
const LABEL_SETS_MAX: usize = 1000;

/// The value of the labels of what is beyond the limit.
const OTHER: &str = "_other";

type Labels = Vec<(&'static str, String)>;

/// Answers a request to `/metrics`.
pub(super) async fn answer<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &Parts,
    client: &Peer,
    query: &Parameters,
    style: &ReplyStyle,
) -> Reply {
    let all = match shows_databases(context, parts, client, query).await {
        Ok(all) => all,
        Err(refusal) => return refusal.reply(style, &context.challenge),
    };
    let accepted = parts.headers.get_all(header::ACCEPT);
    let is_open = accepted.iter().any(|value| value.as_bytes().contains_str("application/openmetrics-text"));
    let text = text(context, all);
    let (text, content_type) = if is_open { (text, OPEN_METRICS) } else { (older_text(&text), OLDER) };
    let mut reply = Reply::new(ReplyBody::Whole(Some(text.into())));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// The same in the older text format, in which a counter is described under the name of its sample.
fn older_text(text: &str) -> String {
    let mut older = String::with_capacity(text.len());
    // HELP comes before TYPE, which says whether it is a counter.
    let mut help = None;
    for line in text.lines().filter(|line| *line != "# EOF") {
        if line.starts_with("# HELP ") {
            help = Some(line);
            continue;
        }
        let counter = line.strip_prefix("# TYPE ").and_then(|line| line.strip_suffix(" counter"));
        let old = |line: &str| match counter {
            Some(name) => line.replacen(name, &format!("{name}_total"), 1),
            None => line.to_owned(),
        };
        for line in help.take().into_iter().chain([line]) {
            older.push_str(&old(line));
            older.push('\n');
        }
    }
    older
}

/// Whether metrics that name databases are shown: as long as nobody has to log in, and to those who may run SHOW STATS.
async fn shows_databases<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &Parts,
    client: &Peer,
    query: &Parameters,
) -> Result<bool, Refusal> {
    if !context.options.auth_enabled {
        return Ok(true);
    }
    if !context.options.metrics_need_credentials {
        return Ok(false);
    }
    let principal: Principal = authenticate(context, parts, client, query).await?;
    let parameters = Bound::new();
    let request = QueryRequest {
        principal: &principal,
        text: "SHOW STATS",
        parameters: &parameters,
        database: "",
        read_only: true,
        chunk_rows: 1,
    };
    context.api.prepare(request)?;
    Ok(true)
}

/// The text of all metrics.
fn text<A: Api>(context: &ServerContext<A>, with_databases: bool) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    let version = Family::<Labels, Gauge>::default();
    version.get_or_create(&vec![("version", env!("CARGO_PKG_VERSION").to_owned())]).set(1);
    registry.register("build_info", "1, with the version of the server", version);
    let uptime = Gauge::<f64, AtomicU64>::default();
    uptime.set(context.started.elapsed().as_secs_f64());
    registry.register("uptime_seconds", "Time since the server started", uptime);
    let writable = Gauge::<i64>::default();
    writable.set(i64::from(context.api.storage_mode() == Mode::Writable));
    registry.register("storage_writable", "1 if writes are accepted, 0 if not", writable);
    let statistics = context.api.statistics();
    let shown = |statistics: &&Statistics| with_databases || !statistics.tags.iter().any(|(key, _)| *key == "database");
    let statistics: Vec<&Statistics> = statistics.iter().filter(shown).collect();
    for metric in METRICS {
        register(&mut registry, metric, &statistics);
    }
    context.counters.by_endpoint.register(&mut registry);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

/// Adds a metric with the sums of its values.
fn register(registry: &mut Registry, metric: &Metric, statistics: &[&Statistics]) {
    let sums = sums(metric, statistics);
    match metric.kind {
        Kind::Counter => {
            register_as(registry, metric, sums, |counter: &Counter, sum| {
                counter.inc_by(sum);
            });
        }
        Kind::Seconds => {
            register_as(registry, metric, sums, |counter: &Seconds, sum| {
                counter.inc_by(Duration::from_nanos(sum).as_secs_f64());
            });
        }
        Kind::Gauge => {
            register_as(registry, metric, sums, |gauge: &Gauge, sum| {
                gauge.set(i64::try_from(sum).unwrap_or(i64::MAX));
            });
        }
    }
}

/// A counter of seconds.
type Seconds = Counter<f64, AtomicU64>;

/// Adds a metric of one type, whose values `set` gives to it.
fn register_as<M>(registry: &mut Registry, metric: &Metric, sums: BTreeMap<Labels, u64>, set: impl Fn(&M, u64))
where
    M: Default + EncodeMetric + TypedMetric + fmt::Debug + Send + Sync + 'static,
{
    if metric.labels.is_empty() {
        if let Some(sum) = sums.into_values().next() {
            let shown = M::default();
            set(&shown, sum);
            registry.register(metric.name, metric.help, shown);
        }
        return;
    }
    let family = Family::<Labels, M>::default();
    for (labels, sum) in sums {
        set(&family.get_or_create(&labels), sum);
    }
    registry.register(metric.name, metric.help, family);
}

/// The values of a metric by its labels, of which there are at most [`LABEL_SETS_MAX`] and one more.
fn sums(metric: &Metric, statistics: &[&Statistics]) -> BTreeMap<Labels, u64> {
    let mut sums: BTreeMap<Labels, u64> = BTreeMap::new();
    for module in statistics.iter().filter(|module| module.name == metric.module) {
        // The module `subscriber` has a part for each destination, which the whole includes.
        if module.name == "subscriber" && !module.tags.is_empty() {
            continue;
        }
        let Some((_, value)) = module.values.iter().find(|(name, _)| *name == metric.value) else { continue };
        let tag = |wanted: &str| module.tags.iter().find(|(key, _)| *key == wanted).map(|(_, value)| escaped(value));
        let labels: Labels = metric.labels.iter().map(|(key, label)| (*label, tag(key).unwrap_or_default())).collect();
        let labels = if sums.len() < LABEL_SETS_MAX || sums.contains_key(&labels) {
            labels
        } else {
            metric.labels.iter().map(|(_, label)| (*label, OTHER.to_owned())).collect()
        };
        let sum = sums.entry(labels).or_default();
        *sum = sum.saturating_add(number_of(value));
    }
    sums
}

/// The value of a label as the format writes it, which the crate leaves to us: a name cannot end it, nor begin another line.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn number_of(value: &Value) -> u64 {
    match value {
        Value::Integer(value) => u64::try_from(*value).unwrap_or(0),
        Value::Boolean(value) => u64::from(*value),
        // Nothing is counted in these.
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: watch.metrics.5
    #[test]
    fn the_name_of_a_database_cannot_forge_metrics() {
        let module = Statistics {
            name: "database",
            tags: vec![("database", "a\"} 7\nb\\".to_owned())],
            values: vec![("numSeries", Value::Integer(2))],
        };
        let metric = METRICS.iter().find(|metric| metric.name == "database_series").unwrap();
        let mut registry = Registry::default();
        register(&mut registry, metric, &[&module]);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let shown = "database_series{database=\"a\\\"} 7\\nb\\\\\"} 2\n# EOF\n";
        assert!(text.ends_with(shown) && text.lines().count() == 4, "{text}");
    }

    // spec: watch.metrics.3
    #[test]
    fn label_sets_beyond_the_limit_are_added_up() {
        let module = |n: usize| Statistics {
            name: "database",
            tags: vec![("database", format!("d{n}"))],
            values: vec![("numSeries", Value::Integer(2))],
        };
        let all: Vec<Statistics> = (0..LABEL_SETS_MAX + 7).map(module).collect();
        let metric = METRICS.iter().find(|metric| metric.name == "database_series").unwrap();
        let sums = sums(metric, &all.iter().collect::<Vec<_>>());
        assert_eq!(sums.len(), LABEL_SETS_MAX + 1);
        assert_eq!(sums[&vec![("database", OTHER.to_owned())]], 14);
        assert_eq!(sums.values().sum::<u64>(), 2 * (LABEL_SETS_MAX as u64 + 7));
    }
}
