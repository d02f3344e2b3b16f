//! Continuous queries: the SELECT ... INTO of each runs over the windows that have ended since its last run.
//!
//! A thread checks all of them every `run-interval`. The times of the last runs are logged after the runs of each check, so that a
//! restart neither repeats nor skips a window. After a crash the windows of the last runs can be computed again; a point that is
//! written twice is the same point.

mod schedule;
mod state;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use fluxstone_catalog::Change;
use fluxstone_influxql::ast::{Select, Statement};
use fluxstone_model::{TimeRange, Timestamp};
use fluxstone_query::ReadCounter;
use fluxstone_storage::StorageError;

use schedule::{DueRun, Schedule};
pub(super) use state::{ContinuousQueries, Memory};

use super::authorize::refusal_of_continuous_query;
use super::session::{PreparedQuery, Session};
use super::{Core, Engine, Principal};

/// The most rows in a piece of a result; the result of SELECT INTO has one.
const CHUNK_ROWS: usize = 10_000;

/// A query that is due.
#[derive(Debug)]
struct Due {
    record: Change,
    /// `None` if there is nothing to compute, or its author is not allowed to.
    run: Option<Run>,
}

/// A run that is due.
#[derive(Debug)]
struct Run {
    database: String,
    name: String,
    author: Option<String>,
    select: Select,
    range: TimeRange,
}

impl Engine {
    /// The time of a continuous query's last run: when that run was due. It is kept across restarts.
    pub fn last_run(&self, database: &str, name: &str) -> Option<Timestamp> {
        let catalog = self.core.catalog.visible();
        let query = catalog.database(database)?.continuous_queries.iter().find(|query| query.name == name)?;
        query.last_run.map(Timestamp)
    }
}

impl Core {
    /// Checks all continuous queries once and runs those that are due, until `cancelled` becomes true.
    pub(super) fn run_continuous_queries(&self, queries: &mut ContinuousQueries, cancelled: &AtomicBool) {
        let now = self.clock.now();
        let mut records = Vec::new();
        for Due { record, run } in self.due(queries, now) {
            if let Some(run) = run {
                self.run_and_report(run, cancelled);
            }
            if cancelled.load(Ordering::Relaxed) {
                // This run may be incomplete: it is due again after a start.
                break;
            }
            records.push(record);
        }
        if records.is_empty() || self.memory_of_runs() == Memory::SinceStart {
            return;
        }
        if let Err(error) = self.change(|_, _| Ok::<_, StorageError>(records)) {
            tracing::error!(%error, "the runs of continuous queries could not be logged; a restart may repeat them");
        }
    }

    fn run_and_report(&self, run: Run, cancelled: &AtomicBool) {
        let Run { database, name, author, select, range } = run;
        let started = Instant::now();
        let run = || self.run_one(&database, author, select.limited_to(range), cancelled);
        let error = self.guarded("continuous query", run).unwrap_or_else(|| Some("it panicked".to_owned()));
        self.counters.count_continuous_query(error.is_none());
        match error {
            Some(error) => tracing::error!(database, name, error, "a continuous query failed"),
            None if self.options.continuous_queries.log_runs => {
                let (from, to) = (range.min, range.max);
                let elapsed = started.elapsed();
                tracing::info!(database, name, %from, %to, ?elapsed, "a continuous query ran");
            }
            None => {}
        }
    }

    pub(super) fn memory_of_runs(&self) -> Memory {
        if self.options.semantics.statements.forgets_runs { Memory::SinceStart } else { Memory::AcrossRestarts }
    }

    /// The queries that are due, in the order of creation. All of them are recorded as the last runs.
    fn due(&self, queries: &mut ContinuousQueries, now: Timestamp) -> Vec<Due> {
        let catalog = self.catalog.visible();
        let mut due = Vec::new();
        for database in catalog.databases() {
            for query in &database.continuous_queries {
                let state = queries.entry(&database.name, query, self.memory_of_runs());
                let Some(task) = &state.task else { continue };
                let schedule = Schedule::new(&task.window, task.resample, now);
                let Some(DueRun { at, range }) = schedule.due(state.last_run, now) else { continue };
                state.last_run = Some(at);
                let at = at.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
                let record = Change::RunContinuousQuery { database: database.id, name: query.name.clone(), at };
                let Some(range) = range else {
                    due.push(Due { record, run: None });
                    continue;
                };
                let refusal = refusal_of_continuous_query(&catalog, query);
                let mut run = None;
                if let Some(reason) = &refusal {
                    self.counters.continuous_queries_skipped.fetch_add(1, Ordering::Relaxed);
                    if state.refusal != refusal {
                        let (database, name) = (&database.name, &query.name);
                        tracing::warn!(database, name, reason, "a continuous query is skipped from now on");
                    }
                } else {
                    let (database, name, author) = (database.name.clone(), query.name.clone(), query.author.clone());
                    run = Some(Run { database, name, author, select: task.select.clone(), range });
                }
                due.push(Due { record, run });
                state.refusal = refusal;
            }
        }
        due
    }

    /// Runs a query as its own request, which SHOW QUERIES lists. Returns its error.
    fn run_one(
        &self,
        database: &str,
        author: Option<String>,
        select: Select,
        cancelled: &AtomicBool,
    ) -> Option<String> {
        let memory = self.query_memory.budget(self.options.query_memory_max);
        let reservation = memory.reserve();
        let session = Session {
            principal: author.map_or(Principal::Anyone, Principal::User),
            database: database.to_owned(),
            read_only: false,
            chunk_rows: CHUNK_ROWS,
            memory,
            reads: ReadCounter::default(),
        };
        let query = PreparedQuery { statements: vec![Statement::Select(Box::new(select))], session, reservation };
        let mut error = None;
        self.execute(query, cancelled, &mut |result| {
            error = error.take().or(result.error);
            ControlFlow::Continue(())
        });
        error
    }
}
