//! Aggregates: one value for each window, computed from all values in it.

use std::collections::HashSet;

use fluxstone_columns::NumberSummary;
use fluxstone_model::FieldType;

use super::collector::{Collector, Identity, Outcome, Pass, order};
use super::ranks::{Digits, Lookup, Ordered};
use super::timed_value::{Origin, TimedValue};
use crate::column_slice::ColumnSlice;
use crate::value::Value;

/// The state of `sum`. Integers wrap.
#[derive(Debug, Clone)]
pub(crate) enum Sum {
    Float { sum: f64, any: bool },
    Integer { sum: i64, any: bool },
}

impl Sum {
    pub(super) fn new(input: FieldType) -> Sum {
        match input {
            FieldType::Integer => Sum::Integer { sum: 0, any: false },
            _ => Sum::Float { sum: 0.0, any: false },
        }
    }

    pub(super) fn add(&mut self, values: ColumnSlice<'_>) {
        match (self, values) {
            (Sum::Float { sum, any }, ColumnSlice::Float(v)) => {
                *any |= !v.is_empty();
                // One by one: the order of additions is part of the result.
                *sum = v.iter().fold(*sum, |sum, v| sum + v);
            }
            (sum @ Sum::Integer { .. }, ColumnSlice::Integer(v)) => {
                sum.add_integer(v.iter().fold(0, |sum, v| i64::wrapping_add(sum, *v)));
            }
            _ => {}
        }
    }

    /// Adds the sum of a block.
    pub(super) fn add_integer(&mut self, more: i64) {
        if let Sum::Integer { sum, any } = self {
            *sum = sum.wrapping_add(more);
            *any = true;
        }
    }

    pub(super) fn combine(&mut self, more: &Sum) {
        match (self, more) {
            (Sum::Float { sum, any }, Sum::Float { sum: more, any: more_any }) => {
                *sum += more;
                *any |= more_any;
            }
            (Sum::Integer { sum, any }, Sum::Integer { sum: more, any: more_any }) => {
                *sum = sum.wrapping_add(*more);
                *any |= more_any;
            }
            _ => {}
        }
    }

    pub(super) fn result(&self) -> Option<Value> {
        match self {
            Sum::Float { sum, any: true } => Some(Value::Float(*sum)),
            Sum::Integer { sum, any: true } => Some(Value::Integer(*sum)),
            _ => None,
        }
    }
}

/// The state of `mean`: the mean of a group is the weighted mean of the means of its series.
#[derive(Debug, Clone)]
pub(crate) struct Mean {
    sum: Sum,
    count: i64,
}

impl Mean {
    pub(super) fn new(input: FieldType) -> Mean {
        Mean { sum: Sum::new(input), count: 0 }
    }

    pub(super) fn add(&mut self, values: ColumnSlice<'_>) {
        self.sum.add(values);
        self.count += match values {
            ColumnSlice::Float(v) => v.len() as i64,
            ColumnSlice::Integer(v) => v.len() as i64,
            ColumnSlice::String(_) | ColumnSlice::Boolean(_) => 0,
        };
    }

    /// Adds a block of integers by their sum.
    pub(super) fn add_block(&mut self, sum: i64, count: u32) {
        self.sum.add_integer(sum);
        self.count += i64::from(count);
    }

    /// Turns the mean of a series into its contribution to the group: weighted by its number of values.
    pub(super) fn close(self) -> Mean {
        let mean = self.quotient();
        let sum = if self.count >= 2 { mean * self.count as f64 } else { mean };
        Mean { sum: Sum::Float { sum, any: true }, count: self.count }
    }

    pub(super) fn combine(&mut self, more: &Mean) {
        self.sum.combine(&more.sum);
        self.count += more.count;
    }

    pub(super) fn result(&self) -> Option<Value> {
        (self.count > 0).then(|| Value::Float(self.quotient()))
    }

    fn quotient(&self) -> f64 {
        let sum = match self.sum {
            Sum::Float { sum, .. } => sum,
            Sum::Integer { sum, .. } => sum as f64,
        };
        sum / self.count as f64
    }
}

