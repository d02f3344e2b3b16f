//! Selectors: results that are points of the input.

use std::collections::HashMap;

use fluxstone_columns::NumberSummary;
use fluxstone_model::{Text, TimeRange};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::collector::{Collector, Identity, Outcome, Pass, order};
use super::ranks::{Digits, Lookup, Ordered, Search};
use super::timed_value::TimedValue;
use crate::column_slice::ColumnSlice;
use crate::value::Value;

/// The rule by which `first`, `last`, `min` and `max` choose a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    First,
    Last,
    Min,
    Max,
}

/// The point that a rule chooses among those seen so far.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    rule: Rule,
    /// Whether the last of several series with equal points is chosen, instead of the first.
    last_series: bool,
    best: Option<Best>,
}

#[derive(Debug, Clone)]
enum Best {
    Float(Chosen<f64>),
    Integer(Chosen<i64>),
    String(Chosen<Text>),
    Boolean(Chosen<bool>),
}

#[derive(Debug, Clone)]
struct Chosen<T> {
    value: T,
    time: i64,
    series: usize,
}

impl Choice {
    pub(super) fn new(rule: Rule, last_series: bool) -> Choice {
        Choice { rule, last_series, best: None }
    }

    /// The bytes of the chosen string.
    pub(super) fn text_bytes(&self) -> usize {
        match &self.best {
            Some(Best::String(chosen)) => chosen.value.len(),
            _ => 0,
        }
    }

    pub(super) fn add(&mut self, series: usize, times: &[i64], values: ColumnSlice<'_>) {
        let candidate = match values {
            ColumnSlice::Float(v) => self.rule.pick(times, v, series).map(Best::Float),
            ColumnSlice::Integer(v) => self.rule.pick(times, v, series).map(Best::Integer),
            ColumnSlice::String(v) => self.rule.pick(times, v, series).map(Best::String),
            ColumnSlice::Boolean(v) => self.rule.pick(times, v, series).map(Best::Boolean),
        };
        self.combine(Choice { rule: self.rule, last_series: self.last_series, best: candidate });
    }

    /// Adds a block by its summary. Returns false if the time of an extreme matters, which summaries do not have.
    pub(super) fn add_block(
        &mut self,
        series: usize,
        range: TimeRange,
        numbers: NumberSummary,
        needs_time: bool,
    ) -> bool {
        let time = match self.rule {
            Rule::Min | Rule::Max if needs_time => return false,
            Rule::First | Rule::Min | Rule::Max => range.min.0,
            Rule::Last => range.max.0,
        };
        let candidate = match numbers {
            NumberSummary::Float { min, max, first, last } => {
                Best::Float(Chosen { value: self.rule.of([first, last, min, max]), time, series })
            }
            NumberSummary::Integer { min, max, first, last, .. } => {
                Best::Integer(Chosen { value: self.rule.of([first, last, min, max]), time, series })
            }
        };
        self.combine(Choice { rule: self.rule, last_series: self.last_series, best: Some(candidate) });
        true
    }

    pub(super) fn combine(&mut self, later: Choice) {
        let Some(candidate) = later.best else { return };
        let replaces = match (&self.best, &candidate) {
            (None, _) => true,
            (Some(Best::Float(old)), Best::Float(new)) => self.prefers(new, old, true),
            (Some(Best::Integer(old)), Best::Integer(new)) => self.prefers(new, old, true),
            (Some(Best::String(old)), Best::String(new)) => self.prefers(new, old, true),
            // Of several booleans at one time, `first` returns false and `last` true.
            (Some(Best::Boolean(old)), Best::Boolean(new)) => self.prefers(new, old, self.rule != Rule::First),
            _ => false,
        };
        if replaces {
            self.best = Some(candidate);
        }
    }

    /// Whether `new`, of the same or a later series, replaces `old`.
    fn prefers<T: PartialOrd>(&self, new: &Chosen<T>, old: &Chosen<T>, greater_at_one_time: bool) -> bool {
        let is_equal = new.time == old.time && new.value == old.value;
        if is_equal { self.last_series } else { self.rule.prefers(new, old, greater_at_one_time) }
    }

    /// Returns the chosen value, its series and its time.
    pub(super) fn result(self) -> Option<(Value, usize, i64)> {
        Some(match self.best? {
            Best::Float(c) => (Value::Float(c.value), c.series, c.time),
            Best::Integer(c) => (Value::Integer(c.value), c.series, c.time),
            Best::String(c) => (Value::String(c.value), c.series, c.time),
            Best::Boolean(c) => (Value::Boolean(c.value), c.series, c.time),
        })
    }
}

