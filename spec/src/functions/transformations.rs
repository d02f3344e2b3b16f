//! Transformations: streams of points into streams of points.

use fluxstone_influxql::ast::BinaryOp;
use fluxstone_query::Value;

use super::Point;
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

/// What a transformation makes of points that have values, in the order of the query.
pub fn apply(transformation: &Transformation, points: Vec<Point>, is_descending: bool) -> Vec<Point> {
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

/// Without the points that have the time of the one before.
fn of_different_times(points: Vec<Point>) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::new();
    for point in points {
        if kept.last().is_none_or(|last| last.time != point.time) {
            kept.push(point);
        }
    }
    kept
}

/// [functions.transform.1] What is added from point to point.
fn difference(points: Vec<Point>) -> Vec<Point> {
    let points = of_different_times(points);
    points.windows(2).map(|pair| Point::new(pair[1].time, subtract(&pair[1].value, &pair[0].value))).collect()
}

/// [functions.transform.1] The differences by time, and the differences.
fn derivative(points: Vec<Point>, unit: i64, is_descending: bool) -> (Vec<Point>, Vec<Point>) {
    let points = of_different_times(points);
    let differences = difference(points.clone());
    let mut rates = Vec::new();
    for (pair, difference) in points.windows(2).zip(&differences) {
        let between = pair[1].time.0.wrapping_sub(pair[0].time.0);
        let between = if is_descending { between.wrapping_neg() } else { between };
        let rate = float(&difference.value).map(|value| value / (between as f64 / unit as f64));
        rates.push(Point::new(pair[1].time, rate.map_or(Value::Null, Value::Float)));
    }
    (rates, differences)
}

/// [functions.transform.2] The derivative where the difference is not negative.
fn non_negative_derivative(points: Vec<Point>, unit: i64, is_descending: bool) -> Vec<Point> {
    let (rates, differences) = derivative(points, unit, is_descending);
    let is_kept = |difference: &Point| float(&difference.value).is_some_and(|value| value >= 0.0);
    rates.into_iter().zip(&differences).filter(|(_, difference)| is_kept(difference)).map(|(rate, _)| rate).collect()
}

/// [functions.transform.3] The time from point to point in units, cut toward zero.
fn elapsed(points: &[Point], unit: i64) -> Vec<Point> {
    let count = |between: i64| if unit == 0 { 0 } else { between.wrapping_div(unit) };
    let pairs = points.windows(2);
    pairs
        .map(|pair| Point::new(pair[1].time, Value::Integer(count(pair[1].time.0.wrapping_sub(pair[0].time.0)))))
        .collect()
}

/// [functions.transform.4] The sum of all values so far.
fn cumulative_sum(points: Vec<Point>) -> Vec<Point> {
    let mut sums: Vec<Point> = Vec::new();
    for point in points {
        let sum = sums.last().map_or_else(|| point.value.clone(), |before| add(&before.value, &point.value));
        sums.push(Point::new(point.time, sum));
    }
    sums
}

/// [functions.transform.4] The mean of the last `size` values: their sum loses the one that leaves before it gains the one that
/// enters.
fn moving_average(points: &[Point], size: usize) -> Vec<Point> {
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
            averages.push(Point::new(point.time, average));
        }
        sum = Some(total);
    }
    averages
}
