//! Results in JSON, `{"results":[...]}`: one document, or one for each piece. Notation and escapes are left to `go::json`.

use std::sync::Arc;

use fluxstone_engine::StatementResult;
use fluxstone_go::json::{JsonWriter, Place, write_string};
use fluxstone_go::number;
use fluxstone_model::{Scalar, Text, TimeWriter, Timestamp};
use fluxstone_query::{PlainRows, SeriesRows, Value};

use super::label_texts::{LabelTexts, PlainPart};
use super::options::AnswerOptions;

/// A JSON answer that is being encoded.
#[derive(Debug)]
pub(super) struct JsonAnswer {
    json: JsonWriter,
    options: AnswerOptions,
    /// The result that is being written.
    open: Option<OpenResult>,
    /// Whether `{"results":[` was written.
    begun: bool,
    /// Whether bytes of the document were taken.
    sent: bool,
    /// Rows of the document, if the answer is chunked.
    chunk_rows: usize,
    /// The first value that JSON cannot hold, as Go prints it.
    infinity: Option<&'static str>,
    encoder: CellEncoder,
}

#[derive(Debug)]
struct OpenResult {
    statement_id: usize,
    /// Where it begins, unless those bytes were taken.
    start: Option<Place>,
    /// The series that is being written.
    series: Option<OpenSeries>,
    messages: Vec<String>,
    /// Whether more of the statement's result follows, in a chunked answer.
    partial: bool,
    error: Option<String>,
    infinity: Option<&'static str>,
}

#[derive(Debug)]
struct OpenSeries {
    name: Text,
    tags: Arc<[(Text, Text)]>,
    /// The rows so far.
    rows: usize,
    partial: bool,
}

impl JsonAnswer {
    pub(super) fn new(options: AnswerOptions) -> JsonAnswer {
        let json = JsonWriter::new(options.pretty);
        let encoder = CellEncoder::new(options);
        JsonAnswer { json, options, open: None, begun: false, sent: false, chunk_rows: 0, infinity: None, encoder }
    }

    pub(super) fn add(&mut self, piece: StatementResult) {
        if let Some(open) = self.open.as_mut().filter(|open| open.statement_id == piece.statement_id) {
            if let Some(error) = piece.error {
                if self.options.chunked {
                    // The rows that precede the error stay in a document of their own.
                    self.end_document();
                    self.begin_result(piece.statement_id).error = Some(error);
                    self.end_document();
                    return;
                }
                match open.start {
                    Some(start) => {
                        self.json.go_back(start);
                        self.open = None;
                        self.begin_result(piece.statement_id).error = Some(error);
                    }
                    // Rows that were sent cannot be taken back: the error follows them.
                    None => open.error = Some(error),
                }
                return;
            }
        } else {
            if self.options.chunked {
                self.end_document();
            } else {
                self.end_result();
            }
            self.begin_result(piece.statement_id);
        }
        let mut is_full = true;
        if let Some(mut series) = piece.series {
            if self.options.pretty {
                series = series.into_cells();
            }
            self.add_series(&series);
            self.chunk_rows += series.row_count();
            is_full = !series.more_rows || self.chunk_rows >= self.options.chunk_rows;
        }
        is_full &= !piece.joins_next;
        if let Some(open) = &mut self.open {
            open.messages.extend(piece.messages);
            open.error = piece.error;
            open.partial = piece.more && self.options.chunked;
        }
        if self.options.chunked && is_full {
            self.end_document();
        }
    }

    pub(super) fn ready(&mut self) -> Option<Vec<u8>> {
        let held = self.options.held_bytes();
        let written = self.json.written().len();
        if self.options.chunked && written > 0 {
            self.sent = self.open.is_some();
            return Some(self.json.take());
        }
        if written <= held {
            return None;
        }
        self.sent = true;
        let start = self.open.as_mut().and_then(|open| open.start.as_mut());
        let bytes = start.map(|start| self.json.take_before(start)).filter(|bytes| !bytes.is_empty());
        if bytes.is_some() && self.json.written().len() <= held {
            return bytes;
        }
        if let Some(open) = &mut self.open {
            open.start = None;
        }
        let mut bytes = bytes.unwrap_or_default();
        bytes.append(&mut self.json.take());
        Some(bytes)
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if !self.options.chunked || self.open.is_some() {
            self.end_document();
        }
        self.json.take()
    }

