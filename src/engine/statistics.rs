//! What the server counts, under the names that InfluxDB gives to its modules and values. SHOW STATS shows it, and so may others.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use fluxstone_model::{DatabaseId, ShardId, Text};
use fluxstone_query::Value;

use super::counted::{Statistics, WrittenPoints};
use super::{Core, Engine};

impl Engine {
    /// Everything that is counted, module by module.
    pub fn statistics(&self) -> Vec<Statistics> {
        self.core.statistics()
    }

    /// Adds a module that somebody else counts. Nothing is shown of it when `source` returns `None`.
    pub fn add_statistics(&self, source: impl Fn() -> Option<Statistics> + Send + Sync + 'static) {
        self.core.statistics_sources.add(Box::new(source));
    }

    /// The points of all requests to write.
    pub fn written_points(&self) -> WrittenPoints {
        let counters = &self.core.counters;
        WrittenPoints {
            stored: counters.request_points_stored.load(Ordering::Relaxed),
            dropped: counters.request_points_dropped.load(Ordering::Relaxed),
            failed: counters.request_points_failed.load(Ordering::Relaxed),
        }
    }
}

impl Core {
    /// Everything that is counted, in the order of SHOW STATS.
    pub(super) fn statistics(&self) -> Vec<Statistics> {
        let mut all = vec![runtime(), self.query_statistics()];
        self.add_database_statistics(&mut all);
        all.push(self.write_statistics());
        self.add_subscriber_statistics(&mut all);
        let counters = &self.counters;
        all.push(Statistics::of(
            "cq",
            &[
                ("queryFail", count(&counters.continuous_queries_failed)),
                ("queryOk", count(&counters.continuous_queries_ok)),
                ("querySkipped", count(&counters.continuous_queries_skipped)),
            ],
        ));
        all.extend(self.statistics_sources.all());
        all.push(Statistics::of("background", &[("panics", count(&counters.panics))]));
        // Reasons name files, so only administrators see them, in SHOW DIAGNOSTICS.
        let health = self.store.health();
        all.push(Statistics::of(
            "storage",
            &[
                ("damagedSegments", Value::Integer(health.damaged_segments.len() as i64)),
                ("mode", Value::String(Text::from(health.mode.name()))),
                ("panics", Value::Integer(health.panics as i64)),
                ("sealingFails", Value::Boolean(health.sealing_error.is_some())),
            ],
        ));
        all
    }

    fn query_statistics(&self) -> Statistics {
        let counters = &self.counters;
        Statistics::of(
            "queryExecutor",
            &[
                ("queriesActive", Value::Integer(self.queries.list().len() as i64)),
                ("queriesExecuted", count(&counters.queries_executed)),
                ("queriesFinished", count(&counters.queries_finished)),
                ("queryDurationNs", count(&counters.query_nanos)),
            ],
        )
    }

    /// `database` for each database that has a shard, and `shard` for each shard.
    fn add_database_statistics(&self, all: &mut Vec<Statistics>) {
        let catalog = self.catalog.visible();
        let policies = catalog.databases().flat_map(|database| &database.policies);
        let shards: HashSet<ShardId> =
            policies.flat_map(|policy| policy.groups.iter().map(|group| group.shard)).collect();
        self.shard_counters.keep(|shard| shards.contains(&shard));
        let with_shards = || catalog.databases().filter(|d| d.policies.iter().any(|p| !p.groups.is_empty()));
        for database in with_shards() {
            all.push(Statistics {
                name: "database",
                tags: vec![("database", database.name.clone())],
                values: vec![
                    ("numMeasurements", Value::Integer(self.store.measurement_count(database.id) as i64)),
                    ("numSeries", Value::Integer(self.store.series_count(database.id) as i64)),
                ],
            });
        }
        for database in with_shards() {
            for policy in &database.policies {
                all.extend(policy.groups.iter().map(|group| Statistics {
                    name: "shard",
                    tags: vec![
                        ("database", database.name.clone()),
                        ("engine", "fluxstone".to_owned()),
                        ("id", group.shard.0.to_string()),
                        ("retentionPolicy", policy.name.clone()),
                    ],
                    values: self.shard_values(database.id, group.shard),
                }));
            }
        }
    }

    fn shard_values(&self, database: DatabaseId, shard: ShardId) -> Vec<(&'static str, Value)> {
        let counts = self.shard_counters.of(shard);
        let integer = |count: u64| Value::Integer(count as i64);
        vec![
            ("diskBytes", integer(self.store.disk_bytes(database, shard))),
            ("writePointsDropped", integer(counts.points_dropped)),
            ("writePointsErr", integer(counts.points_failed)),
            ("writePointsOk", integer(counts.points_stored)),
            ("writeReq", integer(counts.writes_ok + counts.writes_failed)),
            ("writeReqErr", integer(counts.writes_failed)),
            ("writeReqOk", integer(counts.writes_ok)),
        ]
    }

    /// `write`
    fn write_statistics(&self) -> Statistics {
        let counters = &self.counters;
        let (stored, dropped) = (counters.points_stored.load(Ordering::Relaxed), &counters.points_dropped);
        let points = Value::Integer(stored.saturating_add(dropped.load(Ordering::Relaxed)) as i64);
        let (ok, failed) = (&counters.writes_ok, &counters.writes_failed);
        let requests = ok.load(Ordering::Relaxed).saturating_add(failed.load(Ordering::Relaxed));
        let nothing = Value::Integer(0);
        Statistics::of(
            "write",
            &[
                ("pointReq", points.clone()),
                ("pointReqLocal", points),
                ("req", Value::Integer(requests as i64)),
                ("subWriteDrop", nothing.clone()),
                ("subWriteOk", count(&counters.writes_delivered)),
                ("writeDrop", count(dropped)),
                ("writeError", count(failed)),
                ("writeOk", count(ok)),
                ("writeTimeout", nothing),
            ],
        )
    }

    /// `subscriber`: of all subscriptions together, and of each destination.
    fn add_subscriber_statistics(&self, all: &mut Vec<Statistics>) {
        let delivered = self.delivery.get().map(|delivery| delivery.statistics()).unwrap_or_default();
        let integer = |count: u64| Value::Integer(count as i64);
        all.push(Statistics::of(
            "subscriber",
            &[
                ("createFailures", integer(delivered.create_failures)),
                ("pointsWritten", integer(delivered.total.points_written)),
                ("writeFailures", integer(delivered.total.write_failures)),
            ],
        ));
        all.extend(delivered.destinations.into_iter().map(|destination| Statistics {
            name: "subscriber",
            tags: vec![
                ("database", destination.database),
                ("destination", destination.destination),
                ("mode", destination.mode.to_owned()),
                ("name", destination.name),
                ("retention_policy", destination.policy),
            ],
            values: vec![
                ("pointsWritten", integer(destination.counts.points_written)),
                ("writeFailures", integer(destination.counts.write_failures)),
            ],
        }));
    }
}

fn count(counter: &AtomicU64) -> Value {
    Value::Integer(counter.load(Ordering::Relaxed) as i64)
}

/// What the process takes. There is no runtime of Go, so only what means the same without one: `Sys` is its memory in bytes.
fn runtime() -> Statistics {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<i64>().ok());
    Statistics::of("runtime", &[("Sys", Value::Integer(kib.unwrap_or(0).saturating_mul(1024)))])
}
