//! The state that all parts of one running query share. Counts the points that are read, notices when the answer is no longer
//! wanted, and cuts the rows of the answer into pieces.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_model::{Clause, Text};

use super::budget::Reservation;
use super::context::Context;
use super::error::QueryError;
use super::plain_rows::{PlainLayout, PlainRows};
use super::read_counts::Reads;
use super::result::SeriesRows;
use super::value::Value;

/// Takes a piece of the answer, or nothing, and says whether to go on.
pub(super) type Emit<'e> = dyn FnMut(Option<SeriesRows>) -> ControlFlow<()> + 'e;

/// The state that the parts of a running query share.
pub(super) struct Execution<'a> {
    pub(super) context: &'a Context,
    emit: RefCell<&'a mut Emit<'a>>,
    reads: Reads,
    is_counting: Cell<bool>,
    /// How many threads evaluate the query.
    threads: usize,
}

impl<'a> Execution<'a> {
    pub(super) fn new(context: &'a Context, emit: &'a mut Emit<'a>) -> Execution<'a> {
        let (reads, is_counting) = (context.reads.begin(), Cell::new(true));
        Execution { context, emit: RefCell::new(emit), reads, is_counting, threads: 1 }
    }

    /// The same for one of several threads.
    pub(super) fn one_of(mut self, threads: usize) -> Execution<'a> {
        self.threads = threads.max(1);
        self
    }

    /// Starts a reservation of the memory of the query.
    pub(super) fn reserve(&self) -> Reservation {
        self.context.memory.reserve()
    }

    /// How many rows each of `columns` columns that are read at the same time may keep decoded.
    pub(super) fn decoded_rows_max(&self, columns: usize) -> usize {
        let Some(bytes_max) = self.context.memory.bytes_max() else { return usize::MAX };
        let columns = columns.max(1).saturating_mul(self.threads);
        (bytes_max / 3 / DECODED_ROW_BYTES / columns).max(DECODED_ROWS_MIN)
    }

    /// Counts `count` points as read, and asks whether to go on.
    pub(super) fn count_points(&self, count: usize) -> Result<(), QueryError> {
        if !self.is_counting.get() {
            return self.go_on();
        }
        let read = self.reads.add_points(count);
        let max = self.context.limits.points_max;
        if max > 0 && read > max {
            return Err(QueryError::Limit(
                Clause::new("select.limit.points.1"),
                format!("max-select-point limit exceeed: ({read}/{max})"),
            ));
        }
        self.go_on()
    }

    /// Counts a block as decoded.
    pub(super) fn count_decoded(&self) {
        self.reads.add_decoded();
    }

    /// Counts `count` blocks of which only the summary is needed.
    pub(super) fn count_summarized(&self, count: usize) {
        self.reads.add_summarized(count);
    }

    /// Runs `work`, which reads points that are already counted.
    pub(super) fn without_counting<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.is_counting.replace(false);
        let done = work();
        self.is_counting.set(before);
        done
    }

    /// Asks whether to go on.
    pub(super) fn go_on(&self) -> Result<(), QueryError> {
        self.emit(None)
    }

    /// Emits a piece, or asks whether to go on if there is none.
    pub(super) fn emit(&self, piece: Option<SeriesRows>) -> Result<(), QueryError> {
        match (self.emit.borrow_mut())(piece) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(QueryError::Interrupted),
        }
    }
}

/// The memory of a time and a value that are decoded, and of their place in the order of the answer.
const DECODED_ROW_BYTES: usize = 24;
/// At least this many rows of a column are kept decoded, even if the budget may not have the memory.
const DECODED_ROWS_MIN: usize = 16;

/// So many rows of a piece are charged first.
const PIECE_ROWS_FIRST: usize = 16;
/// The rows of a piece are charged in steps of at most about this many bytes.
const PIECE_STEP: usize = 64 << 10;

/// Collects the rows of one series, skips and stops as OFFSET and LIMIT say, and emits them in pieces.
pub(super) struct SeriesWriter<'e, 'a> {
    execution: &'e Execution<'a>,
    piece: SeriesRows,
    memory: Reservation,
    /// The layout of rows, if they are plain, and how many pieces were emitted.
    plain: Option<Arc<PlainLayout>>,
    pieces: usize,
    rows: usize,
    /// The rows of earlier pieces of the same chunk. A chunk has `chunk_rows` rows, and as many pieces as its bytes need.
    chunk_rows_before: usize,
    /// The number of rows that the piece may have before room for more must be made.
    room: usize,
    /// The bytes of the strings of the piece, if `has_text`.
    text_bytes: usize,
    has_text: bool,
    skip: u64,
    /// How many more rows are wanted; `None` means all.
    left: Option<u64>,
}

