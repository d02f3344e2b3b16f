//! Runs a plan: finds its groups and evaluates them, on several threads where that pays.

use std::ops::ControlFlow;

use fluxstone_model::Clause;

use super::context::Context;
use super::error::QueryError;
use super::execution::Execution;
use super::groups::{Groups, groups};
use super::plan::{Plan, Projection};
use super::result::SeriesRows;
use super::{batches, group_rows, parallel};

/// Evaluates `plan` and passes the pieces of the answer to `emit`.
pub(super) fn evaluate(
    plan: &Plan,
    context: &Context,
    emit: &mut dyn FnMut(Option<SeriesRows>) -> ControlFlow<()>,
) -> Result<(), QueryError> {
    if plan.range.is_empty() {
        return Ok(());
    }
    let execution = Execution::new(context, emit);
    let (groups, _memory) = groups_in_order(plan, &execution)?.into_parts();
    if let (true, Projection::Calls(calls)) = (context.semantics.batches, &plan.projection)
        && batches::matter(plan, calls, &groups)
    {
        return batches::write(plan, calls, &groups, &execution);
    }
    match parallel::reserve(context, plan, &groups) {
        Some(reserved) => parallel::evaluate(plan, &groups, &reserved, &execution),
        None => group_rows::write(plan, &groups, &execution),
    }
}

/// Returns the groups in the order of the answer.
pub(super) fn groups_in_order(plan: &Plan, execution: &Execution<'_>) -> Result<Groups, QueryError> {
    check_window_count(plan, execution.context)?;
    let mut groups = groups(plan, execution)?;
    if let Some(error) = plan.type_error.as_ref().filter(|_| !groups.groups.is_empty()) {
        return Err(error.clone());
    }
    if plan.descending && plan.reverses_groups() {
        groups.reverse();
    }
    Ok(groups)
}

fn check_window_count(plan: &Plan, context: &Context) -> Result<(), QueryError> {
    let max = context.limits.buckets_max;
    let Some(windows) = plan.windows.filter(|_| max > 0) else { return Ok(()) };
    let count = windows.count(plan.range);
    if count > max {
        return Err(QueryError::Limit(
            Clause::new("select.limit.buckets.1"),
            format!("max-select-buckets limit exceeded: ({count}/{max})"),
        ));
    }
    Ok(())
}
