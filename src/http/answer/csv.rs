//! Results in CSV: for each statement a header and its rows, with an empty line between statements. Errors and messages are
//! left out. Quoting is left to `go::csv`.

use fluxstone_compat::CsvNullCells;
use fluxstone_engine::StatementResult;
use fluxstone_go::csv::quoted;
use fluxstone_go::number;
use fluxstone_model::Text;
use fluxstone_query::{SeriesRows, Value};

use super::options::AnswerOptions;

/// A CSV answer that is being encoded.
#[derive(Debug)]
pub(super) struct CsvAnswer {
    out: Vec<u8>,
    options: AnswerOptions,
    /// The statement whose rows are being written.
    open: Option<OpenStatement>,
    /// Whether any statement has a header.
    any: bool,
}

#[derive(Debug)]
struct OpenStatement {
    statement_id: usize,
    /// Where it begins, unless those bytes were taken, and whether it is the first statement with a header.
    start: Option<(usize, bool)>,
    /// The quoted fields of the previous line; initially those of the header.
    fields: Vec<Vec<u8>>,
}

impl CsvAnswer {
    pub(super) fn new(options: AnswerOptions) -> CsvAnswer {
        CsvAnswer { out: Vec::new(), options, open: None, any: false }
    }

    pub(super) fn add(&mut self, piece: StatementResult) {
        let same = self.open.as_ref().is_some_and(|open| open.statement_id == piece.statement_id);
        if piece.error.is_some() && same && !self.options.chunked {
            // The error replaces the result, and CSV does not show errors.
            if let Some((start, first)) = self.open.take().and_then(|open| open.start) {
                self.out.truncate(start);
                self.any = !first;
            }
            return;
        }
        let Some(series) = piece.series.map(SeriesRows::into_cells) else { return };
        if !same {
            self.begin_statement(piece.statement_id, &series);
        }
        self.add_rows(&series);
    }

    pub(super) fn ready(&mut self) -> Option<Vec<u8>> {
        if self.out.is_empty() || !self.options.chunked && self.out.len() <= self.options.held_bytes() {
            return None;
        }
        if let Some(open) = &mut self.open {
            open.start = None;
        }
        Some(std::mem::take(&mut self.out))
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn begin_statement(&mut self, statement_id: usize, series: &SeriesRows) {
        let start = Some((self.out.len(), !self.any));
        if self.any {
            self.out.push(b'\n');
        }
        self.any = true;
        let fields: Vec<_> = series.columns.iter().map(|column| quoted(column)).collect();
        self.out.extend_from_slice(b"name,tags");
        end_line(&mut self.out, &fields);
        self.open = Some(OpenStatement { statement_id, start, fields });
    }

    fn add_rows(&mut self, series: &SeriesRows) {
        let Some(open) = &mut self.open else { return };
        let mut front = quoted(&series.name);
        front.push(b',');
        front.extend(quoted(&tags_text(&series.tags)));
        // A statement has one set of columns. If a series has more, their fields start as the names of its columns.
        open.fields.truncate(series.columns.len());
        open.fields.extend(series.columns.iter().skip(open.fields.len()).map(|column| quoted(column)));
        for row in series.rows() {
            for (field, cell) in open.fields.iter_mut().zip(row) {
                write_cell(field, cell, &self.options);
            }
            self.out.extend_from_slice(&front);
            end_line(&mut self.out, &open.fields);
        }
    }
}

fn end_line(out: &mut Vec<u8>, fields: &[Vec<u8>]) {
    for field in fields {
        out.push(b',');
        out.extend_from_slice(field);
    }
    out.push(b'\n');
}

/// Overwrites `field` with the text of `cell`. A cell without text leaves the text of the row above, if `options` ask for it.
fn write_cell(field: &mut Vec<u8>, cell: &Value, options: &AnswerOptions) {
    let shown = !matches!(cell, Value::Null | Value::Ordinal(_) | Value::List(_));
    if !shown && options.csv_null_cells == CsvNullCells::Repeat {
        return;
    }
    field.clear();
    match cell {
        Value::Null => {}
        Value::Time(time) => number::write_integer(field, options.count(*time)),
        Value::Float(value) => number::write_decimal(field, *value),
        Value::Integer(value) => number::write_integer(field, *value),
        Value::Ordinal(value) => field.extend_from_slice(value.to_string().as_bytes()),
        Value::String(text) => *field = quoted(text),
        Value::Boolean(value) => field.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::List(texts) => *field = quoted(&bstr::join(",", texts)),
    }
}

/// Returns `k=v` pairs with line protocol's escapes. Tags with empty values are left out.
fn tags_text(tags: &[(Text, Text)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (key, value) in tags.iter().filter(|(_, value)| !value.is_empty()) {
        if !text.is_empty() {
            text.push(b',');
        }
        escape(&mut text, key);
        text.push(b'=');
        escape(&mut text, value);
    }
    text
}

fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        if matches!(byte, b',' | b' ' | b'=') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}