impl Rule {
    /// Chooses a point of one series, whose points are in order of time. Of equal extremes the earliest is chosen.
    fn pick<T: PartialOrd + Clone>(self, times: &[i64], values: &[T], series: usize) -> Option<Chosen<T>> {
        let better = |a: &T, b: &T| if self == Rule::Min { a < b } else { a > b };
        let at = match self {
            Rule::First => 0,
            Rule::Last => values.len().checked_sub(1)?,
            Rule::Min | Rule::Max => {
                let (mut best, mut best_value) = (0, values.first()?);
                for (at, value) in values.iter().enumerate() {
                    if better(value, best_value) {
                        (best, best_value) = (at, value);
                    }
                }
                best
            }
        };
        Some(Chosen { value: values.get(at)?.clone(), time: times[at], series })
    }

    /// Whether `new` is better than `old`. At equal times `first` and `last` choose the greater value or,
    /// unless `greater_at_one_time`, the smaller one.
    fn prefers<T: PartialOrd>(self, new: &Chosen<T>, old: &Chosen<T>, greater_at_one_time: bool) -> bool {
        let tie = if greater_at_one_time { new.value > old.value } else { new.value < old.value };
        match self {
            Rule::First => new.time < old.time || new.time == old.time && tie,
            Rule::Last => new.time > old.time || new.time == old.time && tie,
            Rule::Min => new.value < old.value || new.value == old.value && new.time < old.time,
            Rule::Max => new.value > old.value || new.value == old.value && new.time < old.time,
        }
    }

    fn of<T: Copy>(self, [first, last, min, max]: [T; 4]) -> T {
        match self {
            Rule::First => first,
            Rule::Last => last,
            Rule::Min => min,
            Rule::Max => max,
        }
    }
}

/// Collects the points for `percentile`, by nearest rank.
#[derive(Debug)]
pub(super) struct Percentile {
    percent: f64,
    values_max: usize,
    count: u64,
    /// All points, until there are too many.
    points: Vec<TimedValue>,
    digits: Option<Digits>,
}

impl Percentile {
    pub(super) fn new(percent: f64, values_max: usize) -> Percentile {
        Percentile { percent, values_max, count: 0, points: Vec::new(), digits: None }
    }
}

/// The key of a number. Equal numbers have the same key.
fn key(value: &Value) -> u64 {
    match value {
        Value::Integer(v) => v.key(),
        Value::Float(v) if *v != 0.0 => v.key(),
        _ => 0.0.key(),
    }
}

impl Collector for Percentile {
    fn add(&mut self, point: TimedValue, _: Vec<Value>) {
        self.count += 1;
        if let Some(digits) = &mut self.digits {
            digits.add(key(&point.value));
            return;
        }
        self.points.push(point);
        if self.points.len() > self.values_max {
            let digits = self.digits.insert(Digits::default());
            for point in std::mem::take(&mut self.points) {
                digits.add(key(&point.value));
            }
        }
    }

    fn held_bytes(&self) -> usize {
        // Sorting takes half as much again.
        self.points.capacity() * size_of::<TimedValue>() * 3 / 2 + self.digits.as_ref().map_or(0, Digits::bytes)
    }

    fn finish(mut self: Box<Self>) -> Outcome {
        let rank = (self.count as f64 * self.percent / 100.0 + 0.5).floor() as i64 - 1;
        let Some(rank) = u64::try_from(rank).ok().filter(|rank| *rank < self.count) else { return Outcome::nothing() };
        if let Some(digits) = &self.digits {
            return nth(digits.search(rank));
        }
        self.points.sort_by(|a, b| order(&a.value, &b.value));
        Outcome::Results(vec![self.points.swap_remove(rank as usize)])
    }
}

/// A further pass in search of the value with the rank.
struct Ranked(Search);

impl Pass for Ranked {
    fn add(&mut self, values: ColumnSlice<'_>) {
        match values {
            ColumnSlice::Float(v) => v.iter().for_each(|v| self.0.add(key(&Value::Float(*v)))),
            ColumnSlice::Integer(v) => v.iter().for_each(|v| self.0.add(v.key())),
            ColumnSlice::String(_) | ColumnSlice::Boolean(_) => {}
        }
    }

    fn finish(self: Box<Self>) -> Outcome {
        nth(self.0.next())
    }
}

/// Returns the next step of a search for the point with a rank.
fn nth(step: Option<Lookup>) -> Outcome {
    match step {
        Some(Lookup::Key(key, before)) => Outcome::Points(Box::new(Nth { key, before, point: None })),
        Some(Lookup::Again(search)) => Outcome::Values(Box::new(Ranked(search))),
        None => Outcome::nothing(),
    }
}

/// A pass in search of a point that follows `before` points with the same key.
struct Nth {
    key: u64,
    before: u64,
    point: Option<TimedValue>,
}

