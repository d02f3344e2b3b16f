//! Cursors over points in the order of the answer: of one series, or of the series of a group, merged.

use std::sync::Arc;

use fluxstone_go::TieHeap;
use fluxstone_model::{SeriesKey, TimeRange, Timestamp};

use super::budget::Reservation;
use super::column_slice::ColumnSlice;
use super::error::QueryError;
use super::execution::Execution;
use super::groups::{Group, Member};
use super::plan::Plan;
use super::point_expr::{PointExpr, PointRow};
use super::points::RowReader;
use super::read_set::ReadSet;
use super::row_batch::RowBatch;
use super::windows::Windows;

/// A position at one point of a series: a row that has a selected field and satisfies the condition.
pub(super) struct SeriesCursor {
    key: Arc<SeriesKey>,
    reader: RowReader,
    filter: Option<Arc<PointExpr>>,
    /// How many rows are filtered between questions whether to go on.
    filtered_at_once: usize,
    /// How many of the fields that are read make a row.
    selected: usize,
    /// Whether there are fields that do not make a row.
    has_condition_fields: bool,
    descending: bool,
    batch: RowBatch,
    /// The rows of `batch` that are points, in the order of the answer.
    rows: Vec<u32>,
    at: usize,
}

/// How many steps of a condition are computed between questions whether to go on.
const FILTER_STEPS_MAX: usize = 1 << 20;

/// The order in which the points of several series come.
#[derive(Debug, Clone, Copy)]
pub(super) enum MergeOrder {
    /// By time.
    Time,
    /// By window, and within a window one series after another.
    Window(Option<Windows>),
}

/// The time or window of a series' next point, and the rank that breaks ties where series have an order. Smaller comes first.
type MergeKey = (i64, usize);

/// Series at their next points. Of those that are far from being read, if ever, only the place in the order is known.
type Heap = TieHeap<MergeKey, (usize, Option<Box<SeriesCursor>>)>;

/// Up to this many series are kept open side by side although few rows are wanted.
const OPEN_MAX: usize = 64;

/// The points of the series of a group in one order.
pub(super) struct MergedCursor<'r> {
    plan: &'r Plan,
    group: &'r Group,
    reads: &'r ReadSet,
    order: MergeOrder,
    /// The ranges that are still to be read, the next one last. Each has a heap of its own.
    stretches: Vec<TimeRange>,
    /// The stretch that is being read.
    stretch: TimeRange,
    heap: Heap,
    /// The memory of the heap.
    memory: Option<Reservation>,
    current: Option<(MergeKey, usize, Box<SeriesCursor>)>,
}

impl SeriesCursor {
    /// Creates a cursor before the first point. `beside` is the number of such cursors that are used at the same time.
    pub(super) fn new(
        plan: &Plan,
        member: &Member,
        reads: &ReadSet,
        range: TimeRange,
        descending: bool,
        beside: usize,
        execution: &Execution<'_>,
    ) -> Result<Self, QueryError> {
        let Member { source, series, .. } = member;
        let mut reader = RowReader::new(&**source, series.id, &reads.fields, range, descending, beside, execution)?;
        if plan.limits.limit > 0 {
            reader.begin_with_end_row();
        }
        let filter = plan.point_filter(reads, &member.residual)?;
        if let Some(filter) = &filter {
            reader.leave_out(filter, execution)?;
        }
        let filter_size = filter.as_ref().map_or(0, |filter| filter.size());
        reader.memory().grow(size_of::<Self>() + filter_size * size_of::<PointExpr>())?;
        Ok(SeriesCursor {
            key: series.key.clone(),
            reader,
            filter,
            filtered_at_once: FILTER_STEPS_MAX / filter_size.max(1),
            selected: reads.selected,
            has_condition_fields: reads.selected < reads.fields.len(),
            descending,
            batch: RowBatch::default(),
            rows: Vec::new(),
            at: 0,
        })
    }

    /// Moves to the next batch that has a point; returns false at the end.
    pub(super) fn next_batch(&mut self, execution: &Execution<'_>) -> Result<bool, QueryError> {
        self.at = 0;
        while let Some(batch) = self.reader.next_batch(execution)? {
            self.batch = batch;
            self.choose_rows(execution)?;
            if !self.rows.is_empty() {
                return Ok(true);
            }
        }
        self.rows.clear();
        Ok(false)
    }

