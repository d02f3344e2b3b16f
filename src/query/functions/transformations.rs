//! Transformations: from a stream of values to another.

use super::timed_value::TimedValue;
use crate::scalar::as_float;
use crate::value::Value;

/// A function of this shape, with its parameters. Units are nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transformation {
    Derivative { unit: i64, non_negative: bool },
    Difference,
    Elapsed { unit: i64 },
    CumulativeSum,
    MovingAverage { size: usize },
}

impl Transformation {
    /// Whether an inner call is read from one window earlier, so that the first window has a predecessor.
    pub(crate) fn looks_back(&self) -> bool {
        *self != Transformation::CumulativeSum
    }

    /// The state before the first value.
    pub(crate) fn start(&self, descending: bool) -> Stage {
        let memory = match self {
            Transformation::CumulativeSum => Memory::Sum(None),
            Transformation::MovingAverage { .. } => Memory::Ring { values: Vec::new(), at: 0, sum: None },
            _ => Memory::Previous(None),
        };
        Stage { transformation: self.clone(), descending, memory }
    }
}

/// The state of a transformation of one stream.
#[derive(Debug)]
pub(crate) struct Stage {
    transformation: Transformation,
    descending: bool,
    memory: Memory,
}

#[derive(Debug)]
enum Memory {
    Previous(Option<TimedValue>),
    Sum(Option<Value>),
    Ring { values: Vec<Value>, at: usize, sum: Option<Value> },
}

impl Stage {
    /// The memory that the state holds beyond its own size.
    #[inline]
    pub(crate) fn held_bytes(&self) -> usize {
        match &self.memory {
            Memory::Ring { values, .. } => values.capacity() * size_of::<Value>(),
            Memory::Previous(_) | Memory::Sum(_) => 0,
        }
    }

    /// Takes a value, which must not be null; returns the result that it completes.
    pub(crate) fn push(&mut self, point: TimedValue) -> Option<TimedValue> {
        let time = point.time;
        let value = match (&mut self.memory, &self.transformation) {
            (Memory::Sum(sum), _) => {
                let new = match sum.take() {
                    Some(sum) => add(&sum, &point.value),
                    None => point.value,
                };
                sum.insert(new).clone()
            }
            (Memory::Ring { values, at, sum }, Transformation::MovingAverage { size }) => {
                moving_average(values, at, sum, *size, &point.value)?
            }
            (Memory::Previous(previous), transformation) => step(previous, transformation, self.descending, point)?,
            (Memory::Ring { .. }, _) => return None,
        };
        Some(TimedValue { time, value, origin: None })
    }
}

/// Returns the result of a point and its predecessor, which the point then replaces.
fn step(
    previous: &mut Option<TimedValue>,
    transformation: &Transformation,
    descending: bool,
    point: TimedValue,
) -> Option<Value> {
    let Some(before) = previous.take() else {
        *previous = Some(point);
        return None;
    };
    let elapsed = point.time.wrapping_sub(before.time);
    if let Transformation::Elapsed { unit } = *transformation {
        *previous = Some(point);
        return Some(Value::Integer(if unit == 0 { 0 } else { elapsed.wrapping_div(unit) }));
    }
    if elapsed == 0 {
        // Of several points at one time, the first counts.
        *previous = Some(before);
        return None;
    }
    let difference = subtract(&point.value, &before.value);
    *previous = Some(point);
    let Transformation::Derivative { unit, non_negative } = *transformation else { return Some(difference) };
    let difference = as_float(difference.scalar())?;
    // In descending order the later row is the older point; the sign is that of the difference of the rows.
    let elapsed = if descending { elapsed.wrapping_neg() } else { elapsed };
    // A unit of zero makes the denominator infinite, and the rate zero.
    let rate = difference / (elapsed as f64 / unit as f64);
    (!non_negative || difference >= 0.0).then_some(Value::Float(rate))
}

/// Updates a running sum by subtracting the value that leaves the ring, with the rounding errors that this causes.
fn moving_average(
    values: &mut Vec<Value>,
    at: &mut usize,
    sum: &mut Option<Value>,
    size: usize,
    value: &Value,
) -> Option<Value> {
    let mut total = sum.take();
    if values.len() < size {
        values.push(value.clone());
    } else {
        total = total.map(|total| subtract(&total, &values[*at]));
        values[*at] = value.clone();
    }
    *at = (*at + 1) % size.max(1);
    let total = total.map_or_else(|| value.clone(), |total| add(&total, value));
    let average = as_float(total.scalar())? / size as f64;
    *sum = Some(total);
    (values.len() >= size).then_some(Value::Float(average))
}

fn add(a: &Value, b: &Value) -> Value {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => Value::Integer(a.wrapping_add(*b)),
        (Value::Float(a), Value::Float(b)) => Value::Float(a + b),
        _ => Value::Null,
    }
}

fn subtract(a: &Value, b: &Value) -> Value {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => Value::Integer(a.wrapping_sub(*b)),
        (Value::Float(a), Value::Float(b)) => Value::Float(a - b),
        _ => Value::Null,
    }
}
