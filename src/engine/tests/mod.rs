//! The rules of statements and writes, on an engine with a real store in a temporary directory and a fixed clock.

mod authorization;
mod background;
mod continuous_queries;
mod deletion;
mod interrupts;
mod long_conditions;
mod partial_writes;
mod privileges;
mod recovery;
mod schema;
mod statements;
mod writes;

use std::fmt::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use fluxstone_compat::Profile;
use fluxstone_influxql::Parameters;
use fluxstone_line_protocol::Precision;
use fluxstone_model::Timestamp;
use fluxstone_query::{SelectLimits, Value};
use fluxstone_storage::disk::Disk;
use fluxstone_storage::real_disk::RealDisk;
use tempfile::TempDir;

use super::*;

/// 2017-03-01T00:16:18Z.
const NOW: i64 = 1_488_327_378_000_000_000;

#[derive(Debug)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// An engine in a temporary directory.
struct Bench {
    engine: Engine,
    disk: Arc<dyn Disk>,
    options: EngineOptions,
    clock: Arc<TestClock>,
    principal: Principal,
    directory: TempDir,
}

impl Bench {
    /// An empty engine with the documented answers.
    fn new() -> Self {
        Bench::with(|_| {})
    }

    /// An empty engine with the answers observed from 1.2.4.
    fn observed() -> Self {
        Bench::with(|options| options.semantics = EngineSemantics::from(Profile::Observed))
    }

    fn with(change: impl FnOnce(&mut EngineOptions)) -> Self {
        Bench::on(Arc::new(RealDisk::default()), change)
    }

    fn on(disk: Arc<dyn Disk>, change: impl FnOnce(&mut EngineOptions)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = EngineOptions {
            data_dir: directory.path().join("data"),
            log_dir: directory.path().join("wal"),
            retention_autocreate: true,
            memtable_bytes_max: 1 << 20,
            cache_bytes_max: 0,
            series_per_database_max: 0,
            values_per_tag_max: 0,
            shards_per_database_max: 0,
            schema_bytes_max: 0,
            shards_per_write_max: 0,
            fsync_delay: Duration::ZERO,
            seal_idle_after: Duration::from_mins(10),
            write_timeout: Duration::from_secs(10),
            segment_cache_bytes: 1 << 20,
            start_without_damaged_segments: false,
            select_limits: SelectLimits::default(),
            query_memory_max: 0,
            total_query_memory_max: 0,
            query_timeout_ns: 0,
            concurrent_queries_max: 0,
            retention_check_ns: 0,
            shard_precreation: ShardPrecreationOptions::default(),
            log_queries_after: Duration::ZERO,
            continuous_queries: ContinuousQueryOptions::default(),
            semantics: EngineSemantics::default(),
        };
        change(&mut options);
        let clock = Arc::new(TestClock(AtomicI64::new(NOW)));
        let engine = Engine::open_on(&disk, options.clone(), clock.clone()).unwrap();
        Bench { engine, disk, options, clock, principal: Principal::Anyone, directory }
    }

    /// Closes the engine and opens it again on the same directory.
    fn reopen(self) -> Self {
        let Bench { engine, disk, options, clock, principal, directory } = self;
        drop(engine);
        let engine = Engine::open_on(&disk, options.clone(), clock.clone()).unwrap();
        Bench { engine, disk, options, clock, principal, directory }
    }

    /// Makes this user the sender of later requests.
    fn login(&mut self, user: &str, password: &str) {
        self.principal = self.engine.login(user, password).unwrap();
    }

    /// Writes to the database `d`. Returns the error, or an empty text.
    fn write(&self, lines: &str) -> String {
        self.write_to("d", "", lines)
    }

    fn write_to(&self, database: &str, policy: &str, lines: &str) -> String {
        let request = WriteRequest {
            principal: &self.principal,
            database: database.as_bytes(),
            policy: policy.as_bytes(),
            precision: Precision::Nanosecond,
            consistency: b"",
            body: lines.as_bytes(),
        };
        self.engine.write(request).map_or_else(|error| format!("{:?} {error}", error.kind), |()| String::new())
    }

    /// Runs a query with `db=d` as a POST. Returns its results, or the refusal.
    fn run(&self, text: &str) -> String {
        self.run_as("d", false, text)
    }

    /// A result is `id: ` with its series, messages and error; a series is `name{tags} columns` with its rows after bars.
    fn run_as(&self, database: &str, read_only: bool, text: &str) -> String {
        let request = QueryRequest {
            principal: &self.principal,
            text,
            parameters: &Parameters::new(),
            database,
            read_only,
            chunk_rows: 10_000,
        };
        let query = match self.engine.prepare(request) {
            Ok(query) => query,
            Err(refusal) => return format!("{:?} {refusal}", refusal.kind),
        };
        let mut answer = Vec::new();
        self.engine.execute(query, &AtomicBool::new(false), &mut |result| {
            answer.push(shown(&result));
            ControlFlow::Continue(())
        });
        answer.join("\n")
    }

    /// Runs statements that must succeed.
    fn done(&self, text: &str) {
        let answer = self.run(text);
        assert!(answer.lines().all(|line| line.ends_with(':')), "{text}: {answer}");
    }
}

fn shown(result: &StatementResult) -> String {
    let mut text = format!("{}:", result.statement_id);
    if let Some(series) = &result.series {
        let tags: Vec<String> = series.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
        if !series.name.is_empty() || !tags.is_empty() {
            let _ = write!(text, " {}{{{}}}", series.name, tags.join(","));
        }
        let columns: Vec<String> = series.columns.iter().map(ToString::to_string).collect();
        let _ = write!(text, " {}", columns.join(","));
        for row in series.clone().into_cells().rows() {
            let cells: Vec<String> = row.iter().map(shown_cell).collect();
            let _ = write!(text, " | {}", cells.join(","));
        }
    }
    for message in &result.messages {
        let _ = write!(text, " ({message})");
    }
    if let Some(error) = &result.error {
        let _ = write!(text, " error: {error}");
    }
    text
}

fn shown_cell(cell: &Value) -> String {
    match cell {
        Value::Null => "null".into(),
        Value::Time(time) => time.0.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Ordinal(value) => format!("#{value}"),
        Value::String(text) => text.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::List(items) => format!("{items:?}"),
    }
}