    /// Moves to the next point; returns false at the end.
    pub(super) fn advance(&mut self, execution: &Execution<'_>) -> Result<bool, QueryError> {
        self.at += 1;
        if self.at < self.rows.len() { Ok(true) } else { self.next_batch(execution) }
    }

    /// Whether the current batch uses up the blocks that were decoded.
    pub(super) fn is_last_of_blocks(&self) -> bool {
        self.reader.is_between_blocks()
    }

    /// Passes on the times of the points of the current batch, and their values of the first field, which all of them must have.
    pub(super) fn with_values(&self, take: impl FnOnce(&[i64], ColumnSlice<'_>)) {
        let times = self.batch.times();
        match self.batch.dense(0) {
            Some(values) if !self.descending && self.rows.len() == times.len() => take(times, values),
            _ => {
                let (times, values) = self.batch.gather(0, &self.rows);
                take(&times, ColumnSlice::of(&values));
            }
        }
    }

    /// Whether the cursor is at its first point, which summaries told.
    fn is_at_end_row(&self) -> bool {
        self.filter.is_none() && self.batch.is_end_row()
    }

    /// The number of points of the current batch.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Visits all points of the current batch, with their times.
    pub(super) fn for_each(&self, mut visit: impl FnMut(i64, PointRow<'_>)) {
        let times = self.batch.times();
        for row in self.rows.iter().map(|row| *row as usize) {
            visit(times[row], PointRow { key: &self.key, batch: &self.batch, row });
        }
    }

    /// The time of the current point.
    pub(super) fn time(&self) -> i64 {
        self.batch.times()[self.rows[self.at] as usize]
    }

    /// The current point.
    pub(super) fn point(&self) -> PointRow<'_> {
        PointRow { key: &self.key, batch: &self.batch, row: self.rows[self.at] as usize }
    }

    fn choose_rows(&mut self, execution: &Execution<'_>) -> Result<(), QueryError> {
        self.rows.clear();
        let rows = 0..self.batch.times().len() as u32;
        if self.descending {
            self.rows.extend(rows.rev());
        } else {
            self.rows.extend(rows);
        }
        let batch = &self.batch;
        if self.has_condition_fields {
            self.rows.retain(|row| (0..self.selected).any(|column| batch.has(column, *row as usize)));
        }
        let Some(filter) = &self.filter else { return Ok(()) };
        if self.rows.len() <= self.filtered_at_once {
            filter.keep(&self.key, batch, &mut self.rows);
            return Ok(());
        }
        let mut kept = Vec::new();
        for rows in self.rows.chunks(self.filtered_at_once.max(1)) {
            execution.go_on()?;
            let mut rows = rows.to_vec();
            filter.keep(&self.key, batch, &mut rows);
            kept.append(&mut rows);
        }
        self.rows = kept;
        Ok(())
    }
}

impl<'r> MergedCursor<'r> {
    /// Creates a cursor over the points of `group` in `range` that have one of the fields of `reads`.
    pub(super) fn new(
        plan: &'r Plan,
        group: &'r Group,
        reads: &'r ReadSet,
        range: TimeRange,
        order: MergeOrder,
    ) -> MergedCursor<'r> {
        // A single series has each time once, and windows take their series one after another.
        let is_whole = group.series.len() == 1 || matches!(order, MergeOrder::Window(_));
        let mut stretches = if is_whole { vec![range] } else { cut_at(range, &plan.shard_starts) };
        if !plan.descending {
            stretches.reverse();
        }
        let heap = TieHeap::new(Vec::new());
        MergedCursor { plan, group, reads, order, stretches, stretch: range, heap, memory: None, current: None }
    }

