//! Functions that need the points of a window together.

use std::cmp::Ordering;

use fluxstone_model::Text;

use super::super::Value;
use super::super::points::Values;
use super::Point;
use super::aggregates::{Distinct, Median, Mode, Stddev};
use super::selectors::{Percentile, Ranking, Sample};

/// A function of this shape, with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Collection {
    Median,
    Mode,
    Stddev,
    Distinct,
    CountDistinct,
    Percentile {
        percent: f64,
    },
    Sample {
        size: usize,
    },
    /// `top` and `bottom`; `keyed` where names stand between the field and the number.
    Best {
        size: usize,
        greatest: bool,
        keyed: bool,
    },
}

/// Takes the points of one window and gives its results.
pub(crate) trait Collector {
    /// Takes a point, and the values of the names that the function asks for with it.
    fn add(&mut self, point: Point, keys: Vec<Value>);

    /// What comes of the points.
    fn finish(self: Box<Self>) -> Outcome;
}

/// Takes the values of one window once more.
pub(crate) trait Pass {
    /// Takes values of one series: numbers, as a collector of them was given. Those of a window come series after series, in the order in
    /// which the collector had the series.
    fn add(&mut self, values: Values<'_>);

    /// What comes of the values.
    fn finish(self: Box<Self>) -> Outcome;
}

/// What a walk through the points of a window comes to. More walks are asked for where memory would grow with the number of points.
pub(crate) enum Outcome {
    /// The results in the order of the answer. Those of aggregates have time zero and no origin.
    Results(Vec<Point>),
    /// The values are needed once more.
    Values(Box<dyn Pass>),
    /// The points are needed once more.
    Points(Box<dyn Collector>),
}

impl Outcome {
    /// The result of an aggregate.
    pub(super) fn value(value: Value) -> Outcome {
        Outcome::Results(vec![Point { time: 0, value, origin: None }])
    }

    pub(super) fn nothing() -> Outcome {
        Outcome::Results(Vec::new())
    }
}

impl Collection {
    /// A collector for one window, that holds about `values_max` values at once where more walks can spare memory. `seed` is what
    /// choices at random begin with.
    pub(crate) fn start(&self, values_max: usize, seed: u64) -> Box<dyn Collector> {
        match *self {
            Collection::Median => Box::new(Median::new(values_max)),
            Collection::Mode => Box::new(Mode::default()),
            Collection::Stddev => Box::new(Stddev::new(values_max)),
            Collection::Distinct => Box::new(Distinct::new(false)),
            Collection::CountDistinct => Box::new(Distinct::new(true)),
            Collection::Percentile { percent } => Box::new(Percentile::new(percent, values_max)),
            Collection::Sample { size } => Box::new(Sample::new(size, seed)),
            Collection::Best { size, greatest, keyed } => Box::new(Ranking::new(size, greatest, keyed)),
        }
    }

    /// Whether points come window by window and series after series rather than in the order of time.
    pub(crate) fn takes_series_after_series(&self) -> bool {
        matches!(self, Collection::Mode | Collection::Stddev)
    }
}

/// The order of values of one type; numbers are no NaN, since nothing stores one.
pub(super) fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

/// What makes two values the same one. 0 and -0 are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    Null,
    Float(u64),
    Integer(i64),
    String(Text),
    Boolean(bool),
}

impl Identity {
    pub(super) fn of(value: &Value) -> Identity {
        match value {
            Value::Float(v) => Identity::Float(if *v == 0.0 { 0 } else { v.to_bits() }),
            Value::Integer(v) => Identity::Integer(*v),
            Value::String(v) => Identity::String(v.clone()),
            Value::Boolean(v) => Identity::Boolean(*v),
            _ => Identity::Null,
        }
    }
}
