//! What a statement answers: pieces of series, to be encoded and streamed.

use std::sync::Arc;

use fluxstone_model::{Text, Timestamp};

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

/// Rows of one series: all of them, or a piece in the order of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRows {
    /// The measurement, or a listing's title; empty is none.
    pub name: Text,
    /// The grouped tags in key order; empty when nothing was grouped.
    pub tags: Arc<[(Text, Text)]>,
    /// The column names.
    pub columns: Arc<[Text]>,
    /// The cells, row after row: `columns.len()` for each row.
    pub cells: Vec<Value>,
    /// Whether more rows of this series follow in the next piece.
    pub more_rows: bool,
}

impl SeriesRows {
    /// The rows, each as long as `columns`.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[Value]> {
        self.cells.chunks_exact(self.columns.len().max(1))
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.cells.len() / self.columns.len().max(1)
    }
}