    /// Moves to the next point and returns it with the number of its series in the group.
    pub(super) fn next(&mut self, execution: &Execution<'_>) -> Result<Option<(usize, &SeriesCursor)>, QueryError> {
        if let Some((key, number, mut cursor)) = self.current.take()
            && cursor.advance(execution)?
        {
            let next_key = (self.order.key(cursor.time(), self.plan.descending), key.1);
            if next_key == key && matches!(self.order, MergeOrder::Window(_)) {
                self.current = Some((key, number, cursor));
            } else {
                self.heap.push(next_key, (number, Some(cursor)));
            }
        }
        while self.current.is_none() {
            if let Some((key, (number, cursor))) = self.heap.pop() {
                let cursor = match cursor {
                    Some(cursor) => Some(cursor),
                    None => self.open(number, execution)?,
                };
                self.current = cursor.map(|cursor| (key, number, cursor));
            } else if let Some(stretch) = self.stretches.pop() {
                self.stretch = stretch;
                self.heap = self.heap_of(execution)?;
            } else {
                return Ok(None);
            }
        }
        Ok(self.current.as_ref().map(|(_, number, cursor)| (*number, &**cursor)))
    }

    /// Returns the series that have points in the stretch, each at its first one.
    fn heap_of(&mut self, execution: &Execution<'_>) -> Result<Heap, QueryError> {
        let descending = self.plan.descending;
        let mut memory = execution.reserve();
        let mut cursors = Vec::new();
        for (number, member) in self.group.series.iter().enumerate() {
            execution.go_on()?;
            let Some(cursor) = self.open(number, execution)? else { continue };
            let rank = if member.ordered { number } else { 0 };
            let key = (self.order.key(cursor.time(), descending), rank);
            // If summaries told the first point, it is found again as fast.
            let is_kept = cursors.len() < OPEN_MAX || !cursor.is_at_end_row();
            cursors.push((key, (number, is_kept.then_some(cursor))));
            memory.resize(cursors.len() * HEAP_ENTRY_BYTES)?;
        }
        self.memory = Some(memory);
        if descending {
            cursors.reverse();
        }
        Ok(TieHeap::new(cursors))
    }

    /// Returns a cursor at the first point of a series in the stretch, if it has any.
    fn open(&self, number: usize, execution: &Execution<'_>) -> Result<Option<Box<SeriesCursor>>, QueryError> {
        let (member, beside) = (&self.group.series[number], self.group.series.len());
        let range = self.stretch;
        let cursor = SeriesCursor::new(self.plan, member, self.reads, range, self.plan.descending, beside, execution)?;
        let mut cursor = Box::new(cursor);
        Ok(cursor.next_batch(execution)?.then_some(cursor))
    }
}

/// The memory of a series in the heap while it is not open.
const HEAP_ENTRY_BYTES: usize = 2 * size_of::<(MergeKey, (usize, Option<Box<SeriesCursor>>))>();

/// Cuts `range` at the starts of shards.
fn cut_at(range: TimeRange, starts: &[Timestamp]) -> Vec<TimeRange> {
    let mut parts = vec![range];
    for start in starts {
        match parts.last_mut() {
            Some(last) if last.min < *start && *start <= last.max => {
                let rest = TimeRange { min: *start, max: last.max };
                last.max = Timestamp(start.0 - 1);
                parts.push(rest);
            }
            _ => {}
        }
    }
    parts
}

impl MergeOrder {
    /// The key of a point. Smaller comes first.
    fn key(self, time: i64, descending: bool) -> i64 {
        let key = match self {
            MergeOrder::Time => time,
            MergeOrder::Window(Some(windows)) => windows.start(time),
            MergeOrder::Window(None) => 0,
        };
        // The complement reverses the order and cannot overflow.
        if descending { !key } else { key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(range: (i64, i64), starts: &[i64]) -> Vec<(i64, i64)> {
        let starts: Vec<_> = starts.iter().copied().map(Timestamp).collect();
        let range = TimeRange { min: Timestamp(range.0), max: Timestamp(range.1) };
        cut_at(range, &starts).into_iter().map(|part| (part.min.0, part.max.0)).collect()
    }

    // spec: select.order.ties.2
    #[test]
    fn a_range_is_cut_where_shards_begin_inside_it() {
        assert_eq!(parts((3, 20), &[0, 3, 5, 10, 20, 30]), [(3, 4), (5, 9), (10, 19), (20, 20)]);
        assert_eq!(parts((3, 20), &[]), [(3, 20)]);
    }
}
