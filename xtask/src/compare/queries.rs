//! The query mix: the queries of TSBS's `cpu-only`, and those of a dashboard, an export, and a fleet of many sensors.
//!
//! Each query is sent several times with different hosts and times, to both servers in turn; their answers must be the same.

use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use indicatif::ProgressBar;
use serde::Serialize;

use super::agreement::Agreement;
use super::client::Connection;
use super::data::{DataSet, FIELDS, Kind, START_S};
use super::load::DATABASE;
use super::random::Random;
use super::server::Server;
use super::statistics::{self, median};

/// One query of the mix. Its hosts and times are chosen for each run.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    text: fn(&mut Choice) -> String,
}

/// The hosts and times that a query can choose from.
#[derive(Debug)]
struct Choice {
    random: Random,
    hosts: usize,
    /// The end of the last interval, in seconds.
    end_s: u64,
}

/// The answers of both servers to one query.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Answered {
    pub(super) name: &'static str,
    /// One of the texts that were sent.
    pub(super) example: String,
    /// The median times from the request to the last byte, of Fluxstone and of the peer.
    pub(super) median_s: [f64; 2],
    /// The size of the answer to the example.
    pub(super) bytes: usize,
    /// Whether the answers were the same.
    pub(super) agreement: Agreement,
}

impl Answered {
    pub(super) fn ratio(&self) -> Option<f64> {
        let [ours, peers] = self.median_s;
        statistics::ratio(Some(ours), Some(peers))
    }
}

const fn shape(name: &'static str, text: fn(&mut Choice) -> String) -> Shape {
    Shape { name, text }
}

/// Names as in TSBS: the numbers are metrics, hosts, hours.
const FLEET: &[Shape] = &[
    shape("single-groupby-1-1-1", |c| c.by_minute(1, 1, 1)),
    shape("single-groupby-1-8-1", |c| c.by_minute(1, 8, 1)),
    shape("single-groupby-5-8-1", |c| c.by_minute(5, 8, 1)),
    shape("single-groupby-5-1-12", |c| c.by_minute(5, 1, 12)),
    shape("cpu-max-all-1", |c| c.maxima_by_hour(1)),
    shape("cpu-max-all-8", |c| c.maxima_by_hour(8)),
    shape("double-groupby-1", |c| c.means_by_hour_and_host(1)),
    shape("double-groupby-5", |c| c.means_by_hour_and_host(5)),
    shape("double-groupby-all", |c| c.means_by_hour_and_host(10)),
    shape("high-cpu-1", |c| c.high_cpu(Some(1))),
    shape("high-cpu-all", |c| c.high_cpu(None)),
    shape("lastpoint", |_| r#"SELECT * FROM cpu GROUP BY "hostname" ORDER BY time DESC LIMIT 1"#.to_owned()),
    shape("groupby-orderby-limit", Choice::last_minutes),
    shape("count-all", |_| "SELECT count(*) FROM cpu".to_owned()),
    shape("export-host-day", Choice::export),
];

const SENSORS: &[Shape] =
    &[shape("groupby-every-series", |_| "SELECT mean(value) FROM reading GROUP BY sensor".to_owned())];

/// Returns the queries of a data set. The TSBS mix is for the integers, as in TSBS.
pub(super) fn mix(kind: Kind) -> &'static [Shape] {
    match kind {
        Kind::Integers => FLEET,
        Kind::Decimals => &[],
        Kind::Series => SENSORS,
    }
}

impl Shape {
    /// Returns the texts of `runs` runs.
    pub(super) fn texts(&self, set: &DataSet, seed: u64, runs: usize) -> Vec<String> {
        let mut choice = Choice { random: Random::new(seed), hosts: set.sources, end_s: set.end_s };
        (0..runs).map(|_| (self.text)(&mut choice)).collect()
    }
}

impl Choice {
    fn by_minute(&mut self, fields: usize, hosts: usize, hours: u64) -> String {
        let (select, hosts, time) = (select("max", fields), self.hosts(hosts), self.time(hours));
        format!("SELECT {select} FROM cpu WHERE ({hosts}) AND {time} GROUP BY time(1m)")
    }

    fn maxima_by_hour(&mut self, hosts: usize) -> String {
        let (select, hosts, time) = (select("max", FIELDS.len()), self.hosts(hosts), self.time(8));
        format!("SELECT {select} FROM cpu WHERE ({hosts}) AND {time} GROUP BY time(1h)")
    }

    fn means_by_hour_and_host(&mut self, fields: usize) -> String {
        let (select, time) = (select("mean", fields), self.time(12));
        format!("SELECT {select} FROM cpu WHERE {time} GROUP BY time(1h), hostname")
    }

