//! Rows that are results of functions: each call is a stream of results, expressions join streams by time, and the streams of
//! all columns are joined into rows.

use fluxstone_influxql::ast::{BinaryOp, Fill};
use fluxstone_model::{Clause, Scalar, Text, TimeRange, Timestamp};

use super::budget::Reservation;
use super::calls::{CallInput, CallNode, Output, StreamExpr};
use super::collect::Collected;
use super::cursor::{MergeOrder, MergedCursor, SeriesCursor};
use super::error::QueryError;
use super::execution::{Execution, SeriesWriter};
use super::fill::Filled;
use super::functions::{Collection, Forecast, Function, Origin, Stage, TimedValue};
use super::group_run::{GroupRun, Stream};
use super::point_expr::{PointExpr, PointRow};
use super::points::RowReader;
use super::read_set::ReadSet;
use super::reduce::reduce;
use super::row_batch::RowBatch;
use super::scalar::{Division, arithmetic, as_float};
use super::together::Ready;
use super::value::Value;

/// The memory of the stream of a column, and of its place in a row.
const HEAD_BYTES: usize = size_of::<Head<'_>>() + 256;

/// Writes the rows of one group.
pub(super) fn write(run: GroupRun<'_>, mut writer: SeriesWriter<'_, '_>) -> Result<(), QueryError> {
    let descending = run.is_descending();
    let mut heads = Vec::new();
    let mut ready = Ready::new(run)?;
    let mut memory = run.execution.reserve();
    for output in &run.calls.outputs {
        memory.grow(HEAD_BYTES)?;
        run.execution.go_on()?;
        heads.push(match output {
            Output::Stream(expr) => Some(Head::new(run.stream(expr, &mut ready)?)?),
            Output::Companion(_) => None,
        });
    }
    loop {
        let times = heads.iter().flatten().filter_map(|head| Some(head.next.as_ref()?.time));
        let Some(time) = (if descending { times.max() } else { times.min() }) else { break };
        let mut row = Vec::with_capacity(heads.len());
        let mut origin = None;
        for head in &mut heads {
            let result = match head {
                Some(head) => head.take_at(time)?,
                None => None,
            };
            origin = origin.or(result.as_ref().and_then(|result| result.origin));
            row.push(result.map_or(Value::Null, |result| result.value));
        }
        run.add_companions(origin, &mut row)?;
        let flow = writer.row(|cells| {
            cells.push(Value::Time(Timestamp(time)));
            cells.append(&mut row);
        })?;
        if flow.is_break() {
            break;
        }
    }
    writer.finish()
}

/// A stream with its next result.
struct Head<'r> {
    stream: Stream<'r>,
    next: Option<TimedValue>,
}

impl<'r> Head<'r> {
    fn new(mut stream: Stream<'r>) -> Result<Head<'r>, QueryError> {
        let next = stream.next().transpose()?;
        Ok(Head { stream, next })
    }

    /// Takes the next result if it has this time.
    fn take_at(&mut self, time: i64) -> Result<Option<TimedValue>, QueryError> {
        if self.next.as_ref().is_none_or(|next| next.time != time) {
            return Ok(None);
        }
        let following = self.stream.next().transpose()?;
        Ok(std::mem::replace(&mut self.next, following))
    }
}

impl<'r> GroupRun<'r> {
    /// Fills in the columns that show values of the chosen point.
    pub(super) fn add_companions(self, origin: Option<Origin>, row: &mut [Value]) -> Result<(), QueryError> {
        let mut chosen = None;
        for (output, cell) in self.calls.outputs.iter().zip(row) {
            let (Output::Companion(expr), Some(origin)) = (output, origin) else { continue };
            let member = &self.group.series[origin.series];
            let batch = match &chosen {
                Some(batch) => batch,
                None => chosen.insert(self.batch_at(origin)?),
            };
            let value = expr.cell(PointRow { key: &member.series.key, batch, row: 0 });
            // Beside a selector, a tag that a sub-query groups by and that has no value is null.
            let is_absent = expr.is_tag() && value == Value::String(Text::default());
            *cell = if is_absent { Value::Null } else { value };
        }
        Ok(())
    }

    fn batch_at(self, origin: Origin) -> Result<RowBatch, QueryError> {
        let member = &self.group.series[origin.series];
        let time = Timestamp(origin.time);
        let range = TimeRange { min: time, max: time };
        let reads = &self.calls.companion_reads;
        let mut reader = RowReader::new(&*member.source, member.series.id, reads, range, false, 1, self.execution)?;
        let found = reader.next_batch(self.execution)?;
        Ok(found.unwrap_or_else(|| RowBatch::empty_row(origin.time, reads.len())))
    }