impl<'e, 'a> SeriesWriter<'e, 'a> {
    /// Starts a series. Without rows, nothing is emitted for it. `has_text` says that cells may be strings.
    pub(super) fn new(
        execution: &'e Execution<'a>,
        name: Text,
        tags: Arc<[(Text, Text)]>,
        columns: Arc<[Text]>,
        has_text: bool,
        skip: u64,
        limit: Option<u64>,
    ) -> Self {
        let piece = SeriesRows { name, tags, columns, cells: Vec::new(), plain: None, more_rows: false };
        SeriesWriter {
            execution,
            piece,
            memory: execution.reserve(),
            plain: None,
            pieces: 0,
            rows: 0,
            chunk_rows_before: 0,
            room: 0,
            text_bytes: 0,
            has_text,
            skip,
            left: limit,
        }
    }

    /// Makes all rows plain. None may have been added yet.
    pub(super) fn make_plain(&mut self, layout: Arc<PlainLayout>) {
        self.plain = Some(layout);
    }

    /// Adds a row, which `write` appends cell by cell if it is wanted. Breaks when no further row is wanted.
    pub(super) fn row(&mut self, write: impl FnOnce(&mut Vec<Value>)) -> Result<ControlFlow<()>, QueryError> {
        if let Some(flow) = self.begin_row()? {
            return Ok(flow);
        }
        let first = self.piece.cells.len();
        write(&mut self.piece.cells);
        let cells = &self.piece.cells[first..];
        let text_bytes = if self.has_text { cells.iter().map(Value::text_bytes).sum() } else { 0 };
        Ok(self.end_row(text_bytes))
    }

    /// Adds a plain row, which `write` appends if it is wanted: it is given the rows of the piece and the number of the piece, and
    /// returns the bytes of strings and labels that it adds. Breaks when no further row is wanted.
    pub(super) fn plain_row(
        &mut self,
        layout: &Arc<PlainLayout>,
        write: impl FnOnce(&mut PlainRows, usize) -> usize,
    ) -> Result<ControlFlow<()>, QueryError> {
        if let Some(flow) = self.begin_row()? {
            return Ok(flow);
        }
        let rows = self.piece.plain.get_or_insert_with(|| Box::new(PlainRows::new(layout.clone())));
        let text_bytes = write(rows, self.pieces);
        Ok(self.end_row(text_bytes))
    }

    /// Makes room for a row, unless it is not wanted.
    fn begin_row(&mut self) -> Result<Option<ControlFlow<()>>, QueryError> {
        if self.skip > 0 {
            self.skip -= 1;
            if self.skip.is_multiple_of(1024) {
                self.execution.go_on()?;
            }
            return Ok(Some(ControlFlow::Continue(())));
        }
        if self.left == Some(0) {
            return Ok(Some(ControlFlow::Break(())));
        }
        if self.rows >= self.room {
            self.make_room()?;
        }
        Ok(None)
    }

    /// Counts a row with the bytes of its strings, which are charged with the rows that follow.
    fn end_row(&mut self, text_bytes: usize) -> ControlFlow<()> {
        self.rows += 1;
        let before = self.text_bytes;
        self.text_bytes += text_bytes;
        if self.text_bytes / PIECE_STEP > before / PIECE_STEP {
            self.room = self.rows;
        }
        match &mut self.left {
            Some(left) => {
                *left -= 1;
                if *left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
            None => ControlFlow::Continue(()),
        }
    }

    /// Emits the remaining rows.
    pub(super) fn finish(mut self) -> Result<(), QueryError> {
        if self.rows > 0 { self.emit_piece(false) } else { Ok(()) }
    }

    /// Charges some more rows, after emitting the piece if it is full.
    fn make_room(&mut self) -> Result<(), QueryError> {
        let cells_bytes = self.piece.columns.len().max(1) * size_of::<Value>();
        let row_bytes = self.plain.as_ref().map_or(cells_bytes, |layout| layout.row_bytes());
        let bytes_max = self.execution.context.piece_bytes_max();
        let chunk_rows_left = self.execution.context.chunk_rows.saturating_sub(self.chunk_rows_before);
        let rows_max = chunk_rows_left.min(bytes_max / row_bytes).max(1);
        if self.rows >= rows_max || self.text_bytes >= bytes_max {
            self.emit_piece(true)?;
            return self.make_room();
        }
        let more = self.rows.max(PIECE_ROWS_FIRST).min(PIECE_STEP / row_bytes).max(1);
        self.room = rows_max.min(self.rows + more);
        self.memory.resize(self.room.saturating_mul(row_bytes).saturating_add(self.text_bytes))
    }

    fn emit_piece(&mut self, more_rows: bool) -> Result<(), QueryError> {
        let (cells, plain) = (std::mem::take(&mut self.piece.cells), self.piece.plain.take());
        self.pieces += 1;
        self.chunk_rows_before = (self.chunk_rows_before + self.rows) % self.execution.context.chunk_rows.max(1);
        (self.rows, self.text_bytes) = (0, 0);
        let (name, tags, columns) = (self.piece.name.clone(), self.piece.tags.clone(), self.piece.columns.clone());
        self.execution.emit(Some(SeriesRows { name, tags, columns, cells, plain, more_rows }))
    }
}
