//! The results of functions in the order in which InfluxDB 1.2.4 answers them (`compat.select.batches`).
//!
//! 1.2.4 evaluates all groups in one stream, window after window: neighbouring results of one window make a batch, whichever groups
//! they belong to, and without windows everything is one batch. A batch is ordered by group, or by the times of its points where
//! the function chooses points. What follows (filling windows, transformations, arithmetic, joining columns to rows) takes the
//! stream as it comes, so that one group may be answered as several series. All results are kept until the end.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use fluxstone_influxql::ast::{BinaryOp, Fill};
use fluxstone_model::{TimeRange, Timestamp};

use super::batch_fill::{Batched, filled};
use super::budget::Reservation;
use super::calls::{CallInput, CallNode, CallPlan, Output, StreamExpr};
use super::error::QueryError;
use super::execution::{Execution, SeriesWriter};
use super::functions::{Collection, Function, Reduction, Stage};
use super::group_run::GroupRun;
use super::groups::Group;
use super::plan::Plan;
use super::scalar::{Division, arithmetic, as_float};
use super::streams::substitute;
use super::value::Value;

/// The memory of a result with what sorting takes.
const RESULT_BYTES: usize = 2 * size_of::<Batched>();

/// Whether the order of 1.2.4 may differ from that of one group after another.
pub(super) fn matter(plan: &Plan, calls: &CallPlan, groups: &[Group]) -> bool {
    let mut orders_by_time = false;
    let (mut streams, mut joins) = (0, false);
    for output in &calls.outputs {
        let Output::Stream(expr) = output else { continue };
        streams += 1;
        joins |= matches!(expr, StreamExpr::Binary { .. });
        expr.for_each_call(&mut |call| {
            orders_by_time |= match (&call.function, &call.input) {
                (Function::Reduce(_), _) => false,
                (Function::Transform(_), input) => matches!(input, CallInput::Call(_)),
                (Function::Collect(collection), _) => shows_times(plan, collection),
                (Function::Forecast(_), _) => true,
            };
        });
    }
    let has_windows = plan.windows.is_some();
    let looks_ahead = has_windows && plan.fill == Fill::Linear;
    let looks_back = joins && plan.fill == Fill::Previous;
    let turns = plan.descending && (has_windows || streams > 1);
    groups.len() > 1 && (orders_by_time || looks_ahead || looks_back || turns)
}

/// Whether results of a collection have the times of their points until they are ordered.
fn shows_times(plan: &Plan, collection: &Collection) -> bool {
    match collection {
        Collection::Median | Collection::Distinct | Collection::Percentile { .. } | Collection::Sample { .. } => true,
        Collection::Ranking { greatest, .. } => *greatest && plan.windows.is_none(),
        Collection::Mode | Collection::Stddev | Collection::CountDistinct => false,
    }
}

/// Evaluates `groups`, which are in the order of the answer, and emits their rows.
pub(super) fn write<'r>(
    plan: &'r Plan,
    calls: &'r CallPlan,
    groups: &'r [Group],
    execution: &'r Execution<'r>,
) -> Result<(), QueryError> {
    let mut batches = Batches { plan, calls, groups, execution, memory: execution.reserve() };
    let mut columns = Vec::with_capacity(calls.outputs.len());
    for output in &calls.outputs {
        columns.push(match output {
            Output::Stream(expr) => Some(batches.stream(expr)?.into_iter().peekable()),
            Output::Companion(_) => None,
        });
    }
    let mut open: Option<(usize, SeriesWriter<'_, '_>)> = None;
    loop {
        execution.go_on()?;
        let heads = columns.iter_mut().flatten().filter_map(|column| column.peek());
        let place = |head: &&Batched| (head.rank, head.point.time);
        let next = if plan.descending { heads.max_by_key(place) } else { heads.min_by_key(place) };
        let Some((rank, time)) = next.map(|head| place(&head)) else { break };
        let mut row = Vec::with_capacity(columns.len());
        let mut origin = None;
        for column in &mut columns {
            let found = column.as_mut().and_then(|column| column.next_if(|head| place(&head) == (rank, time)));
            origin = origin.or(found.as_ref().and_then(|found| found.point.origin));
            row.push(found.map_or(Value::Null, |found| found.point.value));
        }
        let number = batches.number(rank);
        batches.run(number).add_companions(origin, &mut row)?;
        if open.as_ref().is_none_or(|(open, _)| *open != rank)
            && let Some((_, finished)) = open.replace((rank, batches.writer(number)))
        {
            finished.finish()?;
        }
        if let Some((_, writer)) = &mut open {
            // A row beyond LIMIT is dropped, and the next series may have some again.
            let _ = writer.row(|cells| {
                cells.push(Value::Time(Timestamp(time)));
                cells.append(&mut row);
            })?;
        }
    }
    open.map_or(Ok(()), |(_, writer)| writer.finish())
}

