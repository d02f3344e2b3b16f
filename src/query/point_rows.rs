//! Rows that are points: projections of fields and tags, and arithmetic on them.

use std::sync::Arc;

use fluxstone_model::Timestamp;

use super::cursor::{MergeOrder, MergedCursor};
use super::error::QueryError;
use super::execution::{Execution, SeriesWriter};
use super::groups::Group;
use super::plain_rows::{PlainLayout, labels_bytes};
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
    let layout = execution.context.plain_rows.then(|| PlainLayout::of(&points.outputs, &points.reads.fields)).flatten();
    if let Some(layout) = layout {
        return write_plain(plan, points, group, execution, &Arc::new(layout), writer);
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

/// Writes the rows of one group, whose columns are not computed.
fn write_plain(
    plan: &Plan,
    points: &PointPlan,
    group: &Group,
    execution: &Execution<'_>,
    layout: &Arc<PlainLayout>,
    mut writer: SeriesWriter<'_, '_>,
) -> Result<(), QueryError> {
    writer.make_plain(layout.clone());
    let mut merged = MergedCursor::new(plan, group, &points.reads, plan.range, MergeOrder::Time);
    let mut memory = execution.reserve();
    memory.grow(group.series.len() * size_of::<Option<LabelsAt>>())?;
    let mut labels: Vec<Option<LabelsAt>> = vec![None; group.series.len()];
    while let Some((number, cursor)) = merged.next(execution)? {
        let point = cursor.point();
        let labels = &mut labels[number];
        let flow = writer.plain_row(layout, |rows, piece| {
            let known = labels.filter(|labels| labels.piece == piece);
            let (at, bytes) = known.map_or_else(
                || {
                    let new = layout.labels_of(point);
                    let bytes = labels_bytes(&new);
                    (rows.add_labels(new), bytes)
                },
                |labels| (labels.at, 0),
            );
            *labels = Some(LabelsAt { piece, at });
            bytes + rows.push(cursor.time(), at, point)
        })?;
        if flow.is_break() {
            break;
        }
    }
    writer.finish()
}

/// Where the labels of a series are.
#[derive(Debug, Clone, Copy)]
struct LabelsAt {
    /// The number of the piece.
    piece: usize,
    /// The number of the labels in the piece.
    at: usize,
}