/// The state of `spread`: the extremes.
#[derive(Debug, Clone)]
pub(crate) enum Extremes {
    Float(Option<(f64, f64)>),
    Integer(Option<(i64, i64)>),
}

impl Extremes {
    pub(super) fn new(input: FieldType) -> Extremes {
        match input {
            FieldType::Integer => Extremes::Integer(None),
            _ => Extremes::Float(None),
        }
    }

    pub(super) fn add(&mut self, values: ColumnSlice<'_>) {
        match values {
            ColumnSlice::Float(v) => v.iter().for_each(|v| self.widen_float(*v, *v)),
            ColumnSlice::Integer(v) => v.iter().for_each(|v| self.widen_integer(*v, *v)),
            ColumnSlice::String(_) | ColumnSlice::Boolean(_) => {}
        }
    }

    pub(super) fn add_block(&mut self, numbers: NumberSummary) {
        match numbers {
            NumberSummary::Float { min, max, .. } => self.widen_float(min, max),
            NumberSummary::Integer { min, max, .. } => self.widen_integer(min, max),
        }
    }

    pub(super) fn combine(&mut self, more: &Extremes) {
        match *more {
            Extremes::Float(Some((min, max))) => self.widen_float(min, max),
            Extremes::Integer(Some((min, max))) => self.widen_integer(min, max),
            _ => {}
        }
    }

    /// The difference of the extremes, as the type of the field.
    pub(super) fn spread(&self) -> Option<Value> {
        match *self {
            Extremes::Float(extremes) => extremes.map(|(min, max)| Value::Float(max - min)),
            Extremes::Integer(extremes) => extremes.map(|(min, max)| Value::Integer(max.wrapping_sub(min))),
        }
    }

    fn widen_float(&mut self, low: f64, high: f64) {
        if let Extremes::Float(extremes) = self {
            let (min, max) = extremes.unwrap_or((low, high));
            *extremes = Some((min.min(low), max.max(high)));
        }
    }

    fn widen_integer(&mut self, low: i64, high: i64) {
        if let Extremes::Integer(extremes) = self {
            let (min, max) = extremes.unwrap_or((low, high));
            *extremes = Some((min.min(low), max.max(high)));
        }
    }
}

/// Collects the values for `median`.
#[derive(Debug)]
pub(super) struct Median {
    values_max: usize,
    is_integer: bool,
    count: u64,
    /// The first point.
    first: Option<Origin>,
    /// The keys of the values, until there are too many.
    keys: Vec<u64>,
    digits: Option<Digits>,
}

impl Median {
    pub(super) fn new(values_max: usize) -> Median {
        Median { values_max, is_integer: false, count: 0, first: None, keys: Vec::new(), digits: None }
    }
}

impl Collector for Median {
    fn add(&mut self, point: TimedValue, _: Vec<Value>) {
        let key = match point.value {
            Value::Float(v) => v.key(),
            Value::Integer(v) => {
                self.is_integer = true;
                v.key()
            }
            _ => return,
        };
        self.count += 1;
        if self.count == 1 {
            self.first = point.origin;
        }
        if let Some(digits) = &mut self.digits {
            digits.add(key);
            return;
        }
        self.keys.push(key);
        if self.keys.len() > self.values_max {
            let digits = self.digits.insert(Digits::default());
            for key in std::mem::take(&mut self.keys) {
                digits.add(key);
            }
        }
    }

    fn held_bytes(&self) -> usize {
        self.keys.capacity() * size_of::<u64>() + self.digits.as_ref().map_or(0, Digits::bytes)
    }

    fn finish(mut self: Box<Self>) -> Outcome {
        let (low, high) = (self.count.saturating_sub(1) / 2, self.count / 2);
        let sides = if let Some(digits) = &self.digits {
            [low, high].map(|rank| digits.search(rank))
        } else {
            self.keys.sort_unstable();
            [low, high].map(|rank| self.keys.get(rank as usize).map(|key| Lookup::Key(*key, 0)))
        };
        middle(sides, self.is_integer).at(self.first.filter(|_| self.count == 1 && !self.is_integer))
    }
}

