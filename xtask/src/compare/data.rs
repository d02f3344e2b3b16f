//! The data sets: a fleet of hosts that report on their processors, as in TSBS's `cpu-only`, and many sensors that report one value each.
//!
//! The same options give the same bytes.

use std::io::Write as _;

use bytes::Bytes;

use super::random::Random;

/// The time of the first point: 2016-01-01T00:00:00Z, in seconds.
pub(super) const START_S: u64 = 1_451_606_400;
/// The time between two points of a series.
pub(super) const INTERVAL_S: u64 = 10;
/// The fields of a host.
pub(super) const FIELDS: [&str; 10] = [
    "usage_user",
    "usage_system",
    "usage_idle",
    "usage_nice",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];
/// The number of points of each sensor.
const SENSOR_POINTS: u64 = 10;

const REGIONS: [&str; 9] = [
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
];

/// A kind of data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Ten integers for each host and time, each a random walk between 0 and 100.
    Integers,
    /// The same as floats with two decimal digits.
    Decimals,
    /// Many series with a few points each.
    Series,
}

impl Kind {
    pub(super) const ALL: [Kind; 3] = [Kind::Integers, Kind::Decimals, Kind::Series];
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Integers => "integers",
            Kind::Decimals => "decimals",
            Kind::Series => "series",
        })
    }
}

/// A data set as line protocol.
#[derive(Debug)]
pub(super) struct DataSet {
    pub(super) rows: usize,
    /// The number of fields of each row.
    pub(super) fields: usize,
    /// The number of hosts or sensors.
    pub(super) sources: usize,
    /// The end of the last interval, in seconds.
    pub(super) end_s: u64,
    pub(super) batches: Vec<Bytes>,
}

impl DataSet {
    pub(super) fn bytes(&self) -> u64 {
        self.batches.iter().map(|batch| batch.len() as u64).sum()
    }
}

/// Writes a data set, time by time.
#[derive(Debug)]
pub(super) struct Generator {
    random: Random,
    sources: Vec<Source>,
    digits: Digits,
    times: u64,
    /// The number of rows written so far.
    done: usize,
}

/// One series.
#[derive(Debug)]
struct Source {
    /// Measurement and tags.
    key: String,
    fields: &'static [&'static str],
    values: Vec<f64>,
}

/// The format of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    Integer,
    Two,
}

/// Returns a generator for hosts that report on their processors.
pub(super) fn fleet(kind: Kind, seed: u64, hosts: usize, hours: u64) -> Generator {
    let mut random = Random::new(seed);
    let sources = (0..hosts).map(|host| Source {
        key: host_key(host, &mut random),
        fields: &FIELDS,
        values: FIELDS.iter().map(|_| random.below(100) as f64).collect(),
    });
    let sources = sources.collect();
    let digits = if kind == Kind::Integers { Digits::Integer } else { Digits::Two };
    Generator { random, sources, digits, times: hours * 3600 / INTERVAL_S, done: 0 }
}

/// Returns a generator for sensors that report one value.
pub(super) fn sensors(seed: u64, count: usize) -> Generator {
    let mut random = Random::new(seed);
    let sources = (0..count).map(|sensor| Source {
        key: format!("reading,sensor=sensor_{sensor}"),
        fields: &["value"],
        values: vec![random.below(100) as f64],
    });
    let sources = sources.collect();
    Generator { random, sources, digits: Digits::Two, times: SENSOR_POINTS, done: 0 }
}

fn host_key(host: usize, random: &mut Random) -> String {
    let region = random.one_of(&REGIONS);
    let datacenter = random.one_of(&["a", "b", "c"]);
    let rack = random.below(100);
    let os = random.one_of(&["Ubuntu15.10", "Ubuntu16.04LTS", "Ubuntu16.10"]);
    let arch = random.one_of(&["x64", "x86"]);
    let team = random.one_of(&["CHI", "LON", "NYC", "SF"]);
    let service = random.below(20);
    let version = random.below(2);
    let environment = random.one_of(&["production", "staging", "test"]);
    format!(
        "cpu,hostname=host_{host},region={region},datacenter={region}{datacenter},rack={rack},os={os},arch={arch},\
         team={team},service={service},service_version={version},service_environment={environment}"
    )
}

