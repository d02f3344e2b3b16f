//! `fill(...)`: values for windows that have none.

use fluxstone_influxql::ast::Fill;
use fluxstone_model::{FieldType, Text, TimeRange, Timestamp};
use fluxstone_query::Value;

use crate::functions::TimedValue;
use crate::scope::Scope;
use crate::time::Windows;

/// Fills the gaps in the results of a function: every window of the range then has a result, unless there are no results at all.
///
/// Transcribes `select.group.time.2`, `select.fill.1`, `select.fill.2`, `functions.stddev.1`.
pub fn filled(
    results: Vec<TimedValue>,
    (result_type, is_count): (FieldType, bool),
    windows: Windows,
    range: TimeRange,
    scope: &Scope<'_>,
) -> Vec<TimedValue> {
    let (Some(first), Some(last)) = (results.first(), results.last()) else { return results };
    if scope.fill == Fill::None {
        return results;
    }
    let mut filled: Vec<TimedValue> = Vec::new();
    let mut before: Option<TimedValue> = None;
    for start in starts(windows, range, (first.time, last.time), scope.is_descending) {
        let inside: Vec<&TimedValue> = results.iter().filter(|point| point.time == start).collect();
        if let Some(last) = inside.last() {
            before = Some((*last).clone());
            filled.extend(inside.into_iter().cloned());
            continue;
        }
        let is_behind = |point: &&TimedValue| if scope.is_descending { point.time < start } else { point.time > start };
        let after = results.iter().find(is_behind);
        let value = match scope.fill {
            Fill::Null | Fill::None if is_count => Value::Integer(0),
            Fill::Null | Fill::None => Value::Null,
            Fill::Previous => before.as_ref().map_or(Value::Null, |point| point.value.clone()),
            Fill::Linear => match (&before, after) {
                (Some(before), Some(after)) => on_line(before, after, start, windows),
                _ => Value::Null,
            },
            Fill::Integer(number) => constant(number as f64, number, result_type),
            Fill::Number(number) => constant(number, number as i64, result_type),
        };
        filled.push(TimedValue::new(start, value));
    }
    filled
}

/// The windows of the range in the order of the query. If the range has no lower bound they begin with the first result.
///
/// Transcribes `select.group.time.2`.
fn starts(
    windows: Windows,
    range: TimeRange,
    (first, last): (Timestamp, Timestamp),
    is_descending: bool,
) -> Vec<Timestamp> {
    let is_open = range.min <= Timestamp::MIN;
    let lowest = match (is_open, is_descending) {
        (false, _) => windows.start(range.min),
        (true, false) => first,
        (true, true) => last,
    };
    let highest = windows.start(range.max);
    let mut starts: Vec<Timestamp> = (lowest.0..=highest.0).step_by(windows.interval as usize).map(Timestamp).collect();
    if is_descending {
        starts.reverse();
    }
    starts
}

/// Converts a number to the type of the column.
fn constant(float: f64, integer: i64, result_type: FieldType) -> Value {
    match result_type {
        FieldType::Float => Value::Float(float),
        FieldType::Integer => Value::Integer(integer),
        FieldType::String => Value::String(Text::default()),
        FieldType::Boolean => Value::Boolean(false),
    }
}

/// The value at `time` on the line through two results. Transcribes `select.fill.2`.
fn on_line(before: &TimedValue, after: &TimedValue, time: Timestamp, windows: Windows) -> Value {
    let window = |time: Timestamp| (time.0 / windows.interval) as f64;
    let line = |p: f64, rise: f64| {
        let slope = rise / (window(after.time) - window(before.time));
        slope * (window(time) - window(before.time)) + p
    };
    match (&before.value, &after.value) {
        (Value::Float(p), Value::Float(n)) => Value::Float(line(*p, n - p)),
        (Value::Integer(p), Value::Integer(n)) => Value::Integer(line(*p as f64, n.wrapping_sub(*p) as f64) as i64),
        _ => Value::Null,
    }
}
