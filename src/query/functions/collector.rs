//! How collections take the points of a window, in as many passes as they need.

use std::cmp::Ordering;

use fluxstone_model::Text;

use super::timed_value::{Origin, TimedValue};
use crate::column_slice::ColumnSlice;
use crate::value::Value;

/// Takes the points of one window and returns its results.
pub(crate) trait Collector {
    /// Takes a point, and the values of the names that the function asks for with it.
    fn add(&mut self, point: TimedValue, keys: Vec<Value>);

    /// The memory that the collector holds. Asked for from time to time, so it must not take long.
    fn held_bytes(&self) -> usize;

    /// Ends the pass over the points.
    fn finish(self: Box<Self>) -> Outcome;
}

/// Takes the values of one window again.
pub(crate) trait Pass {
    /// Takes values of one series: numbers, as the collector received them. The values of a window come one series after another,
    /// in the order in which the collector received the series.
    fn add(&mut self, values: ColumnSlice<'_>);

    /// Ends the pass over the values.
    fn finish(self: Box<Self>) -> Outcome;
}

/// The outcome of a pass over a window. Further passes keep memory from growing with the number of points.
pub(crate) enum Outcome {
    /// The results in the order of the answer. Those of aggregates have time zero and no origin.
    Results(Vec<TimedValue>),
    /// The values are needed again.
    Values(Box<dyn Pass>),
    /// The points are needed again.
    Points(Box<dyn Collector>),
}

impl Outcome {
    /// The result of an aggregate.
    pub(super) fn value(value: Value) -> Outcome {
        Outcome::Results(vec![TimedValue { time: 0, value, origin: None }])
    }

    /// The same with results that are a point of the input, if they are.
    pub(super) fn at(mut self, origin: Option<Origin>) -> Outcome {
        if let Outcome::Results(results) = &mut self {
            for result in results {
                result.origin = origin;
            }
        }
        self
    }

    /// No result.
    pub(super) fn nothing() -> Outcome {
        Outcome::Results(Vec::new())
    }
}

/// The order of two values of one type. Numbers are never NaN, since NaN cannot be stored.
pub(super) fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

/// A value as a key in a hash table. 0 and -0 are the same.
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
            Value::Null | Value::Time(_) | Value::Ordinal(_) | Value::List(_) => Identity::Null,
        }
    }
}
