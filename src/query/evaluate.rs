//! Runs a plan: group after group, each streamed in pieces.

use std::ops::ControlFlow;

use super::execution::{Execution, SeriesWriter};
use super::groups::{Group, groups};
use super::plan::{Plan, Projection};
use super::streams::{self, GroupRun};
use super::{Context, QueryError, SeriesRows, parallel, rows};

/// Evaluates `plan` and hands the pieces of the answer to `emit`.
pub(super) fn evaluate(
    plan: &Plan,
    context: &Context,
    emit: &mut dyn FnMut(Option<SeriesRows>) -> ControlFlow<()>,
) -> Result<(), QueryError> {
    if plan.range.is_empty() {
        return Ok(());
    }
    let execution = Execution::new(context, emit);
    let groups = groups_in_order(plan, &execution)?;
    if parallel::pays(context, &groups) {
        parallel::evaluate(plan, &groups, context, &execution)
    } else {
        in_order(plan, &groups, &execution)
    }
}

/// The groups in the order of the answer.
pub(super) fn groups_in_order(plan: &Plan, execution: &Execution<'_>) -> Result<Vec<Group>, QueryError> {
    check_window_count(plan, execution.context)?;
    let mut groups = groups(plan, execution)?;
    if plan.descending && plan.reverses_groups() {
        groups.reverse();
    }
    Ok(groups)
}

/// Evaluates groups one after the other.
pub(super) fn in_order<'r>(
    plan: &'r Plan,
    groups: &'r [Group],
    execution: &'r Execution<'r>,
) -> Result<(), QueryError> {
    let limit = (plan.limits.limit > 0).then_some(plan.limits.limit);
    for group in groups {
        let (name, tags) = (group.measurement.clone(), group.tags.clone());
        let writer = SeriesWriter::new(execution, name, tags, plan.columns.clone(), plan.limits.offset, limit);
        match &plan.projection {
            Projection::Points(points) => rows::write(plan, points, group, execution, writer)?,
            Projection::Calls(calls) => streams::write(GroupRun { plan, calls, group, execution }, writer)?,
        }
    }
    Ok(())
}

fn check_window_count(plan: &Plan, context: &Context) -> Result<(), QueryError> {
    let max = context.limits.buckets_max;
    let Some(windows) = plan.windows.filter(|_| max > 0) else { return Ok(()) };
    let count = windows.count(plan.range);
    if count > max {
        return Err(QueryError::Limit(format!("max-select-buckets limit exceeded: ({count}/{max})")));
    }
    Ok(())
}
