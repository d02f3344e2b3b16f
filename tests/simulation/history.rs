//! Histories: changes, failures of the disk, restarts. All of them are plain data, so that a failing history can be shrunk.

use fluxstone::model::{TimeRange, Timestamp};
use fluxstone::storage::memory_disk::{Failure, Shortage};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// The number of databases at any time. A dropped database is replaced by one with a new id.
pub(crate) const DATABASES: usize = 2;
/// The number of shards of each database. A dropped shard is replaced by one with a new id.
pub(crate) const SHARDS: usize = 3;
/// The duration of each shard.
const SHARD_TIMES: i64 = 40;
/// All measurements.
pub(crate) const MEASUREMENTS: [&str; 2] = ["m", "n"];

/// The initial settings of a history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) memtable_bytes_max: usize,
}

/// One step, and when power cuts are tried during it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) event: Event,
    /// The number of disk operations after which a power cut is tried for the first time.
    pub(crate) image_after: u64,
    /// Determines what power cuts leave.
    pub(crate) seed: u64,
}

/// An event of a history.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Change(Change),
    /// The disk fails after this many operations.
    Failure(u64, Failure),
    /// A shortage starts or ends for the data directory, but not for the log.
    Shortage(Option<Shortage>),
    Checkpoint,
    /// The store is closed and reopened.
    Restart,
    /// The power fails, and again after this many operations while the store is reopened.
    PowerCut(u64),
}

/// One transaction. Databases and shards are identified by their slots.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Lines for some shards, and possibly a catalog change in the same record.
    Write {
        database: usize,
        bodies: Vec<(usize, String)>,
        catalog: Option<u8>,
    },
    Delete {
        database: usize,
        measurement: &'static str,
        tag: Option<&'static str>,
        range: TimeRange,
    },
    DropMeasurement {
        database: usize,
        measurement: &'static str,
    },
    /// Shards that are dropped or have expired, and the catalog change that belongs to them.
    DropShards {
        database: usize,
        shards: Vec<usize>,
        catalog: u8,
    },
    DropDatabase {
        database: usize,
    },
}

pub(crate) fn setup() -> impl Strategy<Value = Setup> {
    select(&[300, 3_000, 1 << 20][..]).prop_map(|memtable_bytes_max| Setup { memtable_bytes_max })
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    (event(), 0..crate::IMAGE_EVERY, any::<u64>()).prop_map(|(event, image_after, seed)| Step {
        event,
        image_after,
        seed,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let failure = select(&[Failure::All, Failure::Once][..]);
    let shortage = select(&[None, Some(Shortage::DiskFull), Some(Shortage::TooManyFiles)][..]);
    prop_oneof![
        20 => change().prop_map(Event::Change),
        3 => Just(Event::Checkpoint),
        2 => (0_u64..40, failure).prop_map(|(after, failure)| Event::Failure(after, failure)),
        1 => shortage.prop_map(Event::Shortage),
        1 => Just(Event::Restart),
        1 => (0_u64..40).prop_map(Event::PowerCut),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let database = 0..DATABASES;
    let measurement = select(&MEASUREMENTS[..]);
    let tag = select(&[None, Some("a"), Some("b")][..]);
    let bodies = vec((0..SHARDS).prop_flat_map(|shard| (Just(shard), body(shard))), 1..3);
    let write = (database.clone(), bodies, proptest::option::weighted(0.2, any::<u8>()))
        .prop_map(|(database, bodies, catalog)| Change::Write { database, bodies, catalog });
    let end = SHARD_TIMES * SHARDS as i64;
    let range = prop_oneof![
        3 => (0..end, 0..end / 2).prop_map(|(from, len)| TimeRange { min: Timestamp(from), max: Timestamp(from + len) }),
        1 => Just(TimeRange::ALL),
    ];
    let delete = (database.clone(), measurement.clone(), tag, range)
        .prop_map(|(database, measurement, tag, range)| Change::Delete { database, measurement, tag, range });
    prop_oneof![
        12 => write,
        4 => delete,
        1 => (database.clone(), measurement)
            .prop_map(|(database, measurement)| Change::DropMeasurement { database, measurement }),
        1 => (database.clone(), vec(0..SHARDS, 1..=2), any::<u8>())
            .prop_map(|(database, shards, catalog)| Change::DropShards { database, shards, catalog }),
        1 => database.prop_map(|database| Change::DropDatabase { database }),
    ]
}

/// Lines for one shard, in any order and with rewritten points: fields of all four types, one field whose type changes, and
/// invalid fields and tags.
fn body(shard: usize) -> impl Strategy<Value = String> {
    let tag = prop_oneof![3 => Just(""), 6 => Just(",t=a"), 6 => Just(",t=b"), 1 => Just(",time=x")];
    let value = prop_oneof![
        4 => any::<i16>().prop_map(|v| format!("f={}", f64::from(v) / 4.0)),
        4 => any::<i64>().prop_map(|v| format!("i={v}i")),
        2 => "[a-z]{0,3}".prop_map(|v| format!("s=\"{v}\"")),
        2 => any::<bool>().prop_map(|v| format!("b={v}")),
        2 => select(&["x=1", "x=1i", "x=\"1\"", "x=true", "time=1"][..]).prop_map(str::to_owned),
    ];
    let from = SHARD_TIMES * shard as i64;
    let line = (select(&MEASUREMENTS[..]), tag, vec(value, 1..3), from..from + SHARD_TIMES)
        .prop_map(|(measurement, tag, values, time)| format!("{measurement}{tag} {} {time}\n", values.join(",")));
    vec(line, 1..12).prop_map(|lines| lines.concat())
}