impl Generator {
    pub(super) fn rows(&self) -> usize {
        self.sources.len() * self.times as usize
    }

    /// Returns the data set without any batches.
    pub(super) fn empty_set(&self) -> DataSet {
        DataSet {
            rows: self.rows(),
            fields: self.sources.first().map_or(0, |source| source.fields.len()),
            sources: self.sources.len(),
            end_s: START_S + self.times * INTERVAL_S,
            batches: Vec::new(),
        }
    }

    /// Returns the next `rows` lines, or `None` after the last.
    pub(super) fn batch(&mut self, rows: usize) -> Option<Bytes> {
        let end = self.rows().min(self.done + rows);
        let mut text = Vec::new();
        for row in self.done..end {
            let time_s = START_S + (row / self.sources.len()) as u64 * INTERVAL_S;
            let count = self.sources.len();
            self.sources[row % count].step(&mut self.random, self.digits, time_s, &mut text);
        }
        self.done = end;
        if text.is_empty() { None } else { Some(text.into()) }
    }
}

impl Source {
    /// Writes a line, and advances the values by one step.
    fn step(&mut self, random: &mut Random, digits: Digits, time_s: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.key.as_bytes());
        for (at, (field, value)) in self.fields.iter().zip(&mut self.values).enumerate() {
            let before = if at == 0 { ' ' } else { ',' };
            // Writing to memory does not fail.
            let _ = match digits {
                Digits::Integer => write!(out, "{before}{field}={}i", *value as i64),
                Digits::Two => write!(out, "{before}{field}={value:.2}"),
            };
            *value = (*value + random.normal()).clamp(0.0, 100.0);
        }
        let _ = writeln!(out, " {time_s}000000000");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(mut generator: Generator, batch: usize) -> Vec<u8> {
        std::iter::from_fn(|| generator.batch(batch)).flatten().collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_in_any_batches() {
        let of = |seed, batch| text(fleet(Kind::Integers, seed, 3, 1), batch);
        assert_eq!(of(1, 7), of(1, 1000));
        assert_ne!(of(1, 7), of(2, 7));
    }

    #[test]
    fn the_data_sets_never_change() {
        let hashes = [fleet(Kind::Integers, 1, 3, 1), fleet(Kind::Decimals, 1, 3, 1), sensors(1, 20)]
            .map(|generator| fnv_1a(&text(generator, 100)));
        assert_eq!(hashes, [4_648_786_964_863_277_119, 13_295_938_836_097_771_186, 9_842_950_195_724_445_986]);
    }

    /// A hash of the data: if the data changed, results could not be compared with earlier ones.
    fn fnv_1a(text: &[u8]) -> u64 {
        text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    #[test]
    fn each_host_reports_ten_fields_every_ten_seconds() {
        let text = String::from_utf8(text(fleet(Kind::Decimals, 1, 2, 1), 100)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2 * 360);
        for (at, line) in lines.iter().enumerate() {
            let parts: Vec<&str> = line.split(' ').collect();
            assert!(parts[0].starts_with(&format!("cpu,hostname=host_{},", at % 2)), "{line}");
            assert_eq!(parts[0].split(',').count(), 11);
            assert_eq!(parts[1].split(',').count(), 10);
            assert!(parts[1].split(',').all(|field| field.rsplit_once('.').is_some_and(|(_, d)| d.len() == 2)));
            assert_eq!(parts[2], format!("{}000000000", START_S + at as u64 / 2 * 10));
        }
    }

    #[test]
    fn all_batches_except_the_last_have_the_requested_size() {
        let mut generator = fleet(Kind::Integers, 1, 7, 1);
        assert_eq!(generator.rows(), 2520);
        let lines: Vec<usize> = std::iter::from_fn(|| generator.batch(1000))
            .map(|batch| batch.split(|&byte| byte == b'\n').count() - 1)
            .collect();
        assert_eq!(lines, [1000, 1000, 520]);
    }
}
