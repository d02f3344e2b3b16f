//! Part of a column, borrowed.

use fluxstone_columns::Column;
use fluxstone_model::{Scalar, Text};

use super::value::Value;

/// Neighbouring values of a [`Column`].
#[derive(Debug, Clone, Copy)]
pub(super) enum ColumnSlice<'a> {
    Float(&'a [f64]),
    Integer(&'a [i64]),
    String(&'a [Text]),
    Boolean(&'a [bool]),
}

impl<'a> ColumnSlice<'a> {
    /// All values of a column.
    #[inline]
    pub(super) fn of(column: &'a Column) -> ColumnSlice<'a> {
        match column {
            Column::Float(v) => ColumnSlice::Float(v),
            Column::Integer(v) => ColumnSlice::Integer(v),
            Column::String(v) => ColumnSlice::String(v),
            Column::Boolean(v) => ColumnSlice::Boolean(v),
        }
    }

    /// The values from `from` up to, but not including, `to`.
    #[inline]
    pub(super) fn part(self, from: usize, to: usize) -> ColumnSlice<'a> {
        match self {
            ColumnSlice::Float(v) => ColumnSlice::Float(&v[from..to]),
            ColumnSlice::Integer(v) => ColumnSlice::Integer(&v[from..to]),
            ColumnSlice::String(v) => ColumnSlice::String(&v[from..to]),
            ColumnSlice::Boolean(v) => ColumnSlice::Boolean(&v[from..to]),
        }
    }

    /// The memory of a copy of the values, with the bytes of strings.
    pub(super) fn bytes(self) -> usize {
        match self {
            ColumnSlice::Float(v) => size_of_val(v),
            ColumnSlice::Integer(v) => size_of_val(v),
            ColumnSlice::String(v) => size_of_val(v) + v.iter().map(|text| text.len()).sum::<usize>(),
            ColumnSlice::Boolean(v) => size_of_val(v),
        }
    }

    /// Copies the values at the given positions.
    pub(super) fn pick(self, positions: impl Iterator<Item = usize>) -> Column {
        match self {
            ColumnSlice::Float(v) => Column::Float(positions.map(|at| v[at]).collect()),
            ColumnSlice::Integer(v) => Column::Integer(positions.map(|at| v[at]).collect()),
            ColumnSlice::String(v) => Column::String(positions.map(|at| v[at].clone()).collect()),
            ColumnSlice::Boolean(v) => Column::Boolean(positions.map(|at| v[at]).collect()),
        }
    }

    /// Copies the values at the given positions; where there is no position, the result has a placeholder.
    pub(super) fn pick_or_default(self, positions: &[Option<usize>]) -> Column {
        match self {
            ColumnSlice::Float(v) => Column::Float(positions.iter().map(|at| at.map_or(0.0, |at| v[at])).collect()),
            ColumnSlice::Integer(v) => Column::Integer(positions.iter().map(|at| at.map_or(0, |at| v[at])).collect()),
            ColumnSlice::String(v) => {
                let empty = Text::default();
                let text = |at: &Option<usize>| at.map_or_else(|| empty.clone(), |at| v[at].clone());
                Column::String(positions.iter().map(text).collect())
            }
            ColumnSlice::Boolean(v) => Column::Boolean(positions.iter().map(|at| at.is_some_and(|at| v[at])).collect()),
        }
    }

    /// The value at a position.
    #[inline]
    pub(super) fn get(self, at: usize) -> Scalar<'a> {
        match self {
            ColumnSlice::Float(v) => Scalar::Float(v[at]),
            ColumnSlice::Integer(v) => Scalar::Integer(v[at]),
            ColumnSlice::String(v) => Scalar::String(&v[at]),
            ColumnSlice::Boolean(v) => Scalar::Boolean(v[at]),
        }
    }

    /// The value at a position as a cell. Strings share their bytes.
    #[inline]
    pub(super) fn cell(self, at: usize) -> Value {
        match self {
            ColumnSlice::Float(v) => Value::Float(v[at]),
            ColumnSlice::Integer(v) => Value::Integer(v[at]),
            ColumnSlice::String(v) => Value::String(v[at].clone()),
            ColumnSlice::Boolean(v) => Value::Boolean(v[at]),
        }
    }
}
