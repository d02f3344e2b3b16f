//! Queries whose rows are points: projections of fields and tags, and arithmetic on them.

use crate::model::Timestamp;

use super::cursor::{MergeOrder, MergedCursor};
use super::execution::{Execution, SeriesWriter};
use super::groups::Group;
use super::plan::{Plan, PointPlan};
use super::{QueryError, Value};

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
    while let Some((_, cursor)) = merged.next(execution)? {
        let flow = writer.row(|cells| {
            cells.push(Value::Time(Timestamp(cursor.time())));
            cells.extend(points.outputs.iter().map(|output| output.eval(cursor.point()).to_value()));
        })?;
        if flow.is_break() {
            break;
        }
    }
    writer.finish()
}