    fn begin_result(&mut self, statement_id: usize) -> &mut OpenResult {
        if !self.begun {
            self.begun = true;
            self.json.begin_object();
            self.json.key(b"results");
            self.json.begin_array();
        }
        let start = Some(self.json.place());
        self.json.element();
        self.json.begin_object();
        self.json.key(b"statement_id");
        self.json.integer(i64::try_from(statement_id).unwrap_or(i64::MAX));
        self.open.insert(OpenResult {
            statement_id,
            start,
            series: None,
            messages: Vec::new(),
            partial: false,
            error: None,
            infinity: None,
        })
    }

    fn end_result(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.infinity = self.infinity.or(open.infinity);
        if let Some(series) = open.series {
            end_series(&mut self.json, &series);
            self.json.end_array();
        }
        if !open.messages.is_empty() {
            self.json.key(b"messages");
            self.json.begin_array();
            for message in open.messages {
                self.json.element();
                self.json.begin_object();
                self.json.key(b"level");
                self.json.string(b"warning");
                self.json.key(b"text");
                self.json.string(message.as_bytes());
                self.json.end_object();
            }
            self.json.end_array();
        }
        if open.partial {
            self.json.key(b"partial");
            self.json.raw(b"true");
        }
        if let Some(error) = open.error {
            self.json.key(b"error");
            self.json.string(error.as_bytes());
        }
        self.json.end_object();
    }

    /// Ends the document.
    fn end_document(&mut self) {
        self.end_result();
        if self.begun {
            self.json.end_array();
        } else if !self.options.chunked {
            self.json.begin_object();
        }
        if self.begun || !self.options.chunked {
            self.json.end_object();
            self.json.raw(b"\n");
        }
        self.begun = false;
        self.chunk_rows = 0;
        let infinity = self.infinity.take().filter(|_| !self.sent);
        if let Some(value) = infinity.filter(|_| self.options.semantics.infinity_in_json) {
            self.json = JsonWriter::new(self.options.pretty);
            let type_error = "json: error calling MarshalJSON for type";
            let text = format!(
                "{type_error} httpd.Response: {type_error} *influxql.Result: json: unsupported value: {value}\n"
            );
            self.json.raw(text.as_bytes());
        }
        self.sent = false;
        self.json.begin_document();
    }

    fn add_series(&mut self, rows: &SeriesRows) {
        let Some(open) = &mut self.open else { return };
        let same = open.series.as_ref().is_some_and(|series| series.name == rows.name && series.tags == rows.tags);
        if !same {
            if let Some(series) = &open.series {
                end_series(&mut self.json, series);
            } else {
                self.json.key(b"series");
                self.json.begin_array();
            }
            begin_series(&mut self.json, rows);
        }
        let series = open.series.take().filter(|_| same);
        let mut series = series.unwrap_or_else(|| OpenSeries {
            name: rows.name.clone(),
            tags: Arc::clone(&rows.tags),
            rows: 0,
            partial: false,
        });
        if rows.row_count() > 0 && series.rows == 0 {
            self.json.key(b"values");
            self.json.begin_array();
        }
        series.rows += rows.row_count();
        // As documented, the mark says whether rows are missing at the end. 1.2.4 keeps that of the first chunk.
        let exceeds_a_chunk = series.rows > self.options.chunk_rows;
        let merges_marks = self.options.semantics.merged_partial && !self.options.chunked;
        series.partial = rows.more_rows || merges_marks && exceeds_a_chunk;
        self.encoder.infinity = open.infinity;
        if self.options.pretty {
            self.encoder.write_pretty_rows(&mut self.json, rows);
        } else if rows.row_count() > 0 {
            let encoder = &mut self.encoder;
            self.json.compact_elements(|out, follows| encoder.write_compact_rows(out, rows, follows));
        }
        open.infinity = self.encoder.infinity;
        open.series = Some(series);
    }
}

