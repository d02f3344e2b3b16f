//! Rows of one series as columns, with gaps where a field has no value.

use fluxstone_columns::Column;
use fluxstone_model::Scalar;

use super::column_slice::ColumnSlice;
use super::field_cursor::BlockPart;
use super::value::Value;

/// Rows of one series, in ascending order of time.
#[derive(Debug, Default)]
pub(super) struct RowBatch {
    pub(super) times: Times,
    pub(super) columns: Vec<Slots>,
}

#[derive(Debug)]
pub(super) enum Times {
    Shared(BlockPart),
    Own(Vec<i64>),
}

/// One column of a [`RowBatch`].
#[derive(Debug)]
pub(super) enum Slots {
    Absent,
    All(BlockPart),
    Some {
        values: Column,
        present: Vec<bool>,
    },
    /// The value of the only row.
    One(Value),
}

impl Default for Times {
    fn default() -> Self {
        Times::Own(Vec::new())
    }
}

impl RowBatch {
    pub(super) fn times(&self) -> &[i64] {
        match &self.times {
            Times::Shared(part) => part.times(),
            Times::Own(times) => times,
        }
    }

    /// The value of a column in a row, if there is one.
    #[inline]
    pub(super) fn get(&self, column: usize, row: usize) -> Option<Scalar<'_>> {
        match &self.columns[column] {
            Slots::All(part) => Some(part.get(row)),
            Slots::Some { values, present } if present[row] => Some(ColumnSlice::of(values).get(row)),
            Slots::One(value) => value.scalar(),
            Slots::Absent | Slots::Some { .. } => None,
        }
    }

    /// The value of a column in a row as a cell, null if there is none. Strings share their bytes.
    #[inline]
    pub(super) fn cell(&self, column: usize, row: usize) -> Value {
        match &self.columns[column] {
            Slots::All(part) => part.cell(row),
            Slots::Some { values, present } if present[row] => ColumnSlice::of(values).cell(row),
            Slots::One(value) => value.clone(),
            Slots::Absent | Slots::Some { .. } => Value::Null,
        }
    }

    /// Whether the batch is a row that summaries told.
    pub(super) fn is_end_row(&self) -> bool {
        self.columns.iter().any(|column| matches!(column, Slots::One(_)))
    }

    /// A batch with a single row that has no values.
    pub(super) fn empty_row(time: i64, columns: usize) -> RowBatch {
        RowBatch { times: Times::Own(vec![time]), columns: (0..columns).map(|_| Slots::Absent).collect() }
    }

    /// Copies the times and values of a column in chosen rows, all of which must have a value.
    pub(super) fn gather(&self, column: usize, rows: &[u32]) -> (Vec<i64>, Column) {
        let times = self.times();
        let chosen = rows.iter().map(|row| *row as usize);
        let values = match &self.columns[column] {
            Slots::Absent => Column::Float(vec![0.0; rows.len()]),
            Slots::All(part) => part.values().pick(chosen),
            Slots::Some { values, .. } => ColumnSlice::of(values).pick(chosen),
            Slots::One(value) => one(value, rows.len()),
        };
        (rows.iter().map(|row| times[*row as usize]).collect(), values)
    }

    /// The values of a column that has one in every row.
    pub(super) fn dense(&self, column: usize) -> Option<ColumnSlice<'_>> {
        match &self.columns[column] {
            Slots::All(part) => Some(part.values()),
            Slots::Absent | Slots::Some { .. } | Slots::One(_) => None,
        }
    }

    /// Whether a column has a value in a row.
    pub(super) fn has(&self, column: usize, row: usize) -> bool {
        match &self.columns[column] {
            Slots::Absent => false,
            Slots::All(_) | Slots::One(_) => true,
            Slots::Some { present, .. } => present[row],
        }
    }
}

/// A column with the same value in each row.
fn one(value: &Value, rows: usize) -> Column {
    match value {
        Value::Integer(value) => Column::Integer(vec![*value; rows]),
        Value::String(value) => Column::String(vec![value.clone(); rows]),
        Value::Boolean(value) => Column::Boolean(vec![*value; rows]),
        Value::Float(value) => Column::Float(vec![*value; rows]),
        Value::Null | Value::Time(_) | Value::Ordinal(_) | Value::List(_) => Column::Float(vec![0.0; rows]),
    }
}
