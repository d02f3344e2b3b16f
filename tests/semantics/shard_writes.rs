//! Ingest and storage against the executable semantics of writes: which points a shard keeps.

use std::sync::Arc;

use fluxstone::columns::Source;
use fluxstone::engine::ingest::{UnescapedStrings, WriteLimits, write_shard};
use fluxstone::influxql::ast::Measurement;
use fluxstone::line_protocol::{self, Precision};
use fluxstone::model::{DatabaseId, ShardId, TimeRange};
use fluxstone::query::{QueryError, Sources};
use fluxstone::storage::{Store, StoreOptions};
use fluxstone_spec::policies::Policies;
use proptest::prelude::*;
use proptest::sample::select as one_of;

use super::answers::{NOW, evaluated, meant, statement};

/// Lines that a shard may refuse: fields change their types, and tags and fields are called `time`.
fn conflicting_body() -> impl Strategy<Value = String> {
    let field = one_of(&["f=1.5", "f=2i", "g=3i", "g=\"x\"", "h=true", "time=1", "h=\"a\\\"b\"", "\\g=7i"][..]);
    let fields = proptest::collection::vec(field, 1..4).prop_map(|fields| fields.join(","));
    let tags = one_of(&["", "", ",host=a", ",host=b", ",host=a,dc=x", ",dc=x,host=a", ",ho\\=st=a", ",time=1"][..]);
    let line = (tags, fields, 0..6i64).prop_map(|(tags, fields, time)| format!("m{tags} {fields} {time}\n"));
    proptest::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
}

proptest! {
    // Each case waits for the disk.
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    // spec: write.point.1, write.shard.2, write.shard.3, write.shard.5
    #[test]
    fn a_shard_keeps_the_points_that_the_semantics_keep(
        bodies in proptest::collection::vec((conflicting_body(), any::<bool>()), 1..5),
    ) {
        let dir = tempfile::tempdir()?;
        let options = StoreOptions::in_directory(dir.path());
        let open = || Store::open(options.clone(), &mut |_| Ok(())).expect("a directory that can be opened");
        let mut store = open();
        let mut policies = Policies::default();
        policies.shards.insert(String::new(), vec![(SHARD, TimeRange::ALL)]);
        for (nth, (body, reopen)) in bodies.iter().enumerate() {
            let parsed = line_protocol::parse(body.as_bytes(), Precision::Microsecond, NOW);
            let all: Vec<u32> = (0..parsed.points.len() as u32).collect();
            let meant = policies.database.write(SHARD, &parsed);
            let strings = UnescapedStrings::of(&parsed);
            let mut transaction = store.begin().expect("a disk that works");
            let writer = transaction.shard(DATABASE, SHARD).expect("an open transaction");
            let taken = write_shard(writer, &strings.batch(parsed), &all, WriteLimits::default());
            transaction.commit().wait().expect("a disk that works");
            let shown = (taken.ok().map(|it| (it.stored, it.dropped)), meant.ok().map(|it| (it.stored, it.dropped)));
            prop_assert_eq!(shown.0, shown.1, "ingest, then semantics: {} of {:?}", nth, bodies);
            if *reopen {
                drop(store);
                store = open();
            }
        }
        let everything = statement("SELECT * FROM m GROUP BY *").expect("a good statement");
        let meant = meant(&everything, &policies);
        let kept = evaluated(&everything, &Snapshots(&store), 100);
        prop_assert_eq!(kept, meant, "storage, then semantics: {:?}", bodies);
    }
}

const DATABASE: DatabaseId = DatabaseId(1);
const SHARD: ShardId = ShardId(1);

/// Every measurement is in the one shard of a store.
struct Snapshots<'s>(&'s Store);

impl Sources for Snapshots<'_> {
    fn source(&self, _: &Measurement) -> Result<Arc<dyn Source>, QueryError> {
        Ok(self.0.snapshot(DATABASE, &[(SHARD, TimeRange::ALL)]))
    }
}
