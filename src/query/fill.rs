//! `fill(...)`: values for windows that have none.

use std::iter::Peekable;

use fluxstone_influxql::ast::Fill;
use fluxstone_model::{FieldType, Text, TimeRange, Timestamp};

use super::error::QueryError;
use super::execution::Execution;
use super::functions::TimedValue;
use super::value::Value;
use super::windows::Windows;

/// The maximum number of windows that are filled between questions whether to go on.
const WINDOWS_UNASKED_MAX: u32 = 1024;

/// A stream of results by window, with a result added for every window of the range that has none. An empty stream stays empty.
pub(super) struct Filled<'r, I: Iterator<Item = Result<TimedValue, QueryError>>> {
    input: Peekable<I>,
    windows: Windows,
    fill: Fill,
    /// `fill(null)` is zero for counts.
    counts: bool,
    field_type: FieldType,
    descending: bool,
    /// The next window, once there has been a point.
    next: Option<i64>,
    /// The window to start at; `None` means that of the first point.
    first: Option<i64>,
    last: i64,
    previous: Option<TimedValue>,
    is_done: bool,
    execution: &'r Execution<'r>,
    /// Windows filled since the last question whether to go on.
    unasked: u32,
}

impl<'r, I: Iterator<Item = Result<TimedValue, QueryError>>> Filled<'r, I> {
    /// Fills the windows of `range`. If the range is open at the side where the stream begins, filling begins with the first point.
    pub(super) fn new(
        input: I,
        windows: Windows,
        range: TimeRange,
        fill: Fill,
        (field_type, counts): (FieldType, bool),
        descending: bool,
        execution: &'r Execution<'r>,
    ) -> Self {
        let start = |time: Timestamp| windows.start(time.0);
        let (first, last) = if descending {
            (Some(start(range.max)), start(range.min))
        } else {
            ((range.min > Timestamp::MIN).then(|| start(range.min)), start(range.max))
        };
        // In descending order, an open range ends with the last point.
        let last = if descending && range.min <= Timestamp::MIN { i64::MAX } else { last };
        let input = input.peekable();
        Filled {
            input,
            windows,
            fill,
            counts,
            field_type,
            descending,
            next: None,
            first,
            last,
            previous: None,
            is_done: false,
            execution,
            unasked: 0,
        }
    }

    fn is_before(&self, a: i64, b: i64) -> bool {
        if self.descending { a > b } else { a < b }
    }

    fn filler(&mut self, time: i64) -> Value {
        match (self.fill, &self.previous) {
            (Fill::Previous, Some(previous)) => previous.value.clone(),
            (Fill::Linear, Some(before)) => match self.input.peek() {
                Some(Ok(after)) => on_line(before, after, time, self.windows).unwrap_or(Value::Null),
                Some(Err(_)) | None => Value::Null,
            },
            (fill, _) => filler(fill, self.counts, self.field_type),
        }
    }
}

/// The value of an empty window that does not depend on other windows; null if it does.
pub(super) fn filler(fill: Fill, counts: bool, field_type: FieldType) -> Value {
    match fill {
        Fill::Null | Fill::None if counts => Value::Integer(0),
        Fill::Null | Fill::None | Fill::Previous | Fill::Linear => Value::Null,
        Fill::Integer(v) => number(v as f64, v, field_type),
        Fill::Number(v) => number(v, v as i64, field_type),
    }
}

/// The value at `time` on the line through two results.
pub(super) fn on_line(before: &TimedValue, after: &TimedValue, time: i64, windows: Windows) -> Option<Value> {
    let interval = windows.interval();
    let position = |time: i64| (time / interval) as f64;
    let line = |from: f64, rise: f64| {
        let slope = rise / (position(after.time) - position(before.time));
        slope * (position(time) - position(before.time)) + from
    };
    match (&before.value, &after.value) {
        (Value::Float(from), Value::Float(to)) => Some(Value::Float(line(*from, *to - *from))),
        (Value::Integer(from), Value::Integer(to)) => {
            let value = line(*from as f64, to.wrapping_sub(*from) as f64);
            // Between results of different groups, which only the observed profile joins, the line may be vertical.
            Some(Value::Integer(if value.is_finite() { value as i64 } else { i64::MIN }))
        }
        _ => None,
    }
}

impl<I: Iterator<Item = Result<TimedValue, QueryError>>> Iterator for Filled<'_, I> {
    type Item = Result<TimedValue, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let head = match self.input.peek() {
            Some(Err(_)) => return self.input.next(),
            Some(Ok(point)) => Some(point.time),
            None => None,
        };
        let expected = match (self.next, head) {
            (Some(next), _) => next,
            (None, Some(time)) => self.first.unwrap_or(time),
            (None, None) => {
                self.is_done = true;
                return None;
            }
        };
        // Several results of one window follow each other; a result of a later window waits until the gap before it is filled.
        if let Some(time) = head
            && !self.is_before(expected, time)
        {
            let point = self.input.next()?;
            let following = if self.descending {
                time.checked_sub(self.windows.interval())
            } else {
                time.checked_add(self.windows.interval())
            };
            self.next = following;
            self.is_done = following.is_none() && self.input.peek().is_none();
            if matches!(self.fill, Fill::Previous | Fill::Linear) {
                self.previous = point.as_ref().ok().cloned();
            }
            return Some(point);
        }
        if head.is_none() && self.is_before(self.last, expected) {
            self.is_done = true;
            return None;
        }
        // There may be more windows than the client will wait for.
        self.unasked += 1;
        if self.unasked == WINDOWS_UNASKED_MAX {
            self.unasked = 0;
            if let Err(error) = self.execution.go_on() {
                self.is_done = true;
                return Some(Err(error));
            }
        }
        let value = self.filler(expected);
        let interval = self.windows.interval();
        let following = if self.descending { expected.checked_sub(interval) } else { expected.checked_add(interval) };
        self.is_done = following.is_none();
        self.next = following;
        Some(Ok(TimedValue { time: expected, value, origin: None }))
    }
}

fn number(float: f64, integer: i64, field_type: FieldType) -> Value {
    match field_type {
        FieldType::Float => Value::Float(float),
        FieldType::Integer => Value::Integer(integer),
        FieldType::String => Value::String(Text::default()),
        FieldType::Boolean => Value::Boolean(false),
    }
}
