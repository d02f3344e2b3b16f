//! Evaluates reductions: folds whole columns, one series after another, into one small state for each window.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::iter::Peekable;
use std::sync::Arc;

use fluxstone_columns::{Block, Summary};
use fluxstone_influxql::ast::Limits;
use fluxstone_model::{FieldType, TimeRange, Timestamp};

use super::budget::Reservation;
use super::calls::{CallInput, CallNode};
use super::column_slice::ColumnSlice;
use super::conditions::Residual;
use super::cursor::SeriesCursor;
use super::error::QueryError;
use super::field_cursor::FieldCursor;
use super::functions::{Function, Partial, Reduction, TimedValue};
use super::group_run::{GroupRun, Stream};
use super::groups::Member;
use super::read_set::ReadSet;
use super::windows::Windows;

/// Up to this many windows are reduced all at once; more are reduced in parts of about this many values.
pub(super) const STATES_MAX: u64 = 1 << 16;

/// The memory of the state of a window, in a list or in a tree.
const STATE_BYTES: usize = 2 * size_of::<(i64, Partial)>();
/// The memory of a block while the range is cut.
const PART_BYTES: usize = 2 * size_of::<(Timestamp, u64)>();

/// Returns the results of a reduction over the points of a group in `range`, in the order of the answer.
pub(super) fn reduce<'r>(
    run: GroupRun<'r>,
    reduction: Reduction,
    reads: &'r ReadSet,
    input: FieldType,
    range: TimeRange,
) -> Result<Stream<'r>, QueryError> {
    let mut parts = match run.plan.windows {
        Some(windows) if windows.count(range) > STATES_MAX || run.plan.limits.limit > 0 => {
            parts(run, windows, reads, range)?
        }
        _ => vec![range],
    };
    if !run.plan.descending {
        parts.reverse();
    }
    let memory = run.execution.reserve();
    Ok(Box::new(Reduced { run, reduction, reads, input, parts, results: Vec::new().into_iter(), memory }))
}

/// The results of a reduction, one part of the range after another.
struct Reduced<'r> {
    run: GroupRun<'r>,
    reduction: Reduction,
    reads: &'r ReadSet,
    input: FieldType,
    /// The parts of the range that are not reduced yet, the next one last.
    parts: Vec<TimeRange>,
    results: std::vec::IntoIter<TimedValue>,
    /// The memory of the results.
    memory: Reservation,
}

impl Iterator for Reduced<'_> {
    type Item = Result<TimedValue, QueryError>;

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
    /// Reduces the windows of `range`.
    fn results_of(&mut self, range: TimeRange) -> Result<Vec<TimedValue>, QueryError> {
        self.memory.resize(0)?;
        let mut windows = WindowStates::new(self.run, self.reduction, self.reads, self.input);
        for (number, member) in self.run.series_in_order() {
            self.run.execution.go_on()?;
            windows.add_series(number, member, range, None)?;
        }
        let (results, memory) = windows.results()?;
        self.memory = memory;
        Ok(results)
    }
}

/// Cuts `range` at starts of windows into parts of about [`STATES_MAX`] values, so that memory does not grow with the number of
/// windows. If the number of rows is limited, the windows that they probably come from are a part of their own.
fn parts(run: GroupRun<'_>, windows: Windows, reads: &ReadSet, range: TimeRange) -> Result<Vec<TimeRange>, QueryError> {
    let mut memory = run.execution.reserve();
    let (mut blocks, mut counted) = (Vec::new(), 0);
    let mut end = range.min;
    for member in &run.group.series {
        run.execution.go_on()?;
        memory.grow(blocks.len() * PART_BYTES - counted)?;
        counted = blocks.len() * PART_BYTES;
        let field = &reads.fields[0];
        let mut cursor = FieldCursor::new(&*member.source, member.series.id, field, range, false);
        while let Some(block) = cursor.next_block()? {
            let summary = block.summary();
            blocks.push((summary.range.min, u64::from(summary.count)));
            end = end.max(summary.range.max.min(range.max));
        }
    }
    blocks.sort_unstable();
    let begin = blocks.first().map_or(range.min, |(min, _)| *min.max(&range.min));
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
    if let Some(cut) = limit_cut(run, windows, begin, end) {
        split(&mut parts, cut);
    }
    Ok(parts)
}

/// Returns the start of the window at which the rows that LIMIT and OFFSET ask for end (or begin, in descending order) if every
/// window from the first value on has a row.
fn limit_cut(run: GroupRun<'_>, windows: Windows, begin: Timestamp, end: Timestamp) -> Option<Timestamp> {
    let Limits { limit, offset, .. } = run.plan.limits;
    if limit == 0 {
        return None;
    }
    // One more, since a stream is read one result ahead.
    let rows = i64::try_from(limit.checked_add(offset)?.checked_add(1)?).ok()?;
    let cut = if run.plan.descending {
        windows.start(end.0).checked_sub(windows.interval().checked_mul(rows - 1)?)
    } else {
        windows.start(begin.0).checked_add(windows.interval().checked_mul(rows)?)
    };
    cut.map(Timestamp)
}

