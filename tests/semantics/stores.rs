//! One database in three forms: lists of points, the server's storage, and the lists behind the seam through which the evaluator
//! reads.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use fluxstone::columns::{SeriesPredicate, Source};
use fluxstone::engine::ingest::{UnescapedStrings, WriteLimits, write_shard};
use fluxstone::influxql::ast::Measurement;
use fluxstone::line_protocol::{self, Precision};
use fluxstone::model::{DatabaseId, SeriesKey, ShardId, TimeRange};
use fluxstone::query::{QueryError, Sources};
use fluxstone::storage::disk::Disk;
use fluxstone::storage::memory_disk::MemoryDisk;
use fluxstone::storage::{Store, StoreOptions};
use fluxstone_spec::policies::Policies;

use super::answers::NOW;
use super::data::{POLICIES, Step, shards};

const DATABASE: DatabaseId = DatabaseId(1);

/// The lists after all steps.
pub(crate) fn model(steps: &[Step]) -> Policies {
    let mut policies = Policies::default();
    for policy in POLICIES {
        policies.shards.insert(policy.to_owned(), shards_of(policy));
    }
    for step in steps {
        match step {
            Step::Write { policy, shard, lines } => {
                let body = lines.join("\n");
                let parsed = line_protocol::parse(body.as_bytes(), Precision::Nanosecond, NOW);
                let outcome =
                    policies.database.write(shard_id(policy, *shard), &parsed).expect("points without conflicts");
                assert_eq!((outcome.stored, outcome.dropped), (parsed.points.len() as u64, 0), "{body}");
            }
            Step::Delete { host, range } => {
                let of_host = |key: &&SeriesKey| key.tags.get(b"host").map_or(&b""[..], |tag| tag) == host.as_bytes();
                let series: BTreeSet<_> = policies.database.series.iter().filter(of_host).cloned().collect();
                policies.database.delete(&series, *range);
            }
            Step::Seal | Step::Reopen => {}
        }
    }
    policies
}

/// The server's storage after all steps, on a disk in memory.
pub(crate) struct Stored {
    store: Option<Store>,
    disk: Arc<dyn Disk>,
}

/// The number of a shard, policy after policy.
fn shard_id(policy: &str, shard: usize) -> ShardId {
    ShardId(1 + shard as u64 + 10 * policy.len() as u64)
}

fn shards_of(policy: &str) -> Vec<(ShardId, TimeRange)> {
    shards(policy).into_iter().enumerate().map(|(at, times)| (shard_id(policy, at), times)).collect()
}

impl Stored {
    /// Takes all steps.
    pub(crate) fn new(steps: &[Step]) -> Stored {
        let mut stored = Stored { store: None, disk: Arc::new(MemoryDisk::default()) };
        stored.reopen();
        for step in steps {
            stored.take(step);
        }
        stored
    }

    fn take(&mut self, step: &Step) {
        let store = self.store.as_ref().expect("an open store");
        match step {
            Step::Write { policy, shard, lines } => {
                let body = lines.join("\n");
                let parsed = line_protocol::parse(body.as_bytes(), Precision::Nanosecond, NOW);
                let all: Vec<u32> = (0..parsed.points.len() as u32).collect();
                let strings = UnescapedStrings::of(&parsed);
                let mut transaction = store.begin().expect("a store that takes changes");
                let writer = transaction.shard(DATABASE, shard_id(policy, *shard)).expect("an open transaction");
                write_shard(writer, &strings.batch(parsed), &all, WriteLimits::default())
                    .expect("points without conflicts");
                transaction.commit().wait().expect("a disk that works");
            }
            Step::Delete { host, range } => {
                let all: Vec<_> = POLICIES.into_iter().flat_map(shards_of).collect();
                let source = store.snapshot(DATABASE, &shards_of(POLICIES[0]));
                let of_host = SeriesPredicate::Equal { key: "host".into(), value: (*host).into() };
                let series = source.measurements().into_iter().flat_map(|name| source.series(&name, &of_host));
                let ids: Vec<_> = series.map(|series| series.id).collect();
                let touched: Vec<_> = all.into_iter().map(|(id, _)| id).collect();
                let mut transaction = store.begin().expect("a store that takes changes");
                transaction.delete(DATABASE, &touched, &ids, *range);
                transaction.commit().wait().expect("a disk that works");
            }
            Step::Seal => store.checkpoint(&|| Ok(Vec::new())).expect("a disk that works"),
            Step::Reopen => self.reopen(),
        }
    }

    fn reopen(&mut self) {
        self.store = None;
        let options = StoreOptions::in_directory(Path::new("/store"));
        self.store = Some(Store::open_on(&self.disk, options, &mut |_| Ok(())).expect("a disk that works"));
    }
}

impl Sources for Stored {
    fn source(&self, measurement: &Measurement) -> Result<Arc<dyn Source>, QueryError> {
        let store = self.store.as_ref().expect("an open store");
        Ok(store.snapshot(DATABASE, &shards_of(&measurement.policy)))
    }
}
