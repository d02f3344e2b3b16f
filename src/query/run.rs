//! Running a SELECT: planning, then evaluating.

use std::ops::ControlFlow;

use fluxstone_influxql::ast::Select;

use super::context::{Context, Sources};
use super::error::QueryError;
use super::planner::Around;
use super::result::SeriesRows;
use super::{evaluate, subquery};

/// Plans and evaluates `select`, passing each piece of the answer to `emit` in order until `emit` breaks.
///
/// `emit` is also called with no piece between batches, so that kills and disconnects are noticed.
///
/// # Errors
/// See [`QueryError`]. Pieces that were emitted before an error remain valid.
pub fn run(
    select: &Select,
    sources: &dyn Sources,
    context: &Context,
    emit: &mut dyn FnMut(Option<SeriesRows>) -> ControlFlow<()>,
) -> Result<(), QueryError> {
    let plan = subquery::plan(select, sources, context, Around::default(), emit)?;
    evaluate::evaluate(&plan, context, emit)
}
