//! Evaluates collections: takes the points of one window after another, in the order in which the series of the group are merged.

use std::collections::VecDeque;

use fluxstone_model::{TimeRange, Timestamp};

use super::budget::Reservation;
use super::cursor::{MergeOrder, MergedCursor, SeriesCursor};
use super::error::QueryError;
use super::functions::{Collection, Collector, Origin, Outcome, Pass, TimedValue};
use super::group_run::GroupRun;
use super::point_expr::PointExpr;
use super::read_set::ReadSet;
use super::value::Value;

/// A collector may take points of about this many bytes before its memory is charged.
const UNCHARGED_MAX: usize = 64 << 10;

/// The results of a collection.
pub(super) struct Collected<'r> {
    run: GroupRun<'r>,
    collection: &'r Collection,
    reads: &'r ReadSet,
    keys: &'r [PointExpr],
    range: TimeRange,
    cursor: MergedCursor<'r>,
    open: Option<OpenWindow>,
    ready: VecDeque<TimedValue>,
    is_done: bool,
    /// The memory of the open window or of its results.
    memory: Reservation,
    /// About how many bytes the open window took since its memory was charged.
    uncharged: usize,
}

/// The window that is being collected.
struct OpenWindow {
    start: i64,
    collector: Box<dyn Collector>,
    /// The numbers of the series of its points, in the order in which they were first seen.
    series: Vec<usize>,
}

