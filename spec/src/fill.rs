//! `fill(...)`: what stands in windows without a value.

use fluxstone_influxql::ast::Fill;
use fluxstone_model::{FieldType, Text, TimeRange, Timestamp};
use fluxstone_query::Value;

use crate::functions::Point;
use crate::select::Asked;
use crate::time::Windows;

/// The results of a function with gaps filled: all windows of the range have at least one, unless none has.
///
/// Transcribes `select.group.time.2`, `select.fill.1`, `select.fill.2`, `functions.stddev.1`.
pub fn filled(
    results: Vec<Point>,
    (result_type, is_count): (FieldType, bool),
    windows: Windows,
    range: TimeRange,
    asked: &Asked<'_>,
) -> Vec<Point> {
    let (Some(first), Some(last)) = (results.first(), results.last()) else { return results };
    if asked.fill == Fill::None {
        return results;
    }
    let mut filled: Vec<Point> = Vec::new();
    let mut before: Option<Point> = None;
    for start in starts(windows, range, (first.time, last.time), asked.is_descending) {
        let inside: Vec<&Point> = results.iter().filter(|point| point.time == start).collect();
        if let Some(last) = inside.last() {
            before = Some((*last).clone());
            filled.extend(inside.into_iter().cloned());
            continue;
        }
        let is_behind = |point: &&Point| if asked.is_descending { point.time < start } else { point.time > start };
        let after = results.iter().find(is_behind);
        let value = match asked.fill {
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
        filled.push(Point::new(start, value));
    }
    filled
}

/// The windows of the range in the order of the query. Where the range is open at the bottom they begin with the first result.
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

/// A number as a value of the column's type.
fn constant(float: f64, integer: i64, result_type: FieldType) -> Value {
    match result_type {
        FieldType::Float => Value::Float(float),
        FieldType::Integer => Value::Integer(integer),
        FieldType::String => Value::String(Text::default()),
        FieldType::Boolean => Value::Boolean(false),
    }
}

/// The value at `time` on the line through two results. Transcribes `select.fill.2`.
fn on_line(before: &Point, after: &Point, time: Timestamp, windows: Windows) -> Value {
    let window = |time: Timestamp| (time.0 / windows.interval) as f64;
    let line = |p: f64, n: f64| {
        let slope = (n - p) / (window(after.time) - window(before.time));
        slope * (window(time) - window(before.time)) + p
    };
    match (&before.value, &after.value) {
        (Value::Float(p), Value::Float(n)) => Value::Float(line(*p, *n)),
        (Value::Integer(p), Value::Integer(n)) => Value::Integer(line(*p as f64, *n as f64) as i64),
        _ => Value::Null,
    }
}
