//! Walking the points of series in the order of the answer: one series alone, or the series of a group merged.

use std::sync::Arc;

use crate::model::{SeriesKey, TimeRange};

use super::QueryError;
use super::execution::Execution;
use super::groups::{Group, Member};
use super::plan::{Plan, ReadSet};
use super::point_expr::{PointExpr, PointRow};
use super::points::{RowBatch, RowReader};
use super::tie_heap::TieHeap;
use super::windows::Windows;

/// Stands on one point of a series: a row that has a selected field and satisfies the condition.
pub(super) struct SeriesCursor {
    key: Arc<SeriesKey>,
    reader: RowReader,
    filter: Option<PointExpr>,
    /// How many of the fields that are read make a row.
    selected: usize,
    /// Whether there are fields that make no row.
    asks_more: bool,
    descending: bool,
    batch: RowBatch,
    /// The rows of `batch` that count, in the order of the answer.
    rows: Vec<u32>,
    at: usize,
}

/// The order in which the points of several series come.
#[derive(Debug, Clone, Copy)]
pub(super) enum MergeOrder {
    /// By time.
    Time,
    /// By window; within a window series after series.
    Window(Option<Windows>),
}

/// The time or window of a series' next point, and the rank that breaks ties where series have an order; smaller comes first.
type Key = (i64, usize);

/// The points of the series of a group in one order.
pub(super) struct MergedCursor {
    heap: TieHeap<Key, (usize, Box<SeriesCursor>)>,
    current: Option<(Key, usize, Box<SeriesCursor>)>,
    order: MergeOrder,
    descending: bool,
}

impl SeriesCursor {
    /// Stands before the first point.
    pub(super) fn new(
        plan: &Plan,
        member: &Member,
        reads: &ReadSet,
        range: TimeRange,
        descending: bool,
    ) -> Result<Self, QueryError> {
        let reader = RowReader::new(&*member.source, member.series.id, &reads.fields, range, descending);
        Ok(SeriesCursor {
            key: member.series.key.clone(),
            reader,
            filter: plan.point_filter(reads, &member.residual)?,
            selected: reads.selected,
            asks_more: reads.selected < reads.fields.len(),
            descending,
            batch: RowBatch::default(),
            rows: Vec::new(),
            at: 0,
        })
    }

    /// Goes to the next batch of rows that has a point; false if there is none.
    pub(super) fn next_batch(&mut self, execution: &Execution<'_>) -> Result<bool, QueryError> {
        self.at = 0;
        while let Some(batch) = self.reader.next_batch(execution)? {
            self.batch = batch;
            self.choose_rows();
            if !self.rows.is_empty() {
                return Ok(true);
            }
        }
        self.rows.clear();
        Ok(false)
    }

    /// Goes to the next point; false if there is none.
    pub(super) fn advance(&mut self, execution: &Execution<'_>) -> Result<bool, QueryError> {
        self.at += 1;
        if self.at < self.rows.len() { Ok(true) } else { self.next_batch(execution) }
    }

    /// The rows of the present batch.
    pub(super) fn batch(&self) -> (&RowBatch, &[u32]) {
        (&self.batch, &self.rows)
    }

    /// The time of the present point.
    pub(super) fn time(&self) -> i64 {
        self.batch.times()[self.rows[self.at] as usize]
    }

    /// The present point.
    pub(super) fn point(&self) -> PointRow<'_> {
        PointRow { key: &self.key, batch: &self.batch, row: self.rows[self.at] as usize }
    }

    fn choose_rows(&mut self) {
        self.rows.clear();
        let rows = 0..self.batch.times().len() as u32;
        let (batch, key) = (&self.batch, &*self.key);
        let wanted = |row: &u32| {
            let row = *row as usize;
            (!self.asks_more || (0..self.selected).any(|column| batch.has(column, row)))
                && self.filter.as_ref().is_none_or(|filter| filter.holds(PointRow { key, batch, row }))
        };
        if self.descending {
            self.rows.extend(rows.rev().filter(wanted));
        } else {
            self.rows.extend(rows.filter(wanted));
        }
    }
}

impl MergedCursor {
    /// The points of `group` that have one of the fields of `reads`.
    pub(super) fn new(
        plan: &Plan,
        group: &Group,
        reads: &ReadSet,
        range: TimeRange,
        order: MergeOrder,
        execution: &Execution<'_>,
    ) -> Result<MergedCursor, QueryError> {
        let mut cursors = Vec::with_capacity(group.series.len());
        for (number, member) in group.series.iter().enumerate() {
            let mut cursor = Box::new(SeriesCursor::new(plan, member, reads, range, plan.descending)?);
            if cursor.next_batch(execution)? {
                let rank = if member.ordered { number } else { 0 };
                cursors.push(((order.key(cursor.time(), plan.descending), rank), (number, cursor)));
            }
        }
        if plan.descending {
            cursors.reverse();
        }
        let heap = TieHeap::new(cursors);
        Ok(MergedCursor { heap, current: None, order, descending: plan.descending })
    }

    /// Goes to the next point and gives it with the number of its series in the group.
    pub(super) fn next(&mut self, execution: &Execution<'_>) -> Result<Option<(usize, &SeriesCursor)>, QueryError> {
        if let Some((key, number, mut cursor)) = self.current.take()
            && cursor.advance(execution)?
        {
            let next_key = (self.order.key(cursor.time(), self.descending), key.1);
            if next_key == key && matches!(self.order, MergeOrder::Window(_)) {
                self.current = Some((key, number, cursor));
            } else {
                self.heap.push(next_key, (number, cursor));
            }
        }
        if self.current.is_none() {
            self.current = self.heap.pop().map(|(key, (number, cursor))| (key, number, cursor));
        }
        Ok(self.current.as_ref().map(|(_, number, cursor)| (*number, &**cursor)))
    }
}

impl MergeOrder {
    /// Smaller comes first.
    fn key(self, time: i64, descending: bool) -> i64 {
        let key = match self {
            MergeOrder::Time => time,
            MergeOrder::Window(Some(windows)) => windows.start(time),
            MergeOrder::Window(None) => 0,
        };
        // The complement turns the order round and can't overflow.
        if descending { !key } else { key }
    }
}