/// Splits the part that contains `cut`.
fn split(parts: &mut Vec<TimeRange>, cut: Timestamp) {
    let Some(at) = parts.iter().position(|part| part.min < cut && cut <= part.max) else { return };
    let rest = TimeRange { min: cut, max: parts[at].max };
    parts[at].max = Timestamp(cut.0 - 1);
    parts.insert(at + 1, rest);
}

/// The states of a reduction over the series of a group.
pub(super) struct WindowStates<'r> {
    run: GroupRun<'r>,
    reduction: Reduction,
    reads: &'r ReadSet,
    input: FieldType,
    /// Whether the result has the time of the point that was chosen.
    keeps_time: bool,
    needs_time: bool,
    /// Which of several series with equal points is chosen: the last one that is read, or else the first.
    last_series: bool,
    /// The states by the start of the window. Without windows there is one, at zero.
    states: States,
    /// The memory of the states.
    memory: Reservation,
}

/// The reduction of one series in one window.
struct OpenWindow {
    start: i64,
    state: Partial,
}

impl<'r> WindowStates<'r> {
    fn new(run: GroupRun<'r>, reduction: Reduction, reads: &'r ReadSet, input: FieldType) -> WindowStates<'r> {
        let keeps_time = run.plan.windows.is_none() && run.calls.is_lone;
        let needs_time = keeps_time || !run.calls.companion_reads.is_empty();
        let (states, memory) = (States::default(), run.execution.reserve());
        // Series are read in the order of the query, and those of `first` and `last` without windows do not depend on it.
        let last_series = match reduction {
            Reduction::First if run.plan.windows.is_none() => run.plan.descending,
            Reduction::Last if run.plan.windows.is_none() => !run.plan.descending,
            _ => false,
        };
        WindowStates { run, reduction, reads, input, keeps_time, needs_time, last_series, states, memory }
    }

    /// The states of a call, if it is a reduction of points.
    pub(super) fn of(run: GroupRun<'r>, call: &'r CallNode) -> Option<WindowStates<'r>> {
        match (&call.function, &call.input) {
            (Function::Reduce(reduction), CallInput::Points { reads, input_type, .. }) => {
                Some(WindowStates::new(run, *reduction, reads, *input_type))
            }
            _ => None,
        }
    }

    /// Whether values are taken from the last to the first: floats are added in the order of the query.
    fn adds_from_last(&self) -> bool {
        let adds = matches!(self.reduction, Reduction::Sum | Reduction::Mean);
        adds && self.input == FieldType::Float && self.run.plan.descending
    }

    /// The name of the field that is reduced.
    pub(super) fn field(&self) -> &'r [u8] {
        &self.reads.fields[0].name
    }

    /// Returns the results in the order of the answer, and their memory.
    pub(super) fn results(mut self) -> Result<(Vec<TimedValue>, Reservation), QueryError> {
        let run = self.run;
        // The states stay until the results are complete.
        let mut memory = run.execution.reserve();
        memory.grow(self.states.len() * size_of::<TimedValue>() + self.states.text_bytes)?;
        let fixed = run.plan.windows.is_none().then(|| run.result_time());
        let (keeps_time, from_last) = (self.keeps_time, self.adds_from_last());
        let results = std::mem::take(&mut self.states).in_order().filter_map(|(start, state)| {
            let start = if from_last { !start } else { start };
            let mut point = state.result(fixed.unwrap_or(start))?;
            if let (true, Some(origin)) = (keeps_time, point.origin) {
                point.time = origin.time;
            }
            Some(point)
        });
        let mut results: Vec<TimedValue> = results.collect();
        if run.plan.descending && !from_last {
            results.reverse();
        }
        Ok((results, memory))
    }

    /// Adds series number `number` of the group. `blocks` are those of the field in `range`, if they are known.
    pub(super) fn add_series(
        &mut self,
        number: usize,
        member: &Member,
        range: TimeRange,
        blocks: Option<Vec<Arc<dyn Block>>>,
    ) -> Result<(), QueryError> {
        self.states.begin_series();
        let (execution, reads) = (self.run.execution, self.reads);
        let mut open = None;
        if reads.fields.len() == 1 && !matches!(member.residual, Residual::When(_)) && !self.adds_from_last() {
            let field = &reads.fields[0];
            let blocks = blocks.unwrap_or_else(|| member.source.blocks(member.series.id, &field.name, range));
            let mut cursor = FieldCursor::of(blocks, field, range, false);
            while let Some(block) = cursor.next_column() {
                if block.has_summary() && self.add_block(&mut open, number, &block.summary(), field.read_as, range) {
                    execution.count_summarized(block.part_count());
                    execution.count_points(block.summary().count as usize)?;
                } else if cursor.take_apart(&*block)? {
                    // The parts follow.
                } else if let Some(part) = cursor.decode(&*block, execution)? {
                    self.add(&mut open, number, part.times(), part.values());
                    self.charge_states()?;
                }
            }
        } else {
            let mut cursor =
                SeriesCursor::new(self.run.plan, member, reads, range, self.adds_from_last(), 1, execution)?;
            while cursor.next_batch(execution)? {
                cursor.with_values(|times, values| self.add(&mut open, number, times, values));
                self.charge_states()?;
            }
        }
        self.close(open);
        self.charge_states()
    }

    /// Charges the states that there are now. A block adds a bounded number of them.
    fn charge_states(&mut self) -> Result<(), QueryError> {
        self.memory.resize(self.states.len() * STATE_BYTES + self.states.text_bytes)
    }

    /// Adds a block by its summary, if it lies in one window and the summary suffices. Returns whether it did.
    fn add_block(
        &mut self,
        open: &mut Option<OpenWindow>,
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

    fn add(&mut self, open: &mut Option<OpenWindow>, series: usize, times: &[i64], values: ColumnSlice<'_>) {
        let (from_last, has_windows) = (self.adds_from_last(), self.run.plan.windows.is_some());
        let mut from = 0;
        while from < times.len() {
            let (start, last) = self.window(times[from]);
            let is_inside = |time: &i64| if from_last { !has_windows || *time >= start } else { *time <= last };
            let to = from + times[from..].partition_point(is_inside);
            self.state(open, start).add(series, &times[from..to], values.part(from, to));
            from = to;
        }
    }

    /// The first and the last time of the window that contains `time`.
    fn window(&self, time: i64) -> (i64, i64) {
        self.run.plan.windows.map_or((0, i64::MAX), |windows| {
            let start = windows.start(time);
            (start, windows.last(start))
        })
    }

    fn state<'o>(&mut self, open: &'o mut Option<OpenWindow>, start: i64) -> &'o mut Partial {
        if open.as_ref().is_some_and(|open| open.start != start) {
            self.close(open.take());
        }
        let state = || OpenWindow { start, state: self.reduction.start(self.input, self.last_series) };
        &mut open.get_or_insert_with(state).state
    }

    fn close(&mut self, open: Option<OpenWindow>) {
        let Some(OpenWindow { start, state }) = open else { return };
        // The complement turns the order around, so that windows come in ascending order here.
        self.states.add(if self.adds_from_last() { !start } else { start }, state.close());
    }
}