impl Collector for Nth {
    fn add(&mut self, point: TimedValue, _: Vec<Value>) {
        if self.point.is_some() || key(&point.value) != self.key {
            return;
        }
        match self.before.checked_sub(1) {
            Some(before) => self.before = before,
            None => self.point = Some(point),
        }
    }

    fn held_bytes(&self) -> usize {
        0
    }

    fn finish(self: Box<Self>) -> Outcome {
        Outcome::Results(self.point.into_iter().collect())
    }
}

/// Collects the points for `sample`, in a reservoir.
#[derive(Debug)]
pub(super) struct Sample {
    size: usize,
    seen: usize,
    points: Vec<TimedValue>,
    /// The bytes of the strings in the reservoir.
    text_bytes: usize,
    random: SmallRng,
}

impl Sample {
    pub(super) fn new(size: usize, seed: u64) -> Sample {
        Sample { size, seen: 0, points: Vec::new(), text_bytes: 0, random: SmallRng::seed_from_u64(seed) }
    }
}

impl Collector for Sample {
    fn add(&mut self, point: TimedValue, _: Vec<Value>) {
        self.seen += 1;
        if self.points.len() < self.size {
            self.text_bytes += point.value.text_bytes();
            self.points.push(point);
            return;
        }
        let at = self.random.random_range(0..self.seen);
        if let Some(slot) = self.points.get_mut(at) {
            self.text_bytes = self.text_bytes + point.value.text_bytes() - slot.value.text_bytes();
            *slot = point;
        }
    }

    fn held_bytes(&self) -> usize {
        self.points.capacity() * size_of::<TimedValue>() * 3 / 2 + self.text_bytes
    }

    fn finish(mut self: Box<Self>) -> Outcome {
        self.points.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| order(&a.value, &b.value)));
        Outcome::Results(self.points)
    }
}

/// Collects the points for `top` and `bottom`, with or without names.
#[derive(Debug)]
pub(super) struct Ranking {
    size: usize,
    greatest: bool,
    points: Vec<TimedValue>,
    /// The best point for each combination of values of the names.
    by_key: Option<HashMap<Vec<Identity>, TimedValue>>,
    /// The memory of the keys, with their strings.
    key_bytes: usize,
}

impl Ranking {
    pub(super) fn new(size: usize, greatest: bool, keyed: bool) -> Ranking {
        Ranking { size, greatest, points: Vec::new(), by_key: keyed.then(HashMap::new), key_bytes: 0 }
    }

    /// The best point comes first; of equal values, the earlier point.
    fn rank(greatest: bool, a: &TimedValue, b: &TimedValue) -> std::cmp::Ordering {
        let by_value = order(&a.value, &b.value);
        let by_value = if greatest { by_value.reverse() } else { by_value };
        by_value.then(a.time.cmp(&b.time))
    }

    fn prune(&mut self) {
        let greatest = self.greatest;
        self.points.sort_by(|a, b| Ranking::rank(greatest, a, b));
        self.points.truncate(self.size);
    }
}

impl Collector for Ranking {
    fn add(&mut self, point: TimedValue, keys: Vec<Value>) {
        let Some(by_key) = &mut self.by_key else {
            self.points.push(point);
            // Pruning occasionally keeps memory within a small multiple of the requested size.
            if self.points.len() >= self.size.saturating_mul(2).max(1024) {
                self.prune();
            }
            return;
        };
        let bytes: usize = keys.iter().map(|key| size_of::<Identity>() + key.text_bytes()).sum();
        let keys = keys.iter().map(Identity::of).collect();
        match by_key.entry(keys) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(point);
                self.key_bytes += bytes;
            }
            std::collections::hash_map::Entry::Occupied(mut present) => {
                if Ranking::rank(self.greatest, &point, present.get()).is_lt() {
                    present.insert(point);
                }
            }
        }
    }

    fn held_bytes(&self) -> usize {
        // The best points leave the table for a list that is sorted.
        let entry_bytes = size_of::<(Vec<Identity>, TimedValue)>() + size_of::<TimedValue>() * 3 / 2;
        let by_key = self.by_key.as_ref().map_or(0, |by_key| by_key.capacity() * entry_bytes);
        self.points.capacity() * size_of::<TimedValue>() * 3 / 2 + by_key + self.key_bytes
    }

    fn finish(mut self: Box<Self>) -> Outcome {
        if let Some(by_key) = self.by_key.take() {
            self.points = by_key.into_values().collect();
            // A hash table has no order, so points are ordered by time and series before they are ranked.
            self.points.sort_by_key(|point| point.origin.map(|origin| (origin.time, origin.series)));
        }
        self.prune();
        Outcome::Results(self.points)
    }
}
