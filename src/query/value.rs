//! The cells of answers.

use fluxstone_model::{Scalar, Text, Timestamp};

/// One cell of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// A time that the `epoch` parameter converts.
    Time(Timestamp),
    /// A double.
    Float(f64),
    /// A signed 64-bit integer.
    Integer(i64),
    /// An id or a count of the system (shard id, `replicaN`). JSON prints it as an integer; CSV treats it like a null.
    Ordinal(u64),
    /// A string or name.
    String(Text),
    /// True or false.
    Boolean(bool),
    /// A list of strings (destinations of a subscription). CSV treats it like a null.
    List(Vec<Text>),
}

impl Value {
    /// The bytes of a string.
    #[inline]
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Value::String(text) => text.len(),
            _ => 0,
        }
    }

    /// The value of a field that the cell shows. Times, ordinals and lists, which no field holds, are `None` like null.
    #[inline]
    pub fn scalar(&self) -> Option<Scalar<'_>> {
        match self {
            Value::Float(v) => Some(Scalar::Float(*v)),
            Value::Integer(v) => Some(Scalar::Integer(*v)),
            Value::String(v) => Some(Scalar::String(v)),
            Value::Boolean(v) => Some(Scalar::Boolean(*v)),
            Value::Null | Value::Time(_) | Value::Ordinal(_) | Value::List(_) => None,
        }
    }
}

impl From<Option<Scalar<'_>>> for Value {
    /// The cell that shows a value. Copies the bytes of a string.
    #[inline]
    fn from(value: Option<Scalar<'_>>) -> Value {
        match value {
            None => Value::Null,
            Some(Scalar::Float(v)) => Value::Float(v),
            Some(Scalar::Integer(v)) => Value::Integer(v),
            Some(Scalar::String(v)) => Value::String(Text::from(v)),
            Some(Scalar::Boolean(v)) => Value::Boolean(v),
        }
    }
}