/// The groups of a query, evaluated call by call.
struct Batches<'r> {
    plan: &'r Plan,
    calls: &'r CallPlan,
    groups: &'r [Group],
    execution: &'r Execution<'r>,
    /// The memory of all results.
    memory: Reservation,
}

impl<'r> Batches<'r> {
    /// The groups are in ascending order, or in descending order if the answer reverses them.
    fn is_reversed(&self) -> bool {
        self.plan.descending && self.plan.reverses_groups()
    }

    /// The place of a group in ascending order. Also the number of the group with this place.
    fn number(&self, rank: usize) -> usize {
        if self.is_reversed() { self.groups.len() - 1 - rank } else { rank }
    }

    fn run(&self, number: usize) -> GroupRun<'r> {
        let (plan, calls, execution) = (self.plan, self.calls, self.execution);
        GroupRun { plan, calls, group: &self.groups[number], execution }
    }

    fn writer(&self, number: usize) -> SeriesWriter<'r, 'r> {
        let group = &self.groups[number];
        let limit = (self.plan.limits.limit > 0).then_some(self.plan.limits.limit);
        let (name, tags) = (group.measurement.clone(), self.plan.tags_of(&group.values));
        let columns = self.plan.columns.clone();
        SeriesWriter::new(self.execution, name, tags, columns, true, self.plan.limits.offset, limit)
    }

    /// Returns the results of an expression.
    fn stream(&mut self, expr: &'r StreamExpr) -> Result<Vec<Batched>, QueryError> {
        match expr {
            StreamExpr::Call(call) => self.call(call, self.plan.range, false),
            StreamExpr::Literal(_) => Ok(Vec::new()),
            StreamExpr::Binary { op, lhs, rhs } => match (&**lhs, &**rhs) {
                (StreamExpr::Literal(left), right) => Ok(map(self.stream(right)?, |value| {
                    arithmetic(*op, left.scalar(), value.scalar(), Division::Exact).into()
                })),
                (left, StreamExpr::Literal(right)) => Ok(map(self.stream(left)?, |value| {
                    arithmetic(*op, value.scalar(), right.scalar(), Division::Exact).into()
                })),
                (left, right) => {
                    let is_float = left.is_float() || right.is_float();
                    let sides = [self.stream(left)?, self.stream(right)?];
                    Ok(self.joined(*op, substitute(self.plan.fill, is_float), sides))
                }
            },
        }
    }

    /// Returns the results of a call over points in `range`. `is_inner` says that another call takes them.
    fn call(&mut self, call: &'r CallNode, range: TimeRange, is_inner: bool) -> Result<Vec<Batched>, QueryError> {
        let results = match (&call.function, &call.input) {
            (_, CallInput::Nothing) => return Ok(Vec::new()),
            (Function::Transform(transformation), CallInput::Call(inner)) => {
                let range = if transformation.looks_back() { self.run(0).widened(range) } else { range };
                let mut stages = HashMap::new();
                let mut results = Vec::new();
                for Batched { rank, point, .. } in self.call(inner, range, true)? {
                    let stage: &mut Stage = match stages.entry(rank) {
                        Entry::Occupied(stage) => stage.into_mut(),
                        Entry::Vacant(free) => free.insert(transformation.start(self.plan.descending)),
                    };
                    let result = (point.value != Value::Null).then(|| stage.push(point)).flatten();
                    results.extend(result.map(|point| Batched { rank, shown_time: None, point }));
                }
                return Ok(results);
            }
            (Function::Forecast(forecast), CallInput::Call(inner)) => {
                let Some(windows) = self.plan.windows.filter(|_| !self.plan.descending) else { return Ok(Vec::new()) };
                let mut by_group: HashMap<usize, Vec<(i64, f64)>> = HashMap::new();
                for Batched { rank, point, .. } in self.call(inner, range, true)? {
                    let value = as_float(point.value.scalar());
                    by_group.entry(rank).or_default().extend(value.map(|value| (point.time, value)));
                }
                let mut results = Vec::new();
                for (rank, mut points) in by_group {
                    points.sort_by_key(|point| point.0);
                    let predicted = forecast.predict(&points, windows.interval(), &|| self.execution.go_on())?;
                    self.memory.grow(predicted.len() * RESULT_BYTES)?;
                    results.extend(predicted.into_iter().map(|point| Batched { rank, shown_time: None, point }));
                }
                results.sort_by_key(|result| (result.point.time, result.rank));
                return Ok(results);
            }
            (Function::Collect(collection), _) => {
                let shows_times = shows_times(self.plan, collection);
                self.batched(call, range, shows_times)?
            }
            (Function::Reduce(reduction), _) => {
                let is_selector =
                    matches!(reduction, Reduction::First | Reduction::Last | Reduction::Min | Reduction::Max);
                self.batched(call, range, is_inner && is_selector)?
            }
            (Function::Transform(_) | Function::Forecast(_), CallInput::Points { .. }) => {
                return self.one_after_another(call, range);
            }
        };
        let skips_nulls = is_inner && self.plan.fill == Fill::Null && !call.counts();
        if skips_nulls { Ok(results) } else { filled(results, call, self.plan, range, &mut self.memory) }
    }

    /// Returns the results of a call without filled windows, one group after another.
    fn one_after_another(&mut self, call: &'r CallNode, range: TimeRange) -> Result<Vec<Batched>, QueryError> {
        let mut results = Vec::new();
        for at in 0..self.groups.len() {
            self.execution.go_on()?;
            let number = if self.plan.descending && !self.is_reversed() { self.groups.len() - 1 - at } else { at };
            let rank = self.number(number);
            for point in self.run(number).unfilled(call, range)? {
                let point = point?;
                self.memory.grow(RESULT_BYTES + point.value.text_bytes())?;
                results.push(Batched { rank, shown_time: point.origin.map(|origin| origin.time), point });
            }
        }
        Ok(results)
    }

    /// Returns the results of a call without filled windows, in batches.
    fn batched(&mut self, call: &'r CallNode, range: TimeRange, by_time: bool) -> Result<Vec<Batched>, QueryError> {
        let mut results = self.one_after_another(call, range)?;
        let windows = self.plan.windows;
        let start = |result: &Batched| match (windows, result.shown_time) {
            (Some(windows), Some(time)) => windows.start(time),
            (Some(_), None) => result.point.time,
            (None, _) => range.min.0,
        };
        for batch in results.chunk_by_mut(|a, b| start(a) == start(b)) {
            batch.sort_by_key(|result| {
                let time = if by_time { result.shown_time.unwrap_or_else(|| start(result)) } else { 0 };
                (time, result.rank)
            });
        }
        Ok(results)
    }

    /// Joins two sides as they come. Where one side has no value, the fill provides one.
    fn joined(&self, op: BinaryOp, number: Value, sides: [Vec<Batched>; 2]) -> Vec<Batched> {
        let order = |a: &Batched, b: &Batched| {
            let order = (a.rank, a.point.time).cmp(&(b.rank, b.point.time));
            if self.plan.descending { order.reverse() } else { order }
        };
        let [mut left, mut right] = sides.map(|side| side.into_iter().peekable());
        let mut substitutes = [number.clone(), number];
        let mut joined = Vec::new();
        loop {
            let next = match (left.peek(), right.peek()) {
                (Some(left), Some(right)) => order(left, right),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return joined,
            };
            let points =
                [if next.is_le() { left.next() } else { None }, if next.is_ge() { right.next() } else { None }];
            let place = points.iter().flatten().map(|side| (side.rank, side.point.time)).next();
            let Some((rank, time)) = place else { return joined };
            let mut values = points.map(|side| side.map_or(Value::Null, |side| side.point.value));
            if matches!(self.plan.fill, Fill::None | Fill::Linear) && values.contains(&Value::Null) {
                continue;
            }
            for (value, substitute) in values.iter_mut().zip(&mut substitutes) {
                if *value == Value::Null {
                    *value = substitute.clone();
                } else if self.plan.fill == Fill::Previous {
                    *substitute = value.clone();
                }
            }
            let value = arithmetic(op, values[0].scalar(), values[1].scalar(), Division::Exact).into();
            joined.push(Batched::new(rank, time, value));
        }
    }
}

fn map(results: Vec<Batched>, change: impl Fn(&Value) -> Value) -> Vec<Batched> {
    let changed = |mut result: Batched| {
        result.point.value = change(&result.point.value);
        result
    };
    results.into_iter().map(changed).collect()
}
