//! Selectors: results that are points of the input.

use std::cmp::Ordering;

use fluxstone_query::Value;

use super::{Origin, Point, Values};
use crate::value::order;

/// The first point that no other is better than, series after series.
fn best(values: &Values, is_better: impl Fn(&Point, &Point) -> bool) -> Vec<Point> {
    let mut best: Option<&Point> = None;
    for point in values.by_series.iter().flatten() {
        if best.is_none_or(|best| is_better(point, best)) {
            best = Some(point);
        }
    }
    best.cloned().into_iter().collect()
}

/// [functions.minmax.1] The least value; of equal ones the earliest, then that of the first series.
pub fn min(values: &Values) -> Vec<Point> {
    best(values, |a, b| order(&a.value, &b.value).then(a.time.cmp(&b.time)).is_lt())
}

/// [functions.minmax.1] The greatest value; of equal ones the earliest, then that of the first series.
pub fn max(values: &Values) -> Vec<Point> {
    best(values, |a, b| order(&b.value, &a.value).then(a.time.cmp(&b.time)).is_lt())
}

/// [functions.firstlast.1] The earliest point; where several series have one, the greatest value, but of booleans false.
pub fn first(values: &Values) -> Vec<Point> {
    best(values, |a, b| {
        let by_value = order(&b.value, &a.value);
        let is_boolean = matches!(a.value, Value::Boolean(_));
        a.time.cmp(&b.time).then(if is_boolean { by_value.reverse() } else { by_value }).is_lt()
    })
}

/// [functions.firstlast.1] The latest point; where several series have one, the greatest value.
pub fn last(values: &Values) -> Vec<Point> {
    best(values, |a, b| b.time.cmp(&a.time).then(order(&b.value, &a.value)).is_lt())
}

/// [functions.percentile.1] The value at index ⌊n·p/100 + 0.5⌋ − 1 of the sorted values, or nothing.
pub fn percentile(values: &Values, percent: f64) -> Vec<Point> {
    let mut sorted = values.merged.clone();
    sorted.sort_by(|a, b| order(&a.value, &b.value));
    let index = (sorted.len() as f64 * percent / 100.0 + 0.5).floor() - 1.0;
    if index < 0.0 || index >= sorted.len() as f64 {
        return Vec::new();
    }
    vec![sorted[index as usize].clone()]
}

/// [functions.sample.1] All points, in the order in which a sample of them stands. Which of them a sample has is left to chance:
/// [`is_sample`].
pub fn in_sample_order(values: &Values) -> Vec<Point> {
    let mut points = values.merged.clone();
    points.sort_by(|a, b| a.time.cmp(&b.time).then(order(&a.value, &b.value)));
    points
}

/// [functions.sample.1] Whether `chosen` is a sample of `n` of `all`, both in the order of a sample.
pub fn is_sample<T: PartialEq>(chosen: &[T], all: &[T], n: usize) -> bool {
    let mut rest = all.iter();
    chosen.len() == all.len().min(n) && chosen.iter().all(|item| rest.any(|other| other == item))
}

/// [functions.top.1, functions.top.2] The `n` greatest values; of equal ones the earlier.
pub fn top(values: &Values, n: usize, keys: &dyn Fn(&Origin) -> Vec<Value>) -> Vec<Point> {
    ranked(values, n, keys, &|a, b| order(&b.value, &a.value).then(a.time.cmp(&b.time)))
}

/// [functions.top.1, functions.top.2] The `n` least values; of equal ones the earlier.
pub fn bottom(values: &Values, n: usize, keys: &dyn Fn(&Origin) -> Vec<Value>) -> Vec<Point> {
    ranked(values, n, keys, &|a, b| order(&a.value, &b.value).then(a.time.cmp(&b.time)))
}

/// The `n` best points, best first. Where names stand between the field and the number, only the best point of each combination of their
/// values takes part; those that are equal in value and time come in the order of their series.
fn ranked(
    values: &Values,
    n: usize,
    keys: &dyn Fn(&Origin) -> Vec<Value>,
    rank: &dyn Fn(&Point, &Point) -> Ordering,
) -> Vec<Point> {
    let keys_of = |point: &Point| point.origin.as_ref().map(keys).unwrap_or_default();
    let mut points = values.merged.clone();
    if points.first().is_some_and(|point| !keys_of(point).is_empty()) {
        let mut by_keys: Vec<(Vec<Value>, Point)> = Vec::new();
        for point in points {
            let keys = keys_of(&point);
            match by_keys.iter_mut().find(|(known, _)| *known == keys) {
                None => by_keys.push((keys, point)),
                Some((_, best)) if rank(&point, best).is_lt() => *best = point,
                Some(_) => {}
            }
        }
        points = by_keys.into_iter().map(|(_, point)| point).collect();
        points.sort_by_key(|point| point.origin.as_ref().map(|origin| (origin.time, origin.series)));
    }
    points.sort_by(|a, b| rank(a, b));
    points.truncate(n);
    points
}
