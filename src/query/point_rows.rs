//! Rows that are points: projections of fields and tags, and arithmetic on them.

use fluxstone_model::Timestamp;

use super::cursor::{MergeOrder, MergedCursor};
use super::error::QueryError;
use super::execution::{Execution, SeriesWriter};
use super::groups::Group;
use super::plan::{Plan, PointPlan};
use super::point_expr::PointExpr;
use super::result::Value;

/// Writes the rows of one group, one for each point.
pub(super) fn write(
    plan: &Plan,
    points: &PointPlan,
    group: &Group,
    execution: &Execution<'_>,
    mut writer: SeriesWriter<'_, '_>,
) -> Result<(), QueryError> {
    if points.reads.selected == 0 {
        return Ok(());
    }
    let mut merged = MergedCursor::new(plan, group, &points.reads, plan.range, MergeOrder::Time);
    // The columns of each series, compiled when its first point comes.
    let mut memory = execution.reserve();
    memory.grow(group.series.len() * size_of::<Option<Box<[PointExpr]>>>())?;
    let outputs_bytes = size_of::<PointExpr>() * points.outputs.iter().map(PointExpr::size).sum::<usize>();
    let mut outputs: Vec<Option<Box<[PointExpr]>>> = vec![None; group.series.len()];
    while let Some((number, cursor)) = merged.next(execution)? {
        let point = cursor.point();
        let outputs = &mut outputs[number];
        if outputs.is_none() {
            memory.grow(outputs_bytes)?;
        }
        let outputs =
            outputs.get_or_insert_with(|| points.outputs.iter().map(|output| output.of_series(point.key)).collect());
        let flow = writer.row(|cells| {
            cells.push(Value::Time(Timestamp(cursor.time())));
            cells.extend(outputs.iter().map(|output| output.cell(point)));
        })?;
        if flow.is_break() {
            break;
        }
    }
    writer.finish()
}
