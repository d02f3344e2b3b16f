//! Transformations: from a stream of values to another.

use fluxstone_influxql::ast::BinaryOp;
use fluxstone_query::Value;

use super::timed_value::TimedValue;
use crate::value::{Division, arithmetic, float};

/// A transformation with its parameters; units in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as the functions are")]
pub enum Transformation {
    Derivative(i64),
    NonNegativeDerivative(i64),
    Difference,
    Elapsed(i64),
    CumulativeSum,
    MovingAverage(usize),
}

/// Applies a transformation to values that are not null, in the order of the query.
pub fn apply(transformation: &Transformation, points: Vec<TimedValue>, is_descending: bool) -> Vec<TimedValue> {
    match transformation {
        Transformation::Derivative(unit) => derivative(points, *unit, is_descending).0,
        Transformation::NonNegativeDerivative(unit) => non_negative_derivative(points, *unit, is_descending),
        Transformation::Difference => difference(points),
        Transformation::Elapsed(unit) => elapsed(&points, *unit),
        Transformation::CumulativeSum => cumulative_sum(points),
        Transformation::MovingAverage(size) => moving_average(&points, *size),
    }
}

fn add(a: &Value, b: &Value) -> Value {
    arithmetic(BinaryOp::Add, a, b, Division::Exact)
}

fn subtract(a: &Value, b: &Value) -> Value {
    arithmetic(BinaryOp::Subtract, a, b, Division::Exact)
}

/// Drops the points that have the time of the preceding one.
fn of_different_times(points: Vec<TimedValue>) -> Vec<TimedValue> {
    let mut kept: Vec<TimedValue> = Vec::new();
    for point in points {
        if kept.last().is_none_or(|last| last.time != point.time) {
            kept.push(point);
        }
    }
    kept
}

/// [functions.transform.1] The difference from point to point.
fn difference(points: Vec<TimedValue>) -> Vec<TimedValue> {
    let points = of_different_times(points);
    points.windows(2).map(|pair| TimedValue::new(pair[1].time, subtract(&pair[1].value, &pair[0].value))).collect()
}

/// [functions.transform.1] The differences divided by time, and the differences.
fn derivative(points: Vec<TimedValue>, unit: i64, is_descending: bool) -> (Vec<TimedValue>, Vec<TimedValue>) {
    let points = of_different_times(points);
    let differences = difference(points.clone());
    let mut rates = Vec::new();
    for (pair, difference) in points.windows(2).zip(&differences) {
        let between = pair[1].time.0.wrapping_sub(pair[0].time.0);
        let between = if is_descending { between.wrapping_neg() } else { between };
        let rate = float(&difference.value).map(|value| value / (between as f64 / unit as f64));
        rates.push(TimedValue::new(pair[1].time, rate.map_or(Value::Null, Value::Float)));
    }
    (rates, differences)
}

/// [functions.transform.2] The derivative where the difference is not negative.
fn non_negative_derivative(points: Vec<TimedValue>, unit: i64, is_descending: bool) -> Vec<TimedValue> {
    let (rates, differences) = derivative(points, unit, is_descending);
    let is_kept = |difference: &TimedValue| float(&difference.value).is_some_and(|value| value >= 0.0);
    rates.into_iter().zip(&differences).filter(|(_, difference)| is_kept(difference)).map(|(rate, _)| rate).collect()
}

/// [functions.transform.3] The time from point to point in units, truncated.
fn elapsed(points: &[TimedValue], unit: i64) -> Vec<TimedValue> {
    let count = |between: i64| if unit == 0 { 0 } else { between.wrapping_div(unit) };
    let pairs = points.windows(2);
    pairs
        .map(|pair| TimedValue::new(pair[1].time, Value::Integer(count(pair[1].time.0.wrapping_sub(pair[0].time.0)))))
        .collect()
}

/// [functions.transform.4] The sum of all values so far.
fn cumulative_sum(points: Vec<TimedValue>) -> Vec<TimedValue> {
    let mut sums: Vec<TimedValue> = Vec::new();
    for point in points {
        let sum = sums.last().map_or_else(|| point.value.clone(), |before| add(&before.value, &point.value));
        sums.push(TimedValue::new(point.time, sum));
    }
    sums
}

/// [functions.transform.4] The mean of the last `size` values. The value that leaves the sum is subtracted before the value that
/// enters is added.
fn moving_average(points: &[TimedValue], size: usize) -> Vec<TimedValue> {
    let mut averages = Vec::new();
    let mut sum: Option<Value> = None;
    for (at, point) in points.iter().enumerate() {
        let rest = match (sum, at.checked_sub(size)) {
            (Some(sum), Some(left)) => Some(subtract(&sum, &points[left].value)),
            (sum, _) => sum,
        };
        let total = rest.map_or_else(|| point.value.clone(), |rest| add(&rest, &point.value));
        if at + 1 >= size {
            let average = float(&total).map_or(Value::Null, |total| Value::Float(total / size as f64));
            averages.push(TimedValue::new(point.time, average));
        }
        sum = Some(total);
    }
    averages
}