    fn high_cpu(&mut self, hosts: Option<usize>) -> String {
        let hosts = hosts.map(|count| format!(" AND ({})", self.hosts(count))).unwrap_or_default();
        format!("SELECT * FROM cpu WHERE usage_user > 90.0{hosts} AND {}", self.time(12))
    }

    fn last_minutes(&mut self) -> String {
        let end_s = START_S + 3600 + self.random.below(self.end_s - START_S - 3600 + 1);
        format!("SELECT max(usage_user) FROM cpu WHERE time < {end_s}s GROUP BY time(1m) ORDER BY time DESC LIMIT 5")
    }

    fn export(&mut self) -> String {
        format!("SELECT * FROM cpu WHERE {} AND {}", self.hosts(1), self.time(24))
    }

    /// Returns a condition for `count` different hosts.
    fn hosts(&mut self, count: usize) -> String {
        let mut chosen: Vec<usize> = Vec::new();
        while chosen.len() < count.min(self.hosts) {
            let host = self.random.below(self.hosts as u64) as usize;
            if !chosen.contains(&host) {
                chosen.push(host);
            }
        }
        let conditions: Vec<String> = chosen.iter().map(|host| format!("hostname = 'host_{host}'")).collect();
        conditions.join(" OR ")
    }

    /// Returns a condition for `hours` hours within the data, starting at any second, or for all of the data if it is shorter.
    fn time(&mut self, hours: u64) -> String {
        let latest_s = self.end_s.saturating_sub(hours * 3600).max(START_S);
        let start_s = START_S + self.random.below(latest_s - START_S + 1);
        format!("time >= {start_s}s AND time < {}s", start_s + hours * 3600)
    }
}

fn select(function: &str, fields: usize) -> String {
    let calls: Vec<String> = FIELDS.iter().take(fields).map(|field| format!("{function}({field})")).collect();
    calls.join(", ")
}

/// Sends all texts to both servers, which take turns to be first.
pub(super) async fn ask(
    servers: &[Server; 2],
    name: &'static str,
    texts: &[String],
    bar: &ProgressBar,
) -> anyhow::Result<Answered> {
    let mut connections = [Connection::open(&servers[0].address).await?, Connection::open(&servers[1].address).await?];
    let mut times = [Vec::new(), Vec::new()];
    let (mut agreement, mut bytes) = (Agreement::Equal, 0);
    // The first query of a kind reads from the disk on both sides, and is not counted.
    for connection in &mut connections {
        connection.query(DATABASE, &texts[0]).await.with_context(|| texts[0].clone())?;
    }
    for (run, text) in texts.iter().enumerate() {
        let mut answers = [Bytes::new(), Bytes::new()];
        for turn in [run % 2, (run + 1) % 2] {
            let begun = Instant::now();
            answers[turn] = connections[turn].query(DATABASE, text).await.with_context(|| text.clone())?;
            times[turn].push(begun.elapsed().as_secs_f64());
        }
        agreement = agreement.and(Agreement::of(text, &answers));
        bytes = if run == 0 { answers[0].len() } else { bytes };
        bar.inc(1);
    }
    let median_s = times.map(|times| median(&times).unwrap_or_default());
    Ok(Answered { name, example: texts[0].clone(), median_s, bytes, agreement })
}

#[cfg(test)]
mod tests {
    use super::super::data;
    use super::*;

    fn texts(name: &str) -> Vec<String> {
        let set = data::fleet(Kind::Integers, 1, 20, 12).empty_set();
        let shape = FLEET.iter().find(|shape| shape.name == name).unwrap();
        shape.texts(&set, 1, 5)
    }

    #[test]
    fn the_same_seed_gives_the_same_queries() {
        for shape in FLEET {
            assert_eq!(texts(shape.name), texts(shape.name));
        }
        let several = texts("single-groupby-1-1-1");
        assert!(several.iter().any(|text| *text != several[0]));
    }

    #[test]
    fn a_name_gives_the_number_of_fields_hosts_and_hours() {
        for text in texts("single-groupby-5-8-1") {
            assert_eq!((text.matches("max(").count(), text.matches("hostname = ").count()), (5, 8), "{text}");
            let seconds: Vec<u64> =
                text.split(['=', '<', ' ']).filter_map(|word| word.strip_suffix('s')?.parse().ok()).collect();
            assert_eq!(seconds[1] - seconds[0], 3600, "{text}");
            assert!(seconds[0] >= START_S && seconds[1] <= START_S + 12 * 3600, "{text}");
        }
    }
}