impl<'r> Collected<'r> {
    /// Starts collecting the points of the group in `range`.
    pub(super) fn new(
        run: GroupRun<'r>,
        collection: &'r Collection,
        reads: &'r ReadSet,
        keys: &'r [PointExpr],
        range: TimeRange,
    ) -> Collected<'r> {
        let cursor = MergedCursor::new(run.plan, run.group, reads, range, merge_order(run, collection));
        let (open, ready, memory) = (None, VecDeque::new(), run.execution.reserve());
        Collected { run, collection, reads, keys, range, cursor, open, ready, is_done: false, memory, uncharged: 0 }
    }

    /// Takes the next point; returns false at the end.
    fn take_point(&mut self) -> Result<bool, QueryError> {
        let Some((series, cursor)) = self.cursor.next(self.run.execution)? else { return Ok(false) };
        let time = cursor.time();
        let start = self.run.plan.windows.map_or(0, |windows| windows.start(time));
        let (point, keys) = point_and_keys(series, cursor, self.keys);
        if self.open.as_ref().is_some_and(|open| open.start != start) {
            self.close()?;
        }
        let collection = self.collection;
        let context = self.run.execution.context;
        let seed = context.now.0 as u64 ^ start as u64;
        let open = self.open.get_or_insert_with(|| OpenWindow {
            start,
            collector: collection.start(context.window_values_max, seed),
            series: Vec::new(),
        });
        if collection.takes_series_after_series() && open.series.last() != Some(&series) {
            open.series.push(series);
        }
        self.uncharged += point_bytes(&point, &keys);
        open.collector.add(point, keys);
        if self.uncharged >= UNCHARGED_MAX {
            self.uncharged = 0;
            self.memory.resize(open.collector.held_bytes())?;
        }
        Ok(true)
    }

    /// Ends the open window, and reads it again as often as the function requires.
    fn results_of(&self, open: OpenWindow) -> Result<Vec<TimedValue>, QueryError> {
        let OpenWindow { start, collector, mut series } = open;
        let mut outcome = collector.finish();
        if let Outcome::Results(results) = outcome {
            return Ok(results);
        }
        if !self.collection.takes_series_after_series() {
            series = (0..self.run.group.series.len()).collect();
        }
        let range = self.run.plan.windows.map_or(self.range, |windows| {
            let window = TimeRange { min: Timestamp(start), max: Timestamp(windows.last(start)) };
            self.range.intersect(window)
        });
        self.run.execution.without_counting(|| {
            loop {
                outcome = match outcome {
                    Outcome::Results(results) => return Ok(results),
                    Outcome::Values(pass) => self.pass(pass, &series, range)?,
                    Outcome::Points(collector) => self.walk(collector, range)?,
                }
            }
        })
    }

    /// Reads the values of a window again.
    fn pass(&self, mut pass: Box<dyn Pass>, series: &[usize], range: TimeRange) -> Result<Outcome, QueryError> {
        let GroupRun { plan, group, execution, .. } = self.run;
        for member in series.iter().map(|number| &group.series[*number]) {
            let mut cursor = SeriesCursor::new(plan, member, self.reads, range, plan.descending, 1, execution)?;
            while cursor.next_batch(execution)? {
                cursor.with_values(|_, values| pass.add(values));
            }
        }
        Ok(pass.finish())
    }

    /// Reads the points of a window again. Where several series are merged, the walk begins where the heap began that ordered
    /// them before, so that points of equal times come in the same order.
    fn walk(&self, mut collector: Box<dyn Collector>, window: TimeRange) -> Result<Outcome, QueryError> {
        let GroupRun { plan, group, execution, .. } = self.run;
        let mut range = window;
        if group.series.len() > 1 {
            let mut starts = plan.shard_starts.iter().copied();
            if plan.descending {
                let next = starts.find(|start| *start > window.max);
                range.max = next.map_or(self.range.max, |start| self.range.max.min(Timestamp(start.0 - 1)));
            } else {
                let last = starts.take_while(|start| *start <= window.min).last();
                range.min = last.map_or(self.range.min, |start| self.range.min.max(start));
            }
        }
        let mut cursor = MergedCursor::new(plan, group, self.reads, range, merge_order(self.run, self.collection));
        let mut memory = execution.reserve();
        while let Some((series, cursor)) = cursor.next(execution)? {
            memory.resize(collector.held_bytes())?;
            if window.contains(Timestamp(cursor.time())) {
                let (point, keys) = point_and_keys(series, cursor, self.keys);
                collector.add(point, keys);
            }
        }
        Ok(collector.finish())
    }

    /// Ends the open window and sets the times of its results.
    fn close(&mut self) -> Result<(), QueryError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let start = open.start;
        self.uncharged = 0;
        self.memory.resize(open.collector.held_bytes())?;
        let mut results = self.results_of(open)?;
        let keeps_time = match self.collection {
            Collection::Sample { .. } => true,
            Collection::Ranking { .. } if self.run.plan.windows.is_none() => {
                results.sort_by_key(|point| point.time);
                true
            }
            Collection::Percentile { .. } => self.run.plan.windows.is_none() && self.run.calls.is_lone,
            _ => false,
        };
        if !keeps_time {
            let time = if self.run.plan.windows.is_some() { start } else { self.run.result_time() };
            for point in &mut results {
                point.time = time;
            }
        }
        self.ready.extend(results);
        Ok(())
    }

    /// Takes points until there are results, or no more points.
    fn fill(&mut self) -> Result<(), QueryError> {
        while self.ready.is_empty() && !self.is_done {
            if !self.take_point()? {
                self.is_done = true;
                self.close()?;
            }
        }
        Ok(())
    }
}

/// About how many bytes a collector keeps of a point.
fn point_bytes(point: &TimedValue, keys: &[Value]) -> usize {
    let text_bytes = point.value.text_bytes() + keys.iter().map(Value::text_bytes).sum::<usize>();
    2 * size_of::<TimedValue>() + size_of_val(keys) + text_bytes
}

fn merge_order(run: GroupRun<'_>, collection: &Collection) -> MergeOrder {
    if collection.takes_series_after_series() { MergeOrder::Window(run.plan.windows) } else { MergeOrder::Time }
}

/// Returns the current point of a cursor, and the values of the names that the function asks for with it.
fn point_and_keys(series: usize, cursor: &SeriesCursor, keys: &[PointExpr]) -> (TimedValue, Vec<Value>) {
    let (time, row) = (cursor.time(), cursor.point());
    let point = TimedValue { time, value: row.batch.cell(0, row.row), origin: Some(Origin { series, time }) };
    (point, keys.iter().map(|key| key.cell(row)).collect())
}

impl Iterator for Collected<'_> {
    type Item = Result<TimedValue, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            self.is_done = true;
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok)
    }
}