/// The states of windows. The series of a group mostly have values in the same windows, so the windows of the first series are
/// kept in a list that the other series scan from left to right; only windows that the first series does not have are searched
/// for.
#[derive(Default)]
struct States {
    /// Those of the first series that had any, in order.
    first: Vec<(i64, Partial)>,
    /// All others.
    rest: BTreeMap<i64, Partial>,
    /// The position of the current series in `first`; `None` while it is the first series.
    at: Option<usize>,
    /// The bytes of the strings in all states.
    text_bytes: usize,
}

impl States {
    /// Starts adding the states of another series.
    fn begin_series(&mut self) {
        self.at = (!self.first.is_empty()).then_some(0);
    }

    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    /// Adds the state of a series in a window. The windows of one series come in order.
    fn add(&mut self, start: i64, state: Partial) {
        let text_bytes = state.text_bytes();
        let Some(at) = &mut self.at else {
            self.text_bytes += text_bytes;
            self.first.push((start, state));
            return;
        };
        if self.first.get(*at).is_some_and(|(here, _)| *here < start) {
            *at += 1;
        }
        if self.first.get(*at).is_some_and(|(here, _)| *here < start) {
            *at += self.first[*at..].partition_point(|(here, _)| *here < start);
        }
        match self.first.get_mut(*at) {
            // The longer one of two strings is counted, since either may stay.
            Some((here, present)) if *here == start => {
                self.text_bytes += text_bytes.saturating_sub(present.text_bytes());
                present.combine(state);
            }
            _ => match self.rest.entry(start) {
                Entry::Vacant(free) => {
                    self.text_bytes += text_bytes;
                    free.insert(state);
                }
                Entry::Occupied(mut present) => {
                    self.text_bytes += text_bytes.saturating_sub(present.get().text_bytes());
                    present.get_mut().combine(state);
                }
            },
        }
    }

    /// Returns all states in the order of their windows.
    fn in_order(self) -> impl Iterator<Item = (i64, Partial)> {
        InOrder { first: self.first.into_iter().peekable(), rest: self.rest.into_iter().peekable() }
    }
}

/// Merges two sequences that have no window in common.
struct InOrder<A: Iterator, B: Iterator> {
    first: Peekable<A>,
    rest: Peekable<B>,
}

impl<A, B> Iterator for InOrder<A, B>
where
    A: Iterator<Item = (i64, Partial)>,
    B: Iterator<Item = (i64, Partial)>,
{
    type Item = (i64, Partial);

    fn next(&mut self) -> Option<Self::Item> {
        match (self.first.peek(), self.rest.peek()) {
            (Some((first, _)), Some((rest, _))) if rest < first => self.rest.next(),
            (Some(_), _) => self.first.next(),
            (None, _) => self.rest.next(),
        }
    }
}
