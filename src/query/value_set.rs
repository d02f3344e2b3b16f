//! The constants of a chain such as `v = 1 OR v = 2 OR v = 3`, so that a value is looked up instead of compared with each of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use fluxstone_model::{Scalar, Text};

use super::value::Value;

/// A set of values. A value is in it if it equals one of them as [`super::scalar::compare`] says.
#[derive(Debug, Clone, Default)]
pub(super) struct ValueSet {
    integers: BTreeSet<i64>,
    floats: BTreeSet<FloatBits>,
    /// Integers and floats as floats.
    numbers: BTreeSet<FloatBits>,
    texts: BTreeSet<Text>,
    booleans: BTreeSet<bool>,
}

/// A float that can be looked up: both zeros are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FloatBits(u64);

impl FloatBits {
    fn of(value: f64) -> FloatBits {
        FloatBits((value + 0.0).to_bits())
    }
}

impl ValueSet {
    /// A set of texts.
    pub(super) fn of_texts(texts: BTreeSet<Text>) -> ValueSet {
        ValueSet { texts, ..ValueSet::default() }
    }

    /// Adds a value that a field can have.
    pub(super) fn insert(&mut self, value: Value) {
        match value {
            Value::Integer(value) => {
                self.integers.insert(value);
                self.numbers.insert(FloatBits::of(value as f64));
            }
            Value::Float(value) => {
                self.floats.insert(FloatBits::of(value));
                self.numbers.insert(FloatBits::of(value));
            }
            Value::String(text) => {
                self.texts.insert(text);
            }
            Value::Boolean(value) => {
                self.booleans.insert(value);
            }
            Value::Null | Value::Time(_) | Value::Ordinal(_) | Value::List(_) => {}
        }
    }

    /// Returns the values of both sets.
    pub(super) fn joined(mut a: Arc<ValueSet>, mut b: Arc<ValueSet>) -> Arc<ValueSet> {
        if a.len() < b.len() {
            std::mem::swap(&mut a, &mut b);
        }
        let ValueSet { integers, floats, numbers, texts, booleans } = Arc::unwrap_or_clone(b);
        let all = Arc::make_mut(&mut a);
        all.integers.extend(integers);
        all.floats.extend(floats);
        all.numbers.extend(numbers);
        all.texts.extend(texts);
        all.booleans.extend(booleans);
        a
    }

    /// The values, to be shown.
    pub(super) fn values(&self) -> impl Iterator<Item = Value> {
        let integers = self.integers.iter().map(|value| Value::Integer(*value));
        let floats = self.floats.iter().map(|value| Value::Float(f64::from_bits(value.0)));
        let texts = self.texts.iter().map(|text| Value::String(text.clone()));
        let booleans = self.booleans.iter().map(|value| Value::Boolean(*value));
        integers.chain(floats).chain(texts).chain(booleans)
    }

    /// The number of values.
    pub(super) fn len(&self) -> usize {
        self.integers.len() + self.floats.len() + self.texts.len() + self.booleans.len()
    }

    pub(super) fn contains(&self, value: Scalar<'_>) -> bool {
        match value {
            Scalar::Integer(value) => {
                self.integers.contains(&value)
                    || !self.floats.is_empty() && self.floats.contains(&FloatBits::of(value as f64))
            }
            Scalar::Float(value) => self.numbers.contains(&FloatBits::of(value)),
            Scalar::String(text) => self.texts.contains(text),
            Scalar::Boolean(value) => self.booleans.contains(&value),
        }
    }
}

#[cfg(test)]
mod tests {
    use fluxstone_influxql::ast::BinaryOp;

    use super::*;
    use crate::scalar::compare;

    // spec: select.where.field.1, select.where.field.2
    #[test]
    fn a_value_is_in_the_set_if_it_equals_one_of_its_values() {
        let large = 1_i64 << 53;
        let values = || {
            [
                Value::Integer(0),
                Value::Integer(large),
                Value::Integer(large + 1),
                Value::Integer(-7),
                Value::Float(-0.0),
                Value::Float(2.5),
                Value::Float(large as f64),
                Value::Float(f64::INFINITY),
                Value::Float(f64::NAN),
                Value::String("0".into()),
                Value::String("".into()),
                Value::Boolean(true),
                Value::Boolean(false),
            ]
        };
        for a in values().into_iter().filter(|value| *value == *value) {
            for b in values().into_iter().filter(|value| *value == *value) {
                let (mut first, mut second) = (ValueSet::default(), ValueSet::default());
                first.insert(a.clone());
                second.insert(b.clone());
                let set = ValueSet::joined(Arc::new(first), Arc::new(second));
                for value in values() {
                    let equal = |other: &Value| compare(BinaryOp::Equal, value.scalar(), other.scalar());
                    let is_in = set.contains(value.scalar().unwrap());
                    assert_eq!(is_in, equal(&a) || equal(&b), "{value:?} in {a:?}, {b:?}");
                }
            }
        }
    }
}
