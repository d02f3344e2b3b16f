//! Planning and evaluation of SELECT: pure functions over a [`Source`].
//!
//! `plan` turns a validated [`Select`] into a plan that says which columns of which
//! series are read and which windows they fall into; `evaluate` runs it in column batches and yields pieces of series.
//! Knows nothing of files, clocks, threads it was not handed, or the catalog: names are resolved by [`Sources`].
//!
//! | step | files |
//! |---|---|
//! | what is named, and of which types | `schema`, `expand`, `names`, `subquery` with `inner_rows` |
//! | the condition | `fold` (constants), `time_bounds` and `time_literal` (the range), `conditions` (series and points) |
//! | the plan | `plan`, `projections` (arithmetic), `calls` (functions), `point_expr` (expressions over points), `windows` |
//! | reading | `source` (the seam), `groups` (which series), `points` (blocks to columns), `cursor` and `tie_heap` (merging) |
//! | results | `rows` (points), `streams` with `reduce`, `collect`, `fill` (functions), `execution` (pieces, limits, kills), `parallel` (threads) |
//! | functions | `functions`, one file for each family |
//!
//! # Adding a function
//!
//! Choose its shape in `functions` and implement it in the file of its family; name it in `calls`, where its arguments are read, and in
//! `influxql`, where they are validated; give it clauses in `spec/functions.md` and tests that cite them.

mod calls;
mod collect;
mod conditions;
mod cursor;
mod evaluate;
mod execution;
mod expand;
mod fill;
mod fold;
pub mod functions;
mod go_names;
mod groups;
mod inner_rows;
mod names;
mod parallel;
mod plan;
mod point_expr;
mod points;
mod projections;
mod reduce;
mod result;
mod rows;
mod scalar;
mod schema;
mod streams;
mod subquery;
#[cfg(test)]
mod test_source;
#[cfg(test)]
mod tests;
mod time_bounds;
mod time_literal;
mod windows;

pub use conditions::{SeriesFilter, series_filter};
pub use plan::annotate_types;
pub use time_bounds::TimeBounds;

pub use result::{SeriesRows, Value};

use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::{Source, SourceError};
use fluxstone_compat::SelectSemantics;
use fluxstone_influxql::ast::{Measurement, Select};
use fluxstone_model::Timestamp;

/// [`Context::window_values_max`] of a server.
pub const WINDOW_VALUES_MAX: usize = 1 << 18;

/// Finds the data that a source names. The names are complete: the engine has filled in databases and policies.
pub trait Sources {
    /// The data of the policy that `measurement` names.
    fn source(&self, measurement: &Measurement) -> Result<Arc<dyn Source>, QueryError>;
}

/// What a query may know of the world, decided before it starts.
#[derive(Debug, Clone)]
pub struct Context {
    /// The value of `now()`.
    pub now: Timestamp,
    /// Rows in one piece of a series, at least 1.
    pub chunk_rows: usize,
    /// Limits of the `[coordinator]` section; zero is none.
    pub limits: SelectLimits,
    /// Values of a window that a function such as `median` holds at once; if there are more, it reads them several times. An inner
    /// query of points holds some times as many.
    pub window_values_max: usize,
    /// How many threads may work on it at once; more than one if that is worth it, never more.
    pub threads: usize,
    /// Which answers to give where documentation and InfluxDB 1.2.4 disagree.
    pub semantics: SelectSemantics,
}

/// `max-select-point`, `max-select-series`, `max-select-buckets`; zero is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SelectLimits {
    /// Points that one SELECT may read.
    pub points_max: u64,
    /// Series that one SELECT may read.
    pub series_max: u64,
    /// Windows that one SELECT may make.
    pub buckets_max: u64,
}

/// Why a SELECT failed while it ran. Displays as the text that clients see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The statement can't be run as it stands: an unknown function, a wildcard in arithmetic, a bad time literal ...
    #[error("{0}")]
    Invalid(String),
    /// A name that does not resolve; 1.2.4 reports these with statement id 0.
    #[error("{0}")]
    Unresolved(String),
    /// A limit of the configuration was passed.
    #[error("{0}")]
    Limit(String),
    /// The query was killed or timed out, or the client went away.
    #[error("query interrupted")]
    Interrupted,
    /// Stored data could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// InfluxQL that this version does not run yet.
    #[error("{0} is not supported yet")]
    Unsupported(String),
}

/// Plans and evaluates `select`, handing each piece of the answer to `emit` in order, until `emit` breaks.
///
/// `emit` is also asked between batches (with no piece) whether to go on, so that kills and disconnects are noticed.
///
/// # Errors
/// What is wrong is reported as [`QueryError`]; pieces handed out before stay valid.
pub fn run(
    select: &Select,
    sources: &dyn Sources,
    context: &Context,
    emit: &mut dyn FnMut(Option<SeriesRows>) -> ControlFlow<()>,
) -> Result<(), QueryError> {
    let plan = plan::plan(select, sources, context, TimeBounds::default(), emit)?;
    evaluate::evaluate(&plan, context, emit)
}