/// A further pass in search of the two values in the middle.
struct Middle {
    is_integer: bool,
    sides: [Lookup; 2],
}

impl Pass for Middle {
    fn add(&mut self, values: ColumnSlice<'_>) {
        for side in &mut self.sides {
            let Lookup::Again(search) = side else { continue };
            match values {
                ColumnSlice::Float(v) => v.iter().for_each(|v| search.add(v.key())),
                ColumnSlice::Integer(v) => v.iter().for_each(|v| search.add(v.key())),
                ColumnSlice::String(_) | ColumnSlice::Boolean(_) => {}
            }
        }
    }

    fn finish(self: Box<Self>) -> Outcome {
        let next = |side| match side {
            Lookup::Again(search) => search.next(),
            found @ Lookup::Key(..) => Some(found),
        };
        middle(self.sides.map(next), self.is_integer)
    }
}

/// Returns the median if both values in the middle are known, or else asks for another pass.
fn middle(sides: [Option<Lookup>; 2], is_integer: bool) -> Outcome {
    match sides {
        [Some(Lookup::Key(low, _)), Some(Lookup::Key(high, _))] => Outcome::value(Value::Float(if is_integer {
            let (low, high) = (i64::of_key(low), i64::of_key(high));
            low as f64 + high.wrapping_sub(low) as f64 / 2.0
        } else {
            let (low, high) = (f64::of_key(low), f64::of_key(high));
            if low.key() == high.key() { low } else { low + (high - low) / 2.0 }
        })),
        [Some(low), Some(high)] => Outcome::Values(Box::new(Middle { is_integer, sides: [low, high] })),
        _ => Outcome::nothing(),
    }
}

/// Collects the values for `stddev`: the deviation of a sample, null for a single value.
#[derive(Debug)]
pub(super) struct Stddev {
    values_max: usize,
    count: u64,
    mean: f64,
    /// All values, or none if there are too many.
    values: Vec<f64>,
}

impl Stddev {
    pub(super) fn new(values_max: usize) -> Stddev {
        Stddev { values_max, count: 0, mean: 0.0, values: Vec::new() }
    }

    fn keeps_values(&self) -> bool {
        self.count <= self.values_max as u64
    }
}

impl Collector for Stddev {
    fn add(&mut self, point: TimedValue, _: Vec<Value>) {
        let value = match point.value {
            Value::Float(v) => v,
            Value::Integer(v) => v as f64,
            _ => return,
        };
        self.count += 1;
        self.mean += (value - self.mean) / self.count as f64;
        if self.keeps_values() {
            self.values.push(value);
        } else {
            self.values = Vec::new();
        }
    }

    fn held_bytes(&self) -> usize {
        self.values.capacity() * size_of::<f64>()
    }

    fn finish(self: Box<Self>) -> Outcome {
        let mut squares = Squares { count: self.count, mean: self.mean, sum: 0.0 };
        if !self.keeps_values() {
            return Outcome::Values(Box::new(squares));
        }
        squares.add(ColumnSlice::Float(&self.values));
        Box::new(squares).finish()
    }
}

/// Sums the squares of the distances from the mean.
struct Squares {
    count: u64,
    mean: f64,
    sum: f64,
}

impl Pass for Squares {
    fn add(&mut self, values: ColumnSlice<'_>) {
        let add = |sum, value| sum + (value - self.mean) * (value - self.mean);
        self.sum = match values {
            ColumnSlice::Float(v) => v.iter().fold(self.sum, |sum, v| add(sum, *v)),
            ColumnSlice::Integer(v) => v.iter().fold(self.sum, |sum, v| add(sum, *v as f64)),
            ColumnSlice::String(_) | ColumnSlice::Boolean(_) => return,
        };
    }

    fn finish(self: Box<Self>) -> Outcome {
        match self.count {
            0 => Outcome::nothing(),
            1 => Outcome::value(Value::Null),
            n => Outcome::value(Value::Float((self.sum / (n - 1) as f64).sqrt())),
        }
    }
}

