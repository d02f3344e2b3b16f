//! Rows that are points: projections of fields and tags, and arithmetic on them.

use std::sync::Arc;

use fluxstone_influxql::ast::Limits;
use fluxstone_model::Timestamp;

use super::cursor::{MergeOrder, MergedCursor};
use super::error::QueryError;
use super::execution::{Execution, SeriesWriter};
use super::groups::Group;
use super::plain_rows::{PlainColumn, PlainLayout, labels_bytes};
use super::plan::{Plan, PointPlan};
use super::point_expr::PointExpr;
use super::value::Value;

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
    let semantics = execution.context.semantics;
    let from_points = !plan.descending && plan.inputs.iter().all(|input| input.has_ascending_points);
    let by_series = semantics.points_by_series && from_points;
    let mut read = ReadInShards::new(plan, semantics.offset_alone && !plan.is_inner);
    let is_plain = execution.context.plain_rows && !by_series && read.rows_max.is_none();
    if let Some(layout) = is_plain.then(|| plain_layout(points)).flatten() {
        return write_plain(plan, points, group, execution, &Arc::new(layout), writer);
    }
    let order = if by_series { MergeOrder::Window(None) } else { MergeOrder::Time };
    let mut merged = MergedCursor::new(plan, group, &points.reads, plan.range, order);
    // The columns of each series, compiled when its first point comes.
    let mut memory = execution.reserve();
    memory.grow(group.series.len() * size_of::<Option<Box<[PointExpr]>>>())?;
    let outputs_bytes = size_of::<PointExpr>() * points.outputs.iter().map(PointExpr::size).sum::<usize>();
    let mut outputs: Vec<Option<Box<[PointExpr]>>> = vec![None; group.series.len()];
    while let Some((number, cursor)) = merged.next(execution)? {
        if !read.takes(cursor.time()) {
            continue;
        }
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

/// What OFFSET without LIMIT reads in 1.2.4: one row of each shard more than it skips.
struct ReadInShards<'p> {
    starts: &'p [Timestamp],
    /// `None` if all rows are read.
    rows_max: Option<u64>,
    shard: usize,
    rows: u64,
}

impl<'p> ReadInShards<'p> {
    fn new(plan: &'p Plan, is_limited: bool) -> ReadInShards<'p> {
        let Limits { limit, offset, .. } = plan.limits;
        let rows_max = (is_limited && limit == 0 && offset > 0).then(|| offset.saturating_add(1));
        ReadInShards { starts: &plan.shard_starts, rows_max, shard: 0, rows: 0 }
    }

    /// Whether the next row, which is at `time`, is read.
    fn takes(&mut self, time: i64) -> bool {
        let Some(rows_max) = self.rows_max else { return true };
        let shard = self.starts.partition_point(|start| start.0 <= time);
        if shard != self.shard {
            (self.shard, self.rows) = (shard, 0);
        }
        self.rows += 1;
        self.rows <= rows_max
    }
}

/// Returns the layout of the rows, unless some columns are computed.
fn plain_layout(points: &PointPlan) -> Option<PlainLayout> {
    let (mut columns, mut labels, mut fields) = (Vec::with_capacity(points.outputs.len()), Vec::new(), Vec::new());
    for output in &points.outputs {
        columns.push(match output {
            PointExpr::Column(column) => {
                fields.push((*column, points.reads.fields.get(*column)?.read_as));
                PlainColumn::Field(fields.len() - 1)
            }
            PointExpr::Tag(_) | PointExpr::Literal(Value::Null) => {
                labels.push(if let PointExpr::Tag(key) = output { Some(key.clone()) } else { None });
                PlainColumn::Label(labels.len() - 1)
            }
            _ => return None,
        });
    }
    Some(PlainLayout::new(columns, labels, fields))
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
                    let new = layout.labels_of(&point.key.tags);
                    let bytes = labels_bytes(&new);
                    (rows.add_labels(new), bytes)
                },
                |labels| (labels.at, 0),
            );
            *labels = Some(LabelsAt { piece, at });
            let scalar = |column| point.batch.get(column, point.row);
            bytes + rows.push((cursor.time(), at), scalar, |column| point.batch.cell(column, point.row))
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
