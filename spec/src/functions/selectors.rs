//! Selectors: results that are points of the input.

use std::cmp::Ordering;

use fluxstone_query::Value;

use super::timed_value::{Origin, TimedValue, WindowValues};
use crate::value::order;

/// A point that no other point is better than: of several, that of the first series, or of the last if `last_series`.
fn best(
    values: &WindowValues,
    last_series: bool,
    is_better: impl Fn(&TimedValue, &TimedValue) -> bool,
) -> Vec<TimedValue> {
    let mut best: Option<&TimedValue> = None;
    let mut series: Vec<_> = values.by_series.iter().collect();
    if last_series {
        series.reverse();
    }
    for point in series.into_iter().flatten() {
        if best.is_none_or(|best| is_better(point, best)) {
            best = Some(point);
        }
    }
    best.cloned().into_iter().collect()
}

/// [functions.minmax.1] The least value; of equal ones the earliest, then that of the first series, of the last under DESC.
pub fn min(values: &WindowValues) -> Vec<TimedValue> {
    best(values, values.is_descending, |a, b| order(&a.value, &b.value).then(a.time.cmp(&b.time)).is_lt())
}

/// [functions.minmax.1] The greatest value; of equal ones the earliest, then that of the first series, of the last under DESC.
pub fn max(values: &WindowValues) -> Vec<TimedValue> {
    best(values, values.is_descending, |a, b| order(&b.value, &a.value).then(a.time.cmp(&b.time)).is_lt())
}

/// [functions.firstlast.1] The earliest point; where several series have one, the greatest value, but of booleans false; of equal
/// ones that of the first series, in windows of the last one under DESC.
pub fn first(values: &WindowValues) -> Vec<TimedValue> {
    best(values, values.has_window && values.is_descending, |a, b| {
        let by_value = order(&b.value, &a.value);
        let is_boolean = matches!(a.value, Value::Boolean(_));
        a.time.cmp(&b.time).then(if is_boolean { by_value.reverse() } else { by_value }).is_lt()
    })
}

/// [functions.firstlast.1] The latest point; where several series have one, the greatest value; of equal ones that of the last
/// series, in windows only under DESC.
pub fn last(values: &WindowValues) -> Vec<TimedValue> {
    best(values, !values.has_window || values.is_descending, |a, b| {
        b.time.cmp(&a.time).then(order(&b.value, &a.value)).is_lt()
    })
}

/// [functions.percentile.1] The value at index ⌊n·p/100 + 0.5⌋ − 1 of the sorted values, or nothing.
pub fn percentile(values: &WindowValues, percent: f64) -> Vec<TimedValue> {
    let mut sorted = values.merged.clone();
    sorted.sort_by(|a, b| order(&a.value, &b.value));
    let index = (sorted.len() as f64 * percent / 100.0 + 0.5).floor() - 1.0;
    if index < 0.0 || index >= sorted.len() as f64 {
        return Vec::new();
    }
    vec![sorted[index as usize].clone()]
}

/// [functions.sample.1] All points, in the order of a sample. A sample has a random subset of them: see [`is_sample`].
pub fn in_sample_order(values: &WindowValues) -> Vec<TimedValue> {
    let mut points = values.merged.clone();
    points.sort_by(|a, b| a.time.cmp(&b.time).then(order(&a.value, &b.value)));
    points
}

/// [functions.sample.1] Whether `chosen` is a sample of size `n` of `all`, both in the order of a sample.
pub fn is_sample<T: PartialEq>(chosen: &[T], all: &[T], n: usize) -> bool {
    let mut rest = all.iter();
    chosen.len() == all.len().min(n) && chosen.iter().all(|item| rest.any(|other| other == item))
}

/// [functions.top.1, functions.top.2] The `n` greatest values; of equal ones the earlier.
pub fn top(values: &WindowValues, n: usize, keys: &dyn Fn(&Origin) -> Vec<Value>) -> Vec<TimedValue> {
    ranked(values, n, keys, &|a, b| order(&b.value, &a.value).then(a.time.cmp(&b.time)))
}

/// [functions.top.1, functions.top.2] The `n` least values; of equal ones the earlier.
pub fn bottom(values: &WindowValues, n: usize, keys: &dyn Fn(&Origin) -> Vec<Value>) -> Vec<TimedValue> {
    ranked(values, n, keys, &|a, b| order(&a.value, &b.value).then(a.time.cmp(&b.time)))
}

/// The `n` best points, best first. If there are names between the field and the number, only the best point of each combination of
/// their values takes part; points with equal values and times come in the order of their series.
fn ranked(
    values: &WindowValues,
    n: usize,
    keys: &dyn Fn(&Origin) -> Vec<Value>,
    rank: &dyn Fn(&TimedValue, &TimedValue) -> Ordering,
) -> Vec<TimedValue> {
    let keys_of = |point: &TimedValue| point.origin.as_ref().map(keys).unwrap_or_default();
    let mut points = values.merged.clone();
    if points.first().is_some_and(|point| !keys_of(point).is_empty()) {
        let mut by_keys: Vec<(Vec<Value>, TimedValue)> = Vec::new();
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