    /// Returns the stream of an expression.
    fn stream(self, expr: &'r StreamExpr, ready: &mut Ready<'r>) -> Result<Stream<'r>, QueryError> {
        match expr {
            StreamExpr::Call(call) => {
                let range = self.plan.range;
                match ready.take(call) {
                    Some(results) => Ok(self.filled(results, call, range)),
                    None => self.call(call, range),
                }
            }
            StreamExpr::Literal(_) => Ok(Box::new(std::iter::empty())),
            StreamExpr::Binary { op, lhs, rhs } => match (&**lhs, &**rhs) {
                (StreamExpr::Literal(left), right) => Ok(map(self.stream(right, ready)?, move |value| {
                    arithmetic(*op, left.scalar(), value, Division::Exact).into()
                })),
                (left, StreamExpr::Literal(right)) => Ok(map(self.stream(left, ready)?, move |value| {
                    arithmetic(*op, value, right.scalar(), Division::Exact).into()
                })),
                (left, right) => {
                    let is_float = left.is_float() || right.is_float();
                    let left = Head::new(self.stream(left, ready)?)?;
                    let right = Head::new(self.stream(right, ready)?)?;
                    let number = substitute(self.plan.fill, is_float);
                    Ok(Box::new(Joined::new(*op, left, right, (self.plan.fill, number), self.is_descending())))
                }
            },
        }
    }

    /// Returns the results of a call over points in `range`, with empty windows filled.
    fn call(self, call: &'r CallNode, range: TimeRange) -> Result<Stream<'r>, QueryError> {
        Ok(self.filled(self.unfilled(call, range)?, call, range))
    }

    /// Returns the results of a call for a function that skips nulls, without filling windows with nulls.
    fn inner_call(self, call: &'r CallNode, range: TimeRange) -> Result<Stream<'r>, QueryError> {
        if self.plan.fill == Fill::Null && !call.counts() { self.unfilled(call, range) } else { self.call(call, range) }
    }

    pub(super) fn unfilled(self, call: &'r CallNode, range: TimeRange) -> Result<Stream<'r>, QueryError> {
        Ok(match (&call.function, &call.input) {
            (_, CallInput::Nothing) => Box::new(std::iter::empty()),
            (Function::Reduce(reduction), CallInput::Points { reads, input_type, .. }) => {
                reduce(self, *reduction, reads, *input_type, range)?
            }
            (Function::Collect(collection), CallInput::Points { reads, keys, .. }) => {
                Box::new(Collected::new(self, collection, reads, keys, range))
            }
            (Function::Transform(transformation), input) => {
                let input = match input {
                    CallInput::Points { reads, value, .. } => self.points(reads, value, range),
                    CallInput::Call(inner) if transformation.looks_back() => {
                        self.inner_call(inner, self.widened(range))?
                    }
                    CallInput::Call(inner) => self.inner_call(inner, range)?,
                    CallInput::Nothing => Box::new(std::iter::empty()),
                };
                let (stage, memory) = (transformation.start(self.plan.descending), self.execution.reserve());
                Box::new(Transformed { input, stage, memory })
            }
            (Function::Forecast(forecast), CallInput::Call(inner)) => self.forecast(forecast, inner, range)?,
            (Function::Forecast(_), CallInput::Points { .. }) => {
                return Err(QueryError::Invalid(
                    Clause::new("influxql.validation.11"),
                    "must use aggregate function with holt_winters".into(),
                ));
            }
            (Function::Reduce(_) | Function::Collect(_), CallInput::Call(_)) => {
                return Err(QueryError::Unsupported("an aggregate of an aggregate".into()));
            }
        })
    }

    /// Returns the values predicted from the results of a call.
    fn forecast(self, forecast: &Forecast, inner: &'r CallNode, range: TimeRange) -> Result<Stream<'r>, QueryError> {
        let Some(windows) = self.plan.windows else { return Ok(Box::new(std::iter::empty())) };
        if self.plan.descending && self.execution.context.semantics.no_forecast_descending {
            return Ok(Box::new(std::iter::empty()));
        }
        let mut points = Vec::new();
        let mut memory = self.execution.reserve();
        for point in self.inner_call(inner, range)? {
            let point = point?;
            if let Some(value) = as_float(point.value.scalar()) {
                memory.grow(2 * size_of::<(i64, f64)>())?;
                points.push((point.time, value));
            }
        }
        memory.grow(forecast.bytes(&points, windows.interval()))?;
        // Predictions need ascending times, whatever the order of the answer.
        points.sort_by_key(|point| point.0);
        let mut predicted = forecast.predict(&points, windows.interval(), &|| self.execution.go_on())?;
        if self.plan.descending {
            predicted.reverse();
        }
        memory.resize(predicted.len() * size_of::<TimedValue>())?;
        Ok(Box::new(predicted.into_iter().map(move |point| {
            let _held = &memory;
            Ok(point)
        })))
    }

    fn filled(self, stream: Stream<'r>, call: &CallNode, range: TimeRange) -> Stream<'r> {
        let never_filled = matches!(
            call.function,
            Function::Collect(Collection::Distinct | Collection::Sample { .. })
                | Function::Transform(_)
                | Function::Forecast(_)
        );
        match self.plan.windows {
            Some(windows) if !never_filled && self.plan.fill != Fill::None => Box::new(Filled::new(
                stream,
                windows,
                range,
                self.plan.fill,
                (call.result_type, call.counts()),
                self.plan.descending,
                self.execution,
            )),
            _ => stream,
        }
    }

    /// Extends the range by one window at the side where it begins.
    pub(super) fn widened(self, range: TimeRange) -> TimeRange {
        let Some(windows) = self.plan.windows else { return range };
        let interval = windows.interval();
        if self.plan.descending {
            TimeRange { max: Timestamp(range.max.0.saturating_add(interval)), ..range }
        } else {
            TimeRange { min: Timestamp(range.min.0.saturating_sub(interval)), ..range }
        }
    }

    /// Returns the values of an expression at the points of the group, in order of time.
    fn points(self, reads: &'r ReadSet, value: &'r PointExpr, range: TimeRange) -> Stream<'r> {
        let cursor = MergedCursor::new(self.plan, self.group, reads, range, MergeOrder::Time);
        Box::new(Points { cursor, value, execution: self.execution })
    }
}

/// The value for a missing side of an operator that computes in floats or in integers; null if the fill is not a number.
pub(super) fn substitute(fill: Fill, is_float: bool) -> Value {
    match fill {
        Fill::Integer(v) if is_float => Value::Float(v as f64),
        Fill::Integer(v) => Value::Integer(v),
        Fill::Number(v) if is_float => Value::Float(v),
        Fill::Number(v) => Value::Integer(v as i64),
        Fill::Null | Fill::None | Fill::Previous | Fill::Linear => Value::Null,
    }
}

fn map<'r>(stream: Stream<'r>, change: impl Fn(Option<Scalar<'_>>) -> Value + 'r) -> Stream<'r> {
    let changed = move |result: TimedValue| TimedValue { value: change(result.value.scalar()), ..result };
    Box::new(stream.map(move |result| result.map(&changed)))
}

/// The values of an expression at the points of a group.
struct Points<'r> {
    cursor: MergedCursor<'r>,
    value: &'r PointExpr,
    execution: &'r Execution<'r>,
}

impl Iterator for Points<'_> {
    type Item = Result<TimedValue, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let of = |(series, cursor): (usize, &SeriesCursor)| {
            let time = cursor.time();
            let value = self.value.cell(cursor.point());
            TimedValue { time, value, origin: Some(Origin { series, time }) }
        };
        self.cursor.next(self.execution).map(|found| found.map(of)).transpose()
    }
}

