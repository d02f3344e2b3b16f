//! The state that all parts of one running query share. Counts the points that are read, notices when the answer is no longer
//! wanted, and cuts the rows of the answer into pieces.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_model::Text;

use super::context::Context;
use super::error::QueryError;
use super::result::{SeriesRows, Value};

/// Takes a piece of the answer, or nothing, and says whether to go on.
pub(super) type Emit<'e> = dyn FnMut(Option<SeriesRows>) -> ControlFlow<()> + 'e;

/// The state that the parts of a running query share.
pub(super) struct Execution<'a> {
    pub(super) context: &'a Context,
    emit: RefCell<&'a mut Emit<'a>>,
    points_read: Cell<u64>,
    is_counting: Cell<bool>,
}

impl<'a> Execution<'a> {
    pub(super) fn new(context: &'a Context, emit: &'a mut Emit<'a>) -> Execution<'a> {
        Execution { context, emit: RefCell::new(emit), points_read: Cell::new(0), is_counting: Cell::new(true) }
    }

    /// Counts `count` points as read, and asks whether to go on.
    pub(super) fn count_points(&self, count: usize) -> Result<(), QueryError> {
        if !self.is_counting.get() {
            return self.go_on();
        }
        let read = self.points_read.get() + count as u64;
        self.points_read.set(read);
        let max = self.context.limits.points_max;
        if max > 0 && read > max {
            return Err(QueryError::Limit(format!("max-select-point limit exceeed: ({read}/{max})")));
        }
        self.go_on()
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

/// Collects the rows of one series, skips and stops as OFFSET and LIMIT say, and emits them in pieces.
pub(super) struct SeriesWriter<'e, 'a> {
    execution: &'e Execution<'a>,
    piece: SeriesRows,
    rows: usize,
    skip: u64,
    /// How many more rows are wanted; `None` means all.
    left: Option<u64>,
}

impl<'e, 'a> SeriesWriter<'e, 'a> {
    /// Starts a series. Without rows, nothing is emitted for it.
    pub(super) fn new(
        execution: &'e Execution<'a>,
        name: Text,
        tags: Arc<[(Text, Text)]>,
        columns: Arc<[Text]>,
        skip: u64,
        limit: Option<u64>,
    ) -> Self {
        let piece = SeriesRows { name, tags, columns, cells: Vec::new(), more_rows: false };
        SeriesWriter { execution, piece, rows: 0, skip, left: limit }
    }

    /// Adds a row, which `write` appends cell by cell if it is wanted. Breaks when no further row is wanted.
    pub(super) fn row(&mut self, write: impl FnOnce(&mut Vec<Value>)) -> Result<ControlFlow<()>, QueryError> {
        if self.skip > 0 {
            self.skip -= 1;
            if self.skip.is_multiple_of(1024) {
                self.execution.go_on()?;
            }
            return Ok(ControlFlow::Continue(()));
        }
        if self.left == Some(0) {
            return Ok(ControlFlow::Break(()));
        }
        if self.rows == self.execution.context.chunk_rows.max(1) {
            self.emit_piece(true)?;
        }
        write(&mut self.piece.cells);
        self.rows += 1;
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Emits the remaining rows.
    pub(super) fn finish(mut self) -> Result<(), QueryError> {
        if self.rows > 0 { self.emit_piece(false) } else { Ok(()) }
    }

    fn emit_piece(&mut self, more_rows: bool) -> Result<(), QueryError> {
        let cells = std::mem::take(&mut self.piece.cells);
        self.rows = 0;
        let (name, tags, columns) = (self.piece.name.clone(), self.piece.tags.clone(), self.piece.columns.clone());
        self.execution.emit(Some(SeriesRows { name, tags, columns, cells, more_rows }))
    }
}
