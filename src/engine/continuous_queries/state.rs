//! The state of continuous queries between their runs: the parsed query, and when it ran last.

use std::collections::HashMap;

use fluxstone_catalog::{Catalog, ContinuousQuery};
use fluxstone_influxql::ast::{Definition, Resample, Select, Statement, Window};
use fluxstone_influxql::{Parameters, parse};
use fluxstone_model::Timestamp;

use super::schedule::Schedule;

/// The state of all continuous queries, by database and name.
#[derive(Debug, Default)]
pub(in super::super) struct ContinuousQueries(HashMap<(String, String), QueryState>);

/// The state of one continuous query.
#[derive(Debug)]
pub(super) struct QueryState {
    text: String,
    /// `None` for a query that never runs.
    pub(super) task: Option<Task>,
    pub(super) last_run: Option<i128>,
    /// Why it was not allowed to run when it was due last.
    pub(super) refusal: Option<String>,
}

/// Whether a query that was not run since the start knows when it ran before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Memory {
    AcrossRestarts,
    SinceStart,
}

/// A parsed query that can run.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) select: Select,
    pub(super) window: Window,
    pub(super) resample: Resample,
}

impl ContinuousQueries {
    /// When the next query of `catalog` is due, if one has run before and so has a next time.
    pub(in super::super) fn next_run(
        &mut self,
        catalog: &Catalog,
        now: Timestamp,
        memory: Memory,
    ) -> Option<Timestamp> {
        let mut next = None;
        for database in catalog.databases() {
            for query in &database.continuous_queries {
                let state = self.entry(&database.name, query, memory);
                let (Some(task), Some(last)) = (&state.task, state.last_run) else { continue };
                let at = Schedule::new(&task.window, task.resample, now).after(last);
                next = Some(next.map_or(at, |next: Timestamp| next.min(at)));
            }
        }
        next
    }

    /// The state of a query. The time of its last run is kept even if the query is dropped and created again.
    pub(super) fn entry(&mut self, database: &str, query: &ContinuousQuery, memory: Memory) -> &mut QueryState {
        let ContinuousQuery { name, text, last_run, .. } = query;
        let state = self.0.entry((database.to_owned(), name.clone())).or_insert_with(|| QueryState {
            text: text.clone(),
            task: task(text),
            last_run: None,
            refusal: None,
        });
        if state.text != *text {
            state.task = task(text);
            state.text.clone_from(text);
        }
        if memory == Memory::AcrossRestarts {
            state.last_run = state.last_run.or(last_run.map(i128::from));
        }
        state
    }
}

/// Parses a stored text. A query without windows is stored, but never runs.
fn task(text: &str) -> Option<Task> {
    let statement = match parse(text, &Parameters::new()) {
        Ok(query) => query.statements.into_iter().next()?,
        Err(error) => {
            tracing::error!(text, %error, "a stored continuous query cannot be parsed");
            return None;
        }
    };
    let Statement::Define(Definition::CreateContinuousQuery { resample, select, .. }) = statement else { return None };
    let window = select.group_by.window()?.clone();
    Some(Task { select: *select, window, resample })
}
