//! Aggregates: one value for each window, computed from all its values. (`distinct` may return several.)

use fluxstone_influxql::ast::BinaryOp;
use fluxstone_model::Timestamp;
use fluxstone_query::Value;

use super::timed_value::{TimedValue, WindowValues};
use crate::value::{Division, arithmetic, float, order};

/// The result of an aggregate, which has no time of its own.
fn aggregate(value: Value) -> TimedValue {
    TimedValue::new(Timestamp::EPOCH, value)
}

/// [functions.count.1] The number of values.
pub fn count(values: &WindowValues) -> TimedValue {
    aggregate(Value::Integer(values.merged.len() as i64))
}

/// [functions.count.1] The number of different values.
pub fn count_distinct(values: &WindowValues) -> TimedValue {
    aggregate(Value::Integer(distinct(values).len() as i64))
}

/// [functions.distinct.1] Each value once (0 and −0 are equal), in order of the time at which it first occurs in the order of the
/// query, then of the values.
pub fn distinct(values: &WindowValues) -> Vec<TimedValue> {
    let mut first: Vec<TimedValue> = Vec::new();
    for point in &values.merged {
        if !first.iter().any(|known| known.value == point.value) {
            first.push(TimedValue::new(point.time, point.value.clone()));
        }
    }
    first.sort_by(|a, b| a.time.cmp(&b.time).then(order(&a.value, &b.value)));
    first
}

/// [functions.order.1] The values of each series in the order of the query, and the series in this order.
fn in_order(values: &WindowValues) -> Vec<Vec<&Value>> {
    let mut all: Vec<Vec<&Value>> =
        values.by_series.iter().map(|series| series.iter().map(|point| &point.value).collect()).collect();
    if values.is_descending {
        all.reverse();
        for series in &mut all {
            series.reverse();
        }
    }
    all
}

/// [functions.sum.1, functions.order.1] The values of each series are added in order of time, then the sums of the series in their
/// order, all in reverse under DESC, starting from 0 each time. Integers wrap.
pub fn sum(values: &WindowValues) -> TimedValue {
    let sums: Vec<Value> = in_order(values).into_iter().map(|series| sum_of(series.into_iter())).collect();
    aggregate(sum_of(sums.iter()))
}

fn sum_of<'a>(values: impl Iterator<Item = &'a Value>) -> Value {
    let mut sum = Value::Integer(0);
    for value in values {
        if let (Value::Integer(0), Value::Float(_)) = (&sum, value) {
            sum = Value::Float(0.0);
        }
        sum = arithmetic(BinaryOp::Add, &sum, value, Division::Exact);
    }
    sum
}

/// [functions.mean.1] The mean of the means of the series, each weighted by its number of values; a weight of one is left out.
pub fn mean(values: &WindowValues) -> TimedValue {
    let mut sum_of_means = 0.0;
    let mut count = 0;
    for series in in_order(values) {
        let sum = float(&sum_of(series.iter().copied())).unwrap_or(f64::NAN);
        let mean = sum / series.len() as f64;
        sum_of_means += if series.len() >= 2 { mean * series.len() as f64 } else { mean };
        count += series.len();
    }
    aggregate(Value::Float(sum_of_means / count as f64))
}

fn sorted(points: &[TimedValue]) -> Vec<TimedValue> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| order(&a.value, &b.value));
    sorted
}

/// [functions.median.1] The middle of the sorted values, or halfway between the two in the middle.
pub fn median(values: &WindowValues) -> TimedValue {
    let sorted = sorted(&values.merged);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        return aggregate(float(&sorted[middle].value).map_or(Value::Null, Value::Float));
    }
    let (low, high) = (&sorted[middle - 1].value, &sorted[middle].value);
    let distance = arithmetic(BinaryOp::Subtract, high, low, Division::Exact);
    let half = float(&distance).zip(float(low)).map(|(distance, low)| low + distance / 2.0);
    aggregate(half.map_or(Value::Null, Value::Float))
}

/// [functions.mode.1] A scan of the sorted values, equal ones one series after another: the run of a value is compared with the best
/// run from its second value on. Of booleans, true if at least half of them are.
pub fn mode(values: &WindowValues) -> TimedValue {
    let sorted = sorted(&values.in_turn);
    if let Value::Boolean(_) = sorted[0].value {
        let truths = sorted.iter().filter(|point| point.value == Value::Boolean(true)).count();
        return aggregate(Value::Boolean(truths * 2 >= sorted.len()));
    }
    let (mut run, mut run_length, mut run_began) = (&sorted[0].value, 0, sorted[0].time);
    let (mut best, mut best_length, mut best_taken) = (&sorted[0].value, 0, sorted[0].time);
    for point in &sorted {
        if point.value != *run {
            (run, run_length, run_began) = (&point.value, 1, point.time);
            continue;
        }
        run_length += 1;
        let stays = best_length > run_length || best_length == run_length && run_began > best_taken;
        if !stays {
            (best, best_length, best_taken) = (run, run_length, point.time);
        }
    }
    aggregate(best.clone())
}

/// [functions.spread.1] The greatest minus the least value, integers wrapping.
pub fn spread(values: &WindowValues) -> TimedValue {
    let sorted = sorted(&values.merged);
    let (least, greatest) = (&sorted[0].value, &sorted[sorted.len() - 1].value);
    aggregate(arithmetic(BinaryOp::Subtract, greatest, least, Division::Exact))
}

/// [functions.stddev.1, functions.series.1] The deviation of a sample, from a running mean and the squares of the distances from it,
/// one series after another; null for a single value.
pub fn stddev(values: &WindowValues) -> TimedValue {
    let numbers: Vec<f64> = values.in_turn.iter().filter_map(|point| float(&point.value)).collect();
    let mut mean = 0.0;
    for (k, x) in (1..).zip(&numbers) {
        mean += (x - mean) / f64::from(k);
    }
    let mut squares = 0.0;
    for x in &numbers {
        squares += (x - mean) * (x - mean);
    }
    let others = numbers.len() - 1;
    aggregate(if others == 0 { Value::Null } else { Value::Float((squares / others as f64).sqrt()) })
}
