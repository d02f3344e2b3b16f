//! [`Batch`] and [`Column`]: decoded times and values.

use std::sync::Arc;

use fluxstone_model::{FieldType, Text};

/// Decoded values: `times[i]` belongs to value `i`. Times ascend strictly.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Nanoseconds since the epoch. Shared between fields of a series that have the same times, as most do.
    pub times: Arc<Vec<i64>>,
    /// One value for each of `times`.
    pub values: Column,
}

/// The memory of a batch without its values: three allocations and their owners.
const BATCH_BYTES: usize = 160;

impl Batch {
    /// Returns the bytes of memory of the batch with its times and values, without the bytes of strings, which are shared.
    pub fn memory(&self) -> usize {
        let values = match &self.values {
            Column::Float(values) => size_of_val(&**values),
            Column::Integer(values) => size_of_val(&**values),
            Column::String(values) => size_of_val(&**values),
            Column::Boolean(values) => size_of_val(&**values),
        };
        BATCH_BYTES + size_of_val(&**self.times) + values
    }
}

/// Values of one type.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "one variant for each field type")]
pub enum Column {
    Float(Vec<f64>),
    Integer(Vec<i64>),
    String(Vec<Text>),
    Boolean(Vec<bool>),
}

impl Column {
    /// The type of the values.
    pub fn field_type(&self) -> FieldType {
        match self {
            Column::Float(_) => FieldType::Float,
            Column::Integer(_) => FieldType::Integer,
            Column::String(_) => FieldType::String,
            Column::Boolean(_) => FieldType::Boolean,
        }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Column::Float(v) => v.len(),
            Column::Integer(v) => v.len(),
            Column::String(v) => v.len(),
            Column::Boolean(v) => v.len(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
