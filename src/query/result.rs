//! The answers of statements: pieces of series, to be encoded and streamed.

use std::sync::Arc;

use fluxstone_model::Text;

use super::plain_rows::PlainRows;
use super::value::Value;

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