/// Collects the values for `mode`. Memory grows only with the number of different values.
#[derive(Debug, Default)]
pub(super) struct Mode {
    runs: Vec<ValueRun>,
    /// The number of runs after equal ones were last joined.
    distinct: usize,
    /// The bytes of the strings in the runs.
    text_bytes: usize,
}

/// Equal values, in the order in which they arrived.
#[derive(Debug)]
struct ValueRun {
    value: Value,
    count: u64,
    first_time: i64,
    last_time: i64,
}

impl Mode {
    /// Sorts the runs by value and joins equal ones.
    fn join(&mut self) {
        // The sort is stable: of equal runs the earlier one stays before the later one.
        self.runs.sort_by(|a, b| order(&a.value, &b.value));
        self.runs.dedup_by(|later, earlier| {
            let is_equal = order(&later.value, &earlier.value).is_eq();
            if is_equal {
                earlier.count += later.count;
                earlier.last_time = later.last_time;
            }
            is_equal
        });
        self.distinct = self.runs.len();
        self.text_bytes = self.runs.iter().map(|run| run.value.text_bytes()).sum();
    }
}

impl Collector for Mode {
    fn add(&mut self, point: TimedValue, _: Vec<Value>) {
        let TimedValue { value, time, .. } = point;
        self.text_bytes += value.text_bytes();
        self.runs.push(ValueRun { value, count: 1, first_time: time, last_time: time });
        if self.runs.len() >= (2 * self.distinct).max(4096) {
            self.join();
        }
    }

    fn held_bytes(&self) -> usize {
        // Sorting takes half as much again.
        self.runs.capacity() * size_of::<ValueRun>() * 3 / 2 + self.text_bytes
    }

    /// The longest run in order of values. Of runs of equal length the greater value wins, unless it began after the other had
    /// ended.
    fn finish(mut self: Box<Self>) -> Outcome {
        self.join();
        let Some(mut best) = self.runs.first() else { return Outcome::nothing() };
        if matches!(best.value, Value::Boolean(_)) {
            let count = |wanted: bool| {
                let run = self.runs.iter().find(|run| run.value == Value::Boolean(wanted));
                run.map_or(0, |run| run.count)
            };
            return Outcome::value(Value::Boolean(count(true) >= count(false)));
        }
        for run in &self.runs[1..] {
            // A run is compared from its second value on, so a value that occurs once never replaces the lowest one.
            let is_better = run.count > best.count || run.count == best.count && run.first_time <= best.last_time;
            if run.count >= 2 && is_better {
                best = run;
            }
        }
        Outcome::value(best.value.clone())
    }
}

/// Collects the values for `distinct` and `count(distinct)`.
#[derive(Debug)]
pub(super) struct Distinct {
    seen: HashSet<Identity>,
    points: Vec<TimedValue>,
    /// The bytes of the strings seen.
    text_bytes: usize,
    only_count: bool,
}

impl Distinct {
    pub(super) fn new(only_count: bool) -> Distinct {
        Distinct { seen: HashSet::new(), points: Vec::new(), text_bytes: 0, only_count }
    }
}

impl Collector for Distinct {
    fn add(&mut self, point: TimedValue, _: Vec<Value>) {
        if self.seen.insert(Identity::of(&point.value)) {
            self.text_bytes += point.value.text_bytes();
            if !self.only_count {
                self.points.push(point);
            }
        }
    }

    fn held_bytes(&self) -> usize {
        let seen = self.seen.capacity() * (size_of::<Identity>() + 1) * 8 / 7;
        seen + self.points.capacity() * size_of::<TimedValue>() * 3 / 2 + self.text_bytes
    }

    /// The values in order of their first times, then of the values themselves.
    fn finish(mut self: Box<Self>) -> Outcome {
        if self.only_count {
            let count = Value::Integer(self.seen.len() as i64);
            return if self.seen.is_empty() { Outcome::nothing() } else { Outcome::value(count) };
        }
        self.points.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| order(&a.value, &b.value)));
        Outcome::Results(self.points)
    }
}
