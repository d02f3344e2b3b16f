//! The rows of groups, one group after another, each streamed in pieces.

use super::error::QueryError;
use super::execution::{Execution, SeriesWriter};
use super::group_run::GroupRun;
use super::groups::Group;
use super::plan::{Plan, Projection};
use super::{point_rows, streams};

/// Evaluates `groups` in order and emits their rows.
pub(super) fn write<'r>(plan: &'r Plan, groups: &'r [Group], execution: &'r Execution<'r>) -> Result<(), QueryError> {
    let limit = (plan.limits.limit > 0).then_some(plan.limits.limit);
    let has_text = plan.shows_text();
    for group in groups {
        execution.go_on()?;
        let (name, tags) = (group.measurement.clone(), plan.tags_of(&group.values));
        let columns = plan.columns.clone();
        let writer = SeriesWriter::new(execution, name, tags, columns, has_text, plan.limits.offset, limit);
        match &plan.projection {
            Projection::Points(points) => point_rows::write(plan, points, group, execution, writer)?,
            Projection::Calls(calls) => streams::write(GroupRun { plan, calls, group, execution }, writer)?,
        }
    }
    Ok(())
}
