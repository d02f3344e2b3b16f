//! The events of a history: changes, failures of the disk, starts. All of them are data, so that a failing history can be
//! shrunk.

use fluxstone::model::{TimeRange, Timestamp};
use fluxstone::storage::memory_disk::{Failure, Shortage};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// The number of databases at a time, and of shards in each. A dropped one is replaced by one with a new id.
pub(crate) const DATABASES: usize = 2;
pub(crate) const SHARDS: usize = 3;
/// The length of time that each shard covers.
const SHARD_TIMES: i64 = 40;
/// All measurements.
pub(crate) const MEASUREMENTS: [&str; 2] = ["m", "n"];

/// The conditions under which a history begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) memtable_bytes_max: usize,
    /// Whether sealing writes a checkpoint after each shard.
    pub(crate) seals_in_steps: bool,
}

/// One step, and when power cuts are tried during it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) event: Event,
    /// The number of disk operations before the first power cut is tried.
    pub(crate) image_after: u64,
    /// Decides which writes survive power cuts.
    pub(crate) seed: u64,
}

/// Something that happens to the store.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Change(Change),
    /// The disk fails after this many operations.
    Failure(u64, Failure),
    /// The data directory, but not the log, begins or stops failing.
    Shortage(Option<Shortage>),
    Checkpoint,
    /// The store is closed and reopened.
    Restart,
    /// The power fails, and once more after this many operations of the next start.
    PowerCut(u64),
}

/// One transaction. Databases and shards are given by their positions.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Lines for some shards, and perhaps a change of the catalog in the same record.
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
    /// Removes shards, and their groups from the catalog.
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
    (select(&[300, 3_000, 1 << 20][..]), any::<bool>())
        .prop_map(|(memtable_bytes_max, seals_in_steps)| Setup { memtable_bytes_max, seals_in_steps })
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

/// Lines of one shard, unordered and with points that are written more than once: fields of all four types, a field whose
/// type changes, and fields and tags that are refused.
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
