//! One run of a query: what all its parts share. Counts what is read, notices that nobody waits any more, and cuts the rows
//! of the answer into pieces.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_model::Text;

use super::{Context, QueryError, SeriesRows, Value};

/// What the parts of a running query share.
pub(super) struct Execution<'a> {
    pub(super) context: &'a Context,
    emit: RefCell<&'a mut dyn FnMut(Option<SeriesRows>) -> ControlFlow<()>>,
    points_read: Cell<u64>,
    is_counting: Cell<bool>,
}

impl<'a> Execution<'a> {
    pub(super) fn new(
        context: &'a Context,
        emit: &'a mut dyn FnMut(Option<SeriesRows>) -> ControlFlow<()>,
    ) -> Execution<'a> {
        Execution { context, emit: RefCell::new(emit), points_read: Cell::new(0), is_counting: Cell::new(true) }
    }

    /// Takes note that `count` points were read, and asks whether to go on.
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

    /// Runs `work`, which reads points that were counted before.
    pub(super) fn without_counting<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.is_counting.replace(false);
        let done = work();
        self.is_counting.set(before);
        done
    }

    /// Asks whether to go on.
    pub(super) fn go_on(&self) -> Result<(), QueryError> {
        self.hand_out(None)
    }

    /// Hands out a piece.
    pub(super) fn hand_out(&self, piece: Option<SeriesRows>) -> Result<(), QueryError> {
        match (self.emit.borrow_mut())(piece) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(QueryError::Interrupted),
        }
    }
}

/// Collects the rows of one series, skips and stops as OFFSET and LIMIT say, and hands them out in pieces.
pub(super) struct SeriesWriter<'e, 'a> {
    execution: &'e Execution<'a>,
    piece: SeriesRows,
    rows: usize,
    skip: u64,
    /// How many rows may still come; `None` is no limit.
    left: Option<u64>,
}

impl<'e, 'a> SeriesWriter<'e, 'a> {
    /// A series without rows leaves no trace.
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

    /// Adds a row, which `write` appends cell by cell if it is wanted. Breaks when no further row is.
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
            self.hand_out(true)?;
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

    /// Hands out what is left.
    pub(super) fn finish(mut self) -> Result<(), QueryError> {
        if self.rows > 0 { self.hand_out(false) } else { Ok(()) }
    }

    fn hand_out(&mut self, more_rows: bool) -> Result<(), QueryError> {
        let cells = std::mem::take(&mut self.piece.cells);
        self.rows = 0;
        let (name, tags, columns) = (self.piece.name.clone(), self.piece.tags.clone(), self.piece.columns.clone());
        self.execution.hand_out(Some(SeriesRows { name, tags, columns, cells, more_rows }))
    }
}
