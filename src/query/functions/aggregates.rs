//! Aggregates: one value for each window, made of all values in it.

use std::collections::HashSet;

use crate::model::FieldType;

use super::super::points::Values;
use super::super::{NumberSummary, Value};
use super::Point;
use super::collection::{Collector, Identity};

/// `sum`: integers wrap.
#[derive(Debug, Clone)]
pub(in crate::query) enum Sum {
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

    pub(super) fn add(&mut self, values: Values<'_>) {
        match (self, values) {
            (Sum::Float { sum, any }, Values::Float(v)) => {
                *any |= !v.is_empty();
                // One after the other: the order of additions is part of the result.
                *sum = v.iter().fold(*sum, |sum, v| sum + v);
            }
            (sum @ Sum::Integer { .. }, Values::Integer(v)) => {
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

/// `mean`: each series has a mean of its own, and the group's is theirs, weighted.
#[derive(Debug, Clone)]
pub(in crate::query) struct Mean {
    sum: Sum,
    count: i64,
}

impl Mean {
    pub(super) fn new(input: FieldType) -> Mean {
        Mean { sum: Sum::new(input), count: 0 }
    }

    pub(super) fn add(&mut self, values: Values<'_>) {
        self.sum.add(values);
        self.count += match values {
            Values::Float(v) => v.len() as i64,
            Values::Integer(v) => v.len() as i64,
            Values::String(_) | Values::Boolean(_) => 0,
        };
    }

    /// The mean of a series as its group takes it: weighted by how many values it stands for.
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

/// The extremes of `spread`.
#[derive(Debug, Clone)]
pub(in crate::query) enum Extremes {
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

    pub(super) fn add(&mut self, values: Values<'_>) {
        match values {
            Values::Float(v) => v.iter().for_each(|v| self.widen_float(*v, *v)),
            Values::Integer(v) => v.iter().for_each(|v| self.widen_integer(*v, *v)),
            Values::String(_) | Values::Boolean(_) => {}
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

    /// The difference of the extremes, in the type of the field.
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

/// `median`.
#[derive(Debug, Default)]
pub(super) struct Median {
    floats: Vec<f64>,
    integers: Vec<i64>,
}

impl Collector for Median {
    fn add(&mut self, point: Point, _: Vec<Value>) {
        match point.value {
            Value::Float(v) => self.floats.push(v),
            Value::Integer(v) => self.integers.push(v),
            _ => {}
        }
    }

    fn finish(mut self: Box<Self>) -> Vec<Point> {
        self.floats.sort_by(f64::total_cmp);
        self.integers.sort_unstable();
        let middle = |len: usize| (len.saturating_sub(1) / 2, len / 2);
        let (low, high) = middle(self.floats.len().max(self.integers.len()));
        let median = match (self.floats.get(low), self.floats.get(high)) {
            (Some(a), Some(b)) if low != high => a + (b - a) / 2.0,
            (Some(a), _) => *a,
            _ => match (self.integers.get(low), self.integers.get(high)) {
                (Some(a), Some(b)) if low != high => *a as f64 + b.wrapping_sub(*a) as f64 / 2.0,
                (Some(a), _) => *a as f64,
                _ => return Vec::new(),
            },
        };
        vec![Point { time: 0, value: Value::Float(median), origin: None }]
    }
}

/// `stddev`: of the sample, null for a single value.
#[derive(Debug, Default)]
pub(super) struct Stddev(Vec<f64>);

impl Collector for Stddev {
    fn add(&mut self, point: Point, _: Vec<Value>) {
        match point.value {
            Value::Float(v) => self.0.push(v),
            Value::Integer(v) => self.0.push(v as f64),
            _ => {}
        }
    }

    fn finish(self: Box<Self>) -> Vec<Point> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut mean = 0.0;
        for (at, value) in self.0.iter().enumerate() {
            mean += (value - mean) / (at + 1) as f64;
        }
        let variance = self.0.iter().fold(0.0, |sum, value| sum + (value - mean) * (value - mean));
        let value = match self.0.len() {
            1 => Value::Null,
            n => Value::Float((variance / (n - 1) as f64).sqrt()),
        };
        vec![Point { time: 0, value, origin: None }]
    }
}

/// `mode`.
#[derive(Debug, Default)]
pub(super) struct Mode(Vec<Point>);

impl Collector for Mode {
    fn add(&mut self, point: Point, _: Vec<Value>) {
        self.0.push(point);
    }

    /// The longest run in value order; of equal ones the greater value, unless it began after the other had ended.
    fn finish(mut self: Box<Self>) -> Vec<Point> {
        self.0.sort_by(|a, b| super::collection::order(&a.value, &b.value));
        let Some(first) = self.0.first() else { return Vec::new() };
        let is_boolean = matches!(first.value, Value::Boolean(_));
        if is_boolean {
            let truths = self.0.iter().filter(|point| point.value == Value::Boolean(true)).count();
            let value = Value::Boolean(2 * truths >= self.0.len());
            return vec![Point { time: 0, value, origin: None }];
        }
        // A run is compared with the best from its second value on, so values that occur once never replace the lowest.
        let (mut run, mut run_count, mut run_time) = (&first.value, 0_u64, first.time);
        let (mut best, mut best_count, mut best_time) = (&first.value, 0_u64, first.time);
        for point in &self.0 {
            if super::collection::order(&point.value, run).is_ne() {
                (run, run_count, run_time) = (&point.value, 1, point.time);
                continue;
            }
            run_count += 1;
            if best_count > run_count || best_count == run_count && run_time > best_time {
                continue;
            }
            (best, best_count, best_time) = (run, run_count, point.time);
        }
        vec![Point { time: 0, value: best.clone(), origin: None }]
    }
}

/// `distinct` and `count(distinct)`.
#[derive(Debug)]
pub(super) struct Distinct {
    seen: HashSet<Identity>,
    points: Vec<Point>,
    only_count: bool,
}

impl Distinct {
    pub(super) fn new(only_count: bool) -> Distinct {
        Distinct { seen: HashSet::new(), points: Vec::new(), only_count }
    }
}

impl Collector for Distinct {
    fn add(&mut self, point: Point, _: Vec<Value>) {
        if self.seen.insert(Identity::of(&point.value)) && !self.only_count {
            self.points.push(point);
        }
    }

    /// In the order of the time of the first sight, then of the values.
    fn finish(mut self: Box<Self>) -> Vec<Point> {
        if self.only_count {
            let count = Value::Integer(self.seen.len() as i64);
            return if self.seen.is_empty() { Vec::new() } else { vec![Point { time: 0, value: count, origin: None }] };
        }
        self.points.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| super::collection::order(&a.value, &b.value)));
        for point in &mut self.points {
            point.origin = None;
        }
        self.points
    }
}