/// A transformation of a stream. Skips nulls.
struct Transformed<'r> {
    input: Stream<'r>,
    stage: Stage,
    memory: Reservation,
}

impl Iterator for Transformed<'_> {
    type Item = Result<TimedValue, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.input.next()? {
                Err(error) => return Some(Err(error)),
                Ok(TimedValue { value: Value::Null, .. }) => {}
                Ok(point) => {
                    let result = self.stage.push(point);
                    if let Err(error) = self.memory.resize(self.stage.held_bytes()) {
                        return Some(Err(error));
                    }
                    if let Some(result) = result {
                        return Some(Ok(result));
                    }
                }
            }
        }
    }
}

/// Two streams joined by an operator. Where one side has no value, the fill provides one.
struct Joined<'r> {
    op: BinaryOp,
    left: Head<'r>,
    right: Head<'r>,
    fill: Fill,
    /// The substitutes for a missing side: the number of `fill(number)`, as the type in which the operator computes, or the side's
    /// last value for `fill(previous)`.
    substitutes: [Value; 2],
    descending: bool,
}

impl<'r> Joined<'r> {
    fn new(op: BinaryOp, left: Head<'r>, right: Head<'r>, (fill, number): (Fill, Value), descending: bool) -> Self {
        Joined { op, left, right, fill, substitutes: [number.clone(), number], descending }
    }

    fn join(&mut self, left: Option<TimedValue>, right: Option<TimedValue>) -> Option<Value> {
        let mut sides = [left, right].map(|point| point.map_or(Value::Null, |point| point.value));
        if matches!(self.fill, Fill::None | Fill::Linear) && sides.contains(&Value::Null) {
            return None;
        }
        for (side, substitute) in sides.iter_mut().zip(&mut self.substitutes) {
            if *side == Value::Null {
                *side = substitute.clone();
            } else if self.fill == Fill::Previous {
                *substitute = side.clone();
            }
        }
        Some(arithmetic(self.op, sides[0].scalar(), sides[1].scalar(), Division::Exact).into())
    }
}

impl Iterator for Joined<'_> {
    type Item = Result<TimedValue, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let times = [&self.left, &self.right].into_iter().filter_map(|head| Some(head.next.as_ref()?.time));
            let time = if self.descending { times.max() } else { times.min() }?;
            let (left, right) = match (self.left.take_at(time), self.right.take_at(time)) {
                (Ok(left), Ok(right)) => (left, right),
                (Err(error), _) | (_, Err(error)) => return Some(Err(error)),
            };
            if let Some(value) = self.join(left, right) {
                return Some(Ok(TimedValue { time, value, origin: None }));
            }
        }
    }
}
