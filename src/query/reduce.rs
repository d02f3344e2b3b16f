//! Runs reductions: whole columns, series after series, into one small state for each window.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::model::{FieldType, TimeRange, Timestamp};

use super::conditions::Residual;
use super::cursor::SeriesCursor;
use super::functions::{Partial, Point, Reduction};
use super::groups::Member;
use super::plan::ReadSet;
use super::points::{FieldCursor, Values};
use super::streams::{GroupRun, Stream};
use super::windows::Windows;
use super::{QueryError, Summary};

/// Windows are reduced all at once if there are no more of them than this, and otherwise in parts of about so many values.
const STATES_MAX: u64 = 1 << 16;

/// The results of a reduction over the points of a group in `range`, in the order of the answer.
pub(super) fn reduce<'r>(
    run: GroupRun<'r>,
    reduction: Reduction,
    reads: &'r ReadSet,
    input: FieldType,
    range: TimeRange,
) -> Stream<'r> {
    let mut parts = match run.plan.windows {
        Some(windows) if windows.count(range) > STATES_MAX => parts(run, windows, reads, range),
        _ => vec![range],
    };
    if !run.plan.descending {
        parts.reverse();
    }
    Box::new(Reduced { run, reduction, reads, input, parts, results: Vec::new().into_iter() })
}

/// The results of a reduction, one part of the range after the other.
struct Reduced<'r> {
    run: GroupRun<'r>,
    reduction: Reduction,
    reads: &'r ReadSet,
    input: FieldType,
    /// What is left of the range, the next part last.
    parts: Vec<TimeRange>,
    results: std::vec::IntoIter<Point>,
}

impl Iterator for Reduced<'_> {
    type Item = Result<Point, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(point) = self.results.next() {
                return Some(Ok(point));
            }
            let part = self.parts.pop()?;
            match self.results_of(part) {
                Ok(results) => self.results = results.into_iter(),
                Err(error) => {
                    self.parts.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Reduced<'_> {
    /// The results for the windows of `range`.
    fn results_of(&self, range: TimeRange) -> Result<Vec<Point>, QueryError> {
        let run = self.run;
        let keeps_time = run.plan.windows.is_none() && run.calls.is_lone;
        let needs_time = keeps_time || !run.calls.companion_reads.is_empty();
        let (reduction, input) = (self.reduction, self.input);
        let mut windows = WindowStates { run, reduction, input, needs_time, states: BTreeMap::new() };
        for (number, member) in run.group.series.iter().enumerate() {
            windows.add_series(number, member, self.reads, range)?;
        }
        let fixed = run.plan.windows.is_none().then(|| run.result_time());
        let results = windows.states.into_iter().filter_map(|(start, state)| {
            let mut point = state.result(fixed.unwrap_or(start))?;
            if let (true, Some(origin)) = (keeps_time, point.origin) {
                point.time = origin.time;
            }
            Some(point)
        });
        Ok(if run.plan.descending { results.rev().collect() } else { results.collect() })
    }
}

/// `range` in parts that begin with windows and have about [`STATES_MAX`] values each, so that the memory for windows does not
/// grow with their number.
fn parts(run: GroupRun<'_>, windows: Windows, reads: &ReadSet, range: TimeRange) -> Vec<TimeRange> {
    let mut blocks = Vec::new();
    for member in &run.group.series {
        for block in member.source.blocks(member.series.id, &reads.fields[0].name, range) {
            let summary = block.summary();
            blocks.push((summary.range.min, u64::from(summary.count)));
        }
    }
    blocks.sort_unstable();
    let mut parts = vec![range];
    let mut values = 0;
    for (min, count) in blocks {
        let start = Timestamp(windows.start(min.0));
        if let Some(last) = parts.last_mut().filter(|last| values >= STATES_MAX && last.min < start) {
            let rest = TimeRange { min: start, max: last.max };
            last.max = Timestamp(start.0 - 1);
            parts.push(rest);
            values = 0;
        }
        values += count;
    }
    parts
}

struct WindowStates<'r> {
    run: GroupRun<'r>,
    reduction: Reduction,
    input: FieldType,
    needs_time: bool,
    /// By the start of the window; without windows there is one, at zero.
    states: BTreeMap<i64, Partial>,
}

/// The reduction of one series in one window.
struct Open {
    start: i64,
    state: Partial,
}

impl WindowStates<'_> {
    fn add_series(
        &mut self,
        number: usize,
        member: &Member,
        reads: &ReadSet,
        range: TimeRange,
    ) -> Result<(), QueryError> {
        let execution = self.run.execution;
        let mut open = None;
        if reads.fields.len() == 1 && !matches!(member.residual, Residual::When(_)) {
            let mut cursor = FieldCursor::new(&*member.source, member.series.id, &reads.fields[0], range, false);
            while let Some(block) = cursor.next_block() {
                if self.add_block(&mut open, number, &block.summary(), reads.fields[0].read_as, range) {
                    execution.count_points(block.summary().count as usize)?;
                } else if let Some(run) = cursor.decode(&*block, execution)? {
                    self.add(&mut open, number, run.times(), run.values());
                }
            }
        } else {
            let mut cursor = SeriesCursor::new(self.run.plan, member, reads, range, false)?;
            while cursor.next_batch(execution)? {
                let (batch, rows) = cursor.batch();
                match batch.dense(0) {
                    Some(values) if rows.len() == batch.times().len() => {
                        self.add(&mut open, number, batch.times(), values);
                    }
                    _ => {
                        let (times, values) = batch.gather(0, rows);
                        self.add(&mut open, number, &times, Values::of(&values));
                    }
                }
            }
        }
        self.close(open);
        Ok(())
    }

    /// Takes a block by its summary, if it lies in one window and the summary is enough.
    fn add_block(
        &mut self,
        open: &mut Option<Open>,
        series: usize,
        summary: &Summary,
        read_as: FieldType,
        range: TimeRange,
    ) -> bool {
        let inside = range.contains(summary.range.min) && range.contains(summary.range.max);
        let (start, last) = self.window(summary.range.min.0);
        if !inside || summary.range.max.0 > last || summary.field_type != read_as {
            return false;
        }
        let needs_time = self.needs_time;
        self.state(open, start).add_summary(series, summary, needs_time)
    }

    fn add(&mut self, open: &mut Option<Open>, series: usize, times: &[i64], values: Values<'_>) {
        let mut from = 0;
        while from < times.len() {
            let (start, last) = self.window(times[from]);
            let to = from + times[from..].partition_point(|time| *time <= last);
            self.state(open, start).add(series, &times[from..to], values.part(from, to));
            from = to;
        }
    }

    /// The first and the last time of the window of `time`.
    fn window(&self, time: i64) -> (i64, i64) {
        self.run.plan.windows.map_or((0, i64::MAX), |windows| {
            let start = windows.start(time);
            (start, windows.last(start))
        })
    }

    fn state<'o>(&mut self, open: &'o mut Option<Open>, start: i64) -> &'o mut Partial {
        if open.as_ref().is_some_and(|open| open.start != start) {
            self.close(open.take());
        }
        let state = || Open { start, state: self.reduction.start(self.input) };
        &mut open.get_or_insert_with(state).state
    }

    fn close(&mut self, open: Option<Open>) {
        let Some(Open { start, state }) = open else { return };
        match self.states.entry(start) {
            Entry::Vacant(free) => {
                free.insert(state.close());
            }
            Entry::Occupied(mut present) => present.get_mut().combine(state.close()),
        }
    }
}
