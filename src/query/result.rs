//! The answers of statements: pieces of series, to be encoded and streamed.

use std::sync::Arc;

use fluxstone_model::{Scalar, Text, Timestamp};

use super::plain_rows::PlainRows;

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

/// Rows of one series: all of them, or a piece in the order of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRows {
    /// The measurement, or the title of a listing; may be empty.
    pub name: Text,
    /// The grouped tags in key order; empty when nothing was grouped.
    pub tags: Arc<[(Text, Text)]>,
    /// The column names.
    pub columns: Arc<[Text]>,
    /// The cells, row after row: `columns.len()` for each row.
    pub cells: Vec<Value>,
    /// The rows instead of `cells`, if they are plain.
    pub plain: Option<Box<PlainRows>>,
    /// Whether the next piece has more rows of this series.
    pub more_rows: bool,
}

impl SeriesRows {
    /// The rows, each as long as `columns`, unless they are plain.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[Value]> {
        self.cells.chunks_exact(self.columns.len().max(1))
    }

    /// The number of rows.
    pub fn row_count(&self) -> usize {
        self.plain.as_ref().map_or(self.cells.len() / self.columns.len().max(1), |plain| plain.len())
    }

    /// Leaves out all rows after the first `rows`.
    pub fn truncate(&mut self, rows: usize) {
        self.cells.truncate(rows.saturating_mul(self.columns.len()));
        if let Some(plain) = &mut self.plain {
            plain.truncate(rows);
        }
    }

    /// Turns plain rows into cells.
    #[must_use]
    pub fn into_cells(mut self) -> SeriesRows {
        if let Some(plain) = self.plain.take() {
            self.cells = plain.to_cells();
        }
        self
    }
}
