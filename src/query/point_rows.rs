//! Rows that are points: projections of fields and tags, and arithmetic on them.

use fluxstone_influxql::ast::Limits;
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
    let semantics = execution.context.semantics;
    let from_points = !plan.descending && plan.inputs.iter().all(|input| input.has_ascending_points);
    let by_series = semantics.points_by_series && from_points;
    let order = if by_series { MergeOrder::Window(None) } else { MergeOrder::Time };
    let mut merged = MergedCursor::new(plan, group, &points.reads, plan.range, order);
    let mut read = ReadInShards::new(plan, semantics.offset_alone && !plan.is_inner);
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
