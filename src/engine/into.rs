//! SELECT INTO: rows of an answer become points of the target measurement.
//!
//! Grouped tags stay tags; each column that is not null becomes a field; rows without any field are left out. Rows are
//! spelt as line protocol is, so that they go the way of every write.

use fluxstone_influxql::ast::Target;
use fluxstone_line_protocol::{Field, ParsedBody, Point};
use fluxstone_model::Timestamp;
use fluxstone_query::{SeriesRows, Value};

use super::Core;
use super::names::target_measurement;
use super::statement_error::StatementError;

/// Rows are written when so many have come together.
const BATCH_ROWS: usize = 10_000;

/// Collects rows and writes them in batches.
pub(super) struct Writer<'w> {
    core: &'w Core,
    target: Target,
    batch: Batch,
    written: i64,
}

impl<'w> Writer<'w> {
    pub(super) fn new(core: &'w Core, target: Target) -> Self {
        Writer { core, target, batch: Batch::default(), written: 0 }
    }

    /// Adds the rows of one piece.
    pub(super) fn add(&mut self, piece: &SeriesRows) -> Result<(), StatementError> {
        if !piece.columns.iter().any(|column| *column == "time") {
            return Err(StatementError::running("error finding time index in result"));
        }
        let measurement = target_measurement(self.target.measurement.as_deref(), &piece.name);
        let mut series = Vec::new();
        fluxstone_line_protocol::escape_measurement(&measurement, &mut series);
        for (key, value) in piece.tags.iter().filter(|(_, value)| !value.is_empty()) {
            series.push(b',');
            fluxstone_line_protocol::escape_tag(key, &mut series);
            series.push(b'=');
            fluxstone_line_protocol::escape_tag(value, &mut series);
        }
        let series = self.batch.text(&series);
        let keys: Vec<Part> = piece
            .columns
            .iter()
            .map(|column| {
                let mut key = Vec::new();
                fluxstone_line_protocol::escape_field_key(column, &mut key);
                self.batch.text(&key)
            })
            .collect();
        for row in piece.rows() {
            self.batch.add_row(series, &keys, row);
        }
        if self.batch.rows.len() >= BATCH_ROWS { self.write() } else { Ok(()) }
    }

    /// Writes what is left; gives the number of all points written.
    pub(super) fn finish(mut self) -> Result<i64, StatementError> {
        self.write()?;
        Ok(self.written)
    }

    fn write(&mut self) -> Result<(), StatementError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.rows.is_empty() {
            return Ok(());
        }
        let count = batch.rows.len() as i64;
        self.core
            .store_points(&self.target.database, &self.target.policy, &batch.as_body())
            .map_err(|failure| StatementError::running(self.core.write_error(failure).text.to_string()))?;
        self.written += count;
        Ok(())
    }
}

/// Where a spelt text stands in [`Batch::spelt`].
#[derive(Debug, Clone, Copy)]
struct Part {
    start: usize,
    end: usize,
}

/// Points that wait to be written, spelt in one buffer.
#[derive(Debug, Default)]
struct Batch {
    spelt: Vec<u8>,
    rows: Vec<Row>,
    fields: Vec<(Part, Cell)>,
}

#[derive(Debug)]
struct Row {
    series: Part,
    time: Timestamp,
    fields: std::ops::Range<u32>,
}

#[derive(Debug)]
enum Cell {
    Float(f64),
    Integer(i64),
    String(Part),
    Boolean(bool),
}

impl Batch {
    fn text(&mut self, text: &[u8]) -> Part {
        let start = self.spelt.len();
        self.spelt.extend_from_slice(text);
        Part { start, end: self.spelt.len() }
    }

    /// The first column is the time.
    fn add_row(&mut self, series: Part, keys: &[Part], row: &[Value]) {
        let Some((Value::Time(time), cells)) = row.split_first() else { return };
        let first = self.fields.len() as u32;
        for (key, cell) in keys.iter().skip(1).zip(cells) {
            let cell = match cell {
                Value::Float(value) => Cell::Float(*value),
                Value::Integer(value) => Cell::Integer(*value),
                Value::Boolean(value) => Cell::Boolean(*value),
                Value::Time(time) => Cell::Integer(time.0),
                Value::String(text) => {
                    let mut spelt = Vec::new();
                    fluxstone_line_protocol::escape_string(text, &mut spelt);
                    Cell::String(self.text(&spelt))
                }
                Value::Null | Value::Ordinal(_) | Value::List(_) => continue,
            };
            self.fields.push((*key, cell));
        }
        let fields = first..self.fields.len() as u32;
        if !fields.is_empty() {
            self.rows.push(Row { series, time: *time, fields });
        }
    }

    fn as_body(&self) -> ParsedBody<'_> {
        let text = |part: Part| &self.spelt[part.start..part.end];
        ParsedBody {
            points: self
                .rows
                .iter()
                .zip(0..)
                .map(|(row, number)| Point {
                    series: text(row.series),
                    series_number: number,
                    fields: row.fields.clone(),
                    keys_number: number,
                    time: row.time,
                })
                .collect(),
            fields: self
                .fields
                .iter()
                .map(|(key, cell)| Field {
                    key: text(*key),
                    value: match cell {
                        Cell::Float(value) => fluxstone_line_protocol::Value::Float(*value),
                        Cell::Integer(value) => fluxstone_line_protocol::Value::Integer(*value),
                        Cell::String(part) => fluxstone_line_protocol::Value::String(text(*part)),
                        Cell::Boolean(value) => fluxstone_line_protocol::Value::Boolean(*value),
                    },
                })
                .collect(),
            errors: Vec::new(),
            more_errors: 0,
        }
    }
}
