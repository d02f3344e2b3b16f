//! SELECT INTO: turns the rows of an answer into points of the target measurement.
//!
//! Grouped tags stay tags; each column that is not null becomes a field; rows without any field are left out. The points are
//! a batch that borrows from the rows, and is written like any other.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use fluxstone_columns::{PointBatch, PointRow};
use fluxstone_influxql::ast::Target;
use fluxstone_model::escape::{escape_measurement, escape_tag};
use fluxstone_model::{Clause, Scalar};
use fluxstone_query::{SeriesRows, Value};

use super::Core;
use super::names::target_measurement;
use super::statement_error::StatementError;

/// Points are written when there are this many, or when the rows have this many cells.
const BATCH_POINTS: usize = 10_000;
const BATCH_CELLS: usize = 200_000;

/// Collects rows and writes them in batches.
pub(super) struct Writer<'w> {
    core: &'w Core,
    target: Target,
    pieces: Vec<SeriesRows>,
    /// The number of points in `pieces`.
    points: usize,
    /// The number of cells in `pieces`.
    cells: usize,
    written: i64,
}

impl<'w> Writer<'w> {
    pub(super) fn new(core: &'w Core, target: Target) -> Self {
        Writer { core, target, pieces: Vec::new(), points: 0, cells: 0, written: 0 }
    }

    /// Adds the rows of one piece.
    pub(super) fn add(&mut self, piece: SeriesRows) -> Result<(), StatementError> {
        if !piece.columns.iter().any(|column| *column == "time") {
            return Err(StatementError::running(
                Clause::new("statements.into.4"),
                "error finding time index in result",
            ));
        }
        self.points += piece.rows().filter(|row| is_point(row)).count();
        self.cells += piece.cells.len();
        self.pieces.push(piece);
        if self.points >= BATCH_POINTS || self.cells >= BATCH_CELLS { self.write() } else { Ok(()) }
    }

    /// Writes the remaining rows and returns the number of all points written.
    pub(super) fn finish(mut self) -> Result<i64, StatementError> {
        self.write()?;
        Ok(self.written)
    }

    fn write(&mut self) -> Result<(), StatementError> {
        let (pieces, points) = (std::mem::take(&mut self.pieces), std::mem::take(&mut self.points));
        self.cells = 0;
        if points == 0 {
            return Ok(());
        }
        let series: Vec<Vec<u8>> = pieces.iter().map(|piece| raw_series(&self.target, piece)).collect();
        let mut builder = BatchBuilder::default();
        for (series, piece) in series.iter().zip(&pieces) {
            builder.add_piece(series, piece);
        }
        self.core.store_points(&self.target.database, &self.target.policy, &builder.finish()).map_err(|failure| {
            let error = failure.into_error();
            StatementError::running(error.clause, error.text.to_string())
        })?;
        self.written += points as i64;
        Ok(())
    }
}

/// Returns the raw key of the series that the rows of a piece are written to.
fn raw_series(target: &Target, piece: &SeriesRows) -> Vec<u8> {
    let mut raw = Vec::new();
    escape_measurement(&target_measurement(target.measurement.as_deref(), &piece.name), &mut raw);
    for (key, value) in piece.tags.iter().filter(|(_, value)| !value.is_empty()) {
        raw.push(b',');
        escape_tag(key, &mut raw);
        raw.push(b'=');
        escape_tag(value, &mut raw);
    }
    raw
}

/// Whether a row becomes a point: its first column is a time, and another is not null.
fn is_point(row: &[Value]) -> bool {
    matches!(row.split_first(), Some((Value::Time(_), cells)) if cells.iter().any(|cell| scalar(cell).is_some()))
}

/// Returns the value that a cell is stored as; `None` if it is not stored.
fn scalar(cell: &Value) -> Option<Scalar<'_>> {
    match cell {
        Value::Float(value) => Some(Scalar::Float(*value)),
        Value::Integer(value) => Some(Scalar::Integer(*value)),
        Value::Boolean(value) => Some(Scalar::Boolean(*value)),
        Value::Time(time) => Some(Scalar::Integer(time.0)),
        Value::String(text) => Some(Scalar::String(text)),
        Value::Null | Value::Ordinal(_) | Value::List(_) => None,
    }
}

/// The parts of a batch of points, with the numbers of series and layouts.
#[derive(Debug, Default)]
struct BatchBuilder<'a> {
    rows: Vec<PointRow>,
    series: Vec<&'a [u8]>,
    series_numbers: HashMap<&'a [u8], u32>,
    keys: Vec<Cow<'a, [u8]>>,
    layouts: Vec<Range<u32>>,
    layout_numbers: HashMap<Vec<&'a [u8]>, u32>,
    /// The field keys of the last row, and their layout.
    last_keys: Vec<&'a [u8]>,
    last_layout: u32,
    values: Vec<Scalar<'a>>,
}

impl<'a> BatchBuilder<'a> {
    fn add_piece(&mut self, raw_series: &'a [u8], piece: &'a SeriesRows) {
        let series = *self.series_numbers.entry(raw_series).or_insert_with(|| {
            self.series.push(raw_series);
            self.series.len() as u32 - 1
        });
        let mut row_keys: Vec<&'a [u8]> = Vec::new();
        for row in piece.rows() {
            let Some((Value::Time(time), cells)) = row.split_first() else { continue };
            let first_value = self.values.len() as u32;
            row_keys.clear();
            for (key, cell) in piece.columns.iter().skip(1).zip(cells) {
                if let Some(value) = scalar(cell) {
                    row_keys.push(key);
                    self.values.push(value);
                }
            }
            if row_keys.is_empty() {
                continue;
            }
            if row_keys != self.last_keys {
                self.last_layout = self.layout(&row_keys);
                self.last_keys.clone_from(&row_keys);
            }
            self.rows.push(PointRow { series, layout: self.last_layout, first_value, time: *time });
        }
    }

    /// Returns the number of a layout. A new layout gets the next number.
    fn layout(&mut self, keys: &[&'a [u8]]) -> u32 {
        if let Some(number) = self.layout_numbers.get(keys) {
            return *number;
        }
        let number = self.layouts.len() as u32;
        let first = self.keys.len() as u32;
        self.keys.extend(keys.iter().map(|key| Cow::Borrowed(*key)));
        self.layouts.push(first..self.keys.len() as u32);
        self.layout_numbers.insert(keys.to_vec(), number);
        number
    }

    fn finish(self) -> PointBatch<'a> {
        PointBatch::new(self.rows, self.series, self.keys, self.layouts, self.values)
    }
}
