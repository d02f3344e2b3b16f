//! Planning and evaluation of SELECT: pure functions over a [`Source`](fluxstone_columns::Source).
//!
//! [`run()`] plans a validated [`Select`](fluxstone_influxql::ast::Select), that is, decides which columns of which series are read
//! and which windows they fall into, and evaluates the plan in column batches, which yields pieces of series.
//! This crate knows nothing of files, clocks, the catalog, or threads it was not given: [`Sources`] resolves names.
//!
//! | step | files |
//! |---|---|
//! | names and their types | `schema`, `expand`, `names` |
//! | sub-queries | `subquery`, `answer_source`, `answer_rows`, `inner_rows` |
//! | the condition | `fold` (constants), `time_bounds` and `time_literal` (the range), `conditions` (series and points) |
//! | the plan | `planner`, `planning`, `plan`, `read_set`, `projections` (arithmetic), `calls` (functions), `point_expr` (expressions over points), `windows` |
//! | reading | `groups` with `first_groups` (which series), `points` with `field_cursor`, `row_batch` and `column_slice` (blocks to columns), `cursor` (merging) |
//! | results | `point_rows` (points), `streams` with `reduce`, `together`, `collect`, `fill` (functions), `execution` (pieces, limits, kills) |
//! | memory | `budget` |
//! | order and threads | `run`, `evaluate`, `group_rows`, `parallel`, `worker_pool` |
//! | functions | [`mod@functions`], one file for each family |
//!
//! # Adding a function
//!
//! Choose its shape in `functions` and implement it in the file of its family; add its name to `calls`, where its arguments are read,
//! and to `influxql`, where they are validated; give it clauses in `spec/functions.md` and tests that cite them.

mod answer_rows;
mod answer_source;
mod batch_fill;
mod batches;
mod budget;
mod calls;
mod collect;
mod column_slice;
mod conditions;
mod context;
mod cursor;
mod error;
mod evaluate;
mod execution;
mod expand;
mod field_cursor;
mod fill;
mod first_groups;
mod fold;
pub mod functions;
mod go_names;
mod group_rows;
mod group_run;
mod groups;
mod inner_rows;
mod names;
mod parallel;
mod plain_rows;
mod plan;
mod planner;
mod planning;
mod point_expr;
mod point_rows;
mod points;
mod projections;
mod pruning;
mod read_counts;
mod read_set;
mod reduce;
mod result;
mod row_batch;
mod run;
mod scalar;
mod schema;
mod streams;
mod subquery;
#[cfg(test)]
mod tests;
mod time_bounds;
mod time_literal;
mod together;
mod value;
mod value_set;
mod windows;
mod worker_pool;

pub use budget::{MemoryBudget, MemoryPool, Reservation};
pub use conditions::{SeriesFilter, series_filter};
pub use context::{Context, SelectLimits, Sources, WINDOW_VALUES_MAX};
pub use error::QueryError;
pub use plain_rows::{PlainColumn, PlainRow, PlainRows};
pub use planner::annotate_types;
pub use read_counts::{ReadCounter, ReadCounts};
pub use result::SeriesRows;
pub use run::run;
pub use time_bounds::TimeBounds;
pub use value::Value;
pub use worker_pool::WorkerPool;
