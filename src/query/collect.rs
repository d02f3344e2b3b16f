//! Runs collections: the points of one window after the other, in the order in which the series of the group are merged.

use std::collections::VecDeque;

use crate::model::TimeRange;

use super::QueryError;
use super::cursor::{MergeOrder, MergedCursor};
use super::functions::{Collection, Collector, Origin, Point};
use super::plan::ReadSet;
use super::point_expr::PointExpr;
use super::streams::GroupRun;

/// The results of a collection.
pub(super) struct Collected<'r> {
    run: GroupRun<'r>,
    collection: &'r Collection,
    keys: &'r [PointExpr],
    cursor: MergedCursor<'r>,
    /// The window that is being collected, under its start.
    open: Option<(i64, Box<dyn Collector>)>,
    ready: VecDeque<Point>,
    is_done: bool,
}

impl<'r> Collected<'r> {
    /// Collects the points of the group in `range`.
    pub(super) fn new(
        run: GroupRun<'r>,
        collection: &'r Collection,
        reads: &'r ReadSet,
        keys: &'r [PointExpr],
        range: TimeRange,
    ) -> Collected<'r> {
        let order = if collection.takes_series_after_series() {
            MergeOrder::Window(run.plan.windows)
        } else {
            MergeOrder::Time
        };
        let cursor = MergedCursor::new(run.plan, run.group, reads, range, order);
        Collected { run, collection, keys, cursor, open: None, ready: VecDeque::new(), is_done: false }
    }

    /// Takes the next point; false at the end.
    fn take_point(&mut self) -> Result<bool, QueryError> {
        let Some((series, cursor)) = self.cursor.next(self.run.execution)? else { return Ok(false) };
        let time = cursor.time();
        let start = self.run.plan.windows.map_or(0, |windows| windows.start(time));
        let value = cursor.point().batch.get(0, cursor.point().row).to_value();
        let keys = self.keys.iter().map(|key| key.eval(cursor.point()).to_value()).collect();
        if self.open.as_ref().is_some_and(|(open, _)| *open != start) {
            self.close();
        }
        let seed = self.run.execution.context.now.0 as u64 ^ start as u64;
        let (_, collector) = self.open.get_or_insert_with(|| (start, self.collection.start(seed)));
        collector.add(Point { time, value, origin: Some(Origin { series, time }) }, keys);
        Ok(true)
    }

    /// Ends the open window and stamps its results.
    fn close(&mut self) {
        let Some((start, collector)) = self.open.take() else { return };
        let mut results = collector.finish();
        let keeps_time = match self.collection {
            Collection::Sample { .. } => true,
            Collection::Best { .. } if self.run.plan.windows.is_none() => {
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
    }
}

impl Iterator for Collected<'_> {
    type Item = Result<Point, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.is_done {
            match self.take_point() {
                Ok(true) => {}
                Ok(false) => {
                    self.is_done = true;
                    self.close();
                }
                Err(error) => {
                    self.is_done = true;
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