fn begin_series(json: &mut JsonWriter, rows: &SeriesRows) {
    json.element();
    json.begin_object();
    if !rows.name.is_empty() {
        json.key(b"name");
        json.string(&rows.name);
    }
    if !rows.tags.is_empty() {
        json.key(b"tags");
        json.begin_object();
        for (key, value) in rows.tags.iter() {
            json.key(key);
            json.string(value);
        }
        json.end_object();
    }
    if !rows.columns.is_empty() {
        json.key(b"columns");
        json.begin_array();
        for column in rows.columns.iter() {
            json.element();
            json.string(column);
        }
        json.end_array();
    }
}

fn end_series(json: &mut JsonWriter, series: &OpenSeries) {
    if series.rows > 0 {
        json.end_array();
    }
    if series.partial {
        json.key(b"partial");
        json.raw(b"true");
    }
    json.end_object();
}

/// Writes cells, and remembers the first value that JSON cannot hold.
#[derive(Debug)]
struct CellEncoder {
    options: AnswerOptions,
    infinity: Option<&'static str>,
    times: TimeWriter,
}

impl CellEncoder {
    fn new(options: AnswerOptions) -> CellEncoder {
        CellEncoder { options, infinity: None, times: TimeWriter::new() }
    }

    fn write_pretty_rows(&mut self, json: &mut JsonWriter, rows: &SeriesRows) {
        for row in rows.rows() {
            json.element();
            json.begin_array();
            for cell in row {
                json.element();
                match cell {
                    Value::List(texts) => {
                        json.begin_array();
                        for text in texts {
                            json.element();
                            json.string(text);
                        }
                        json.end_array();
                    }
                    scalar => self.write(json.written(), scalar),
                }
            }
            json.end_array();
        }
    }

    /// Appends the rows as elements of an array. `follows` says that other elements precede them.
    fn write_compact_rows(&mut self, out: &mut Vec<u8>, rows: &SeriesRows, mut follows: bool) {
        if let Some(plain) = &rows.plain {
            return self.write_plain_rows(out, plain, follows);
        }
        for row in rows.rows() {
            out.extend_from_slice(if follows { b",[" } else { b"[" });
            follows = true;
            for (at, cell) in row.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                self.write(out, cell);
            }
            out.push(b']');
        }
    }

    /// Appends plain rows as elements of an array. `follows` says that other elements precede them.
    fn write_plain_rows(&mut self, out: &mut Vec<u8>, rows: &PlainRows, mut follows: bool) {
        let labels = LabelTexts::new(rows);
        for row in rows.rows() {
            out.extend_from_slice(if follows { b",[" } else { b"[" });
            follows = true;
            self.write_time(out, row.time());
            for part in &labels.parts {
                match part {
                    PlainPart::Labels(run) => out.extend_from_slice(labels.text(row.labels(), *run)),
                    PlainPart::Field(field) => {
                        out.push(b',');
                        self.write_scalar(out, row.field(*field));
                    }
                }
            }
            out.push(b']');
        }
    }

    #[inline]
    fn write_time(&mut self, out: &mut Vec<u8>, time: Timestamp) {
        if self.options.epoch.is_none() {
            out.push(b'"');
            out.extend_from_slice(self.times.write(time));
            out.push(b'"');
        } else {
            number::write_integer(out, self.options.count(time));
        }
    }

    #[inline]
    fn write_scalar(&mut self, out: &mut Vec<u8>, value: Option<Scalar<'_>>) {
        match value {
            None => out.extend_from_slice(b"null"),
            Some(Scalar::Float(value)) if value.is_finite() => number::write_json(out, value),
            Some(Scalar::Float(value)) => {
                self.infinity = self.infinity.or(Some(number::non_finite(value)));
                out.extend_from_slice(b"null");
            }
            Some(Scalar::Integer(value)) => number::write_integer(out, value),
            Some(Scalar::String(text)) => write_string(out, text),
            Some(Scalar::Boolean(value)) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        }
    }

    /// Appends a cell, a list in compact form.
    #[inline]
    fn write(&mut self, out: &mut Vec<u8>, cell: &Value) {
        match cell {
            Value::Time(time) => self.write_time(out, *time),
            Value::Ordinal(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Value::Null | Value::Float(_) | Value::Integer(_) | Value::String(_) | Value::Boolean(_) => {
                self.write_scalar(out, cell.scalar());
            }
            Value::List(texts) => {
                out.push(b'[');
                for (at, text) in texts.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write_string(out, text);
                }
                out.push(b']');
            }
        }
    }
}
