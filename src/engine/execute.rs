//! Running the statements of a query in order: results, errors, and stopping early.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fluxstone_compat::StatementSemantics;
use fluxstone_influxql::ast::Statement;
use fluxstone_model::Clause;
use fluxstone_query::{Reservation, SeriesRows};

use super::administration::is_administration;
use super::clock::Clock;
use super::queries::Running;
use super::session::{PreparedQuery, Session};
use super::statement_error::StatementError;
use super::{Core, Engine, StatementResult};

/// The receiver of results.
pub(super) type Emit<'e> = dyn FnMut(StatementResult) -> ControlFlow<()> + 'e;

const NOT_EXECUTED: &str = "not executed";

impl Engine {
    /// Runs the statements in order and passes each piece of their results to `emit`, until all are done, `emit` breaks or
    /// `cancelled` becomes true.
    ///
    /// A result with an error and the same `statement_id` as the previous result **replaces** that result in an answer that is
    /// collected rather than chunked (the `compat.query.error-*` clauses).
    pub fn execute(&self, query: PreparedQuery, cancelled: &AtomicBool, emit: &mut Emit<'_>) {
        self.core.execute(query, cancelled, emit);
    }

    /// Runs statements that only read, as [`execute`](Engine::execute) does, unless they take longer than `time_max`.
    ///
    /// # Errors
    /// If they took longer, or do not [only read](PreparedQuery::only_reads): what was emitted is to be forgotten, and nothing has
    /// changed.
    pub fn execute_briefly(
        &self,
        query: PreparedQuery,
        time_max: Duration,
        emit: &mut Emit<'_>,
    ) -> Result<(), TakesLong> {
        if !query.only_reads() {
            return Err(TakesLong);
        }
        let overdue = AtomicBool::new(false);
        let until = self.core.clock.instant() + time_max;
        self.core.execute_until(query, &overdue, Some(until), emit);
        if overdue.into_inner() { Err(TakesLong) } else { Ok(()) }
    }
}

/// A query takes longer than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the query takes long")]
pub struct TakesLong;

impl Core {
    pub(super) fn execute(&self, query: PreparedQuery, cancelled: &AtomicBool, emit: &mut Emit<'_>) {
        self.execute_until(query, cancelled, None, emit);
    }

    /// Sets `cancelled` if the statements are still running at `until`.
    fn execute_until(&self, query: PreparedQuery, cancelled: &AtomicBool, until: Option<Instant>, emit: &mut Emit<'_>) {
        // The reservation is held to the end.
        let PreparedQuery { statements, session, reservation: _held } = query;
        let text = statements.iter().map(ToString::to_string).collect::<Vec<_>>().join(";\n");
        let counts = !statements.iter().all(is_administration);
        let registered = self.queries.register(text, session.database.clone(), session.principal.clone(), counts);
        let registration = match registered {
            Ok(registration) => registration,
            Err(refused) => {
                // The receiver may be gone; there is nothing more to send.
                let (error, clause) = (Some(refused.to_string()), Some(Clause::new("statements.sequence.5")));
                let _ = emit(StatementResult { error, clause, ..StatementResult::default() });
                return;
            }
        };
        self.counters.count_query_start();
        let timeout = Duration::from_nanos(self.options.query_timeout_ns);
        let context = StatementContext {
            session: &session,
            running: &registration.running,
            cancelled,
            until,
            clock: &*self.clock,
            deadline: (!timeout.is_zero()).then(|| self.clock.instant() + timeout),
            memory: RefCell::new(session.memory.reserve()),
        };
        let _ = self.run_all(statements, &context, emit);
        self.log_if_slow(&registration.running);
        self.counters.count_query_end(registration.running.started.elapsed());
    }

    fn run_all(
        &self,
        statements: Vec<Statement>,
        context: &StatementContext<'_>,
        emit: &mut Emit<'_>,
    ) -> ControlFlow<()> {
        let count = statements.len();
        for (id, statement) in statements.into_iter().enumerate() {
            let mut output = Output { statement_id: id, pending: None, emit };
            let result = context.check().and_then(|()| self.run_statement(id, statement, context, &mut output));
            match context.release().and(result) {
                Ok(messages) => output.finish(messages)?,
                // The receiver is gone.
                Err(_) if context.cancelled.load(Ordering::Relaxed) => return ControlFlow::Break(()),
                Err(error) => {
                    output.flush()?;
                    return stop_at_error(self.options.semantics.statements, id, count, error, emit);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Reports the error of statement `id` of `count`, and the statements that don't run because of it.
fn stop_at_error(
    semantics: StatementSemantics,
    id: usize,
    count: usize,
    error: StatementError,
    emit: &mut Emit<'_>,
) -> ControlFlow<()> {
    let shown_id = if error.before_running && semantics.error_id_zero { 0 } else { id };
    let mut fail = |statement_id, clause, text: String| {
        emit(StatementResult { statement_id, error: Some(text), clause: Some(clause), ..StatementResult::default() })
    };
    fail(shown_id, error.clause, error.text)?;
    let not_executed = if semantics.overwritten_errors { id..count.saturating_sub(1) } else { id + 1..count };
    for id in not_executed {
        fail(id, Clause::new("statements.sequence.2"), NOT_EXECUTED.to_owned())?;
    }
    ControlFlow::Continue(())
}

/// The request of a running statement, and when it must stop.
pub(super) struct StatementContext<'r> {
    pub(super) session: &'r Session,
    pub(super) running: &'r Running,
    cancelled: &'r AtomicBool,
    /// When the query cancels itself.
    until: Option<Instant>,
    clock: &'r dyn Clock,
    deadline: Option<Instant>,
    /// What the statement has collected.
    memory: RefCell<Reservation>,
}

impl StatementContext<'_> {
    /// Fails if the statement must stop.
    pub(super) fn check(&self) -> Result<(), StatementError> {
        if self.until.is_some_and(|until| self.clock.instant() >= until) {
            self.cancelled.store(true, Ordering::Relaxed);
        }
        if self.cancelled.load(Ordering::Relaxed) || self.running.is_killed() {
            return Err(StatementError::running(Clause::new("statements.query.2"), "query interrupted"));
        }
        if self.deadline.is_some_and(|deadline| self.clock.instant() >= deadline) {
            return Err(StatementError::running(Clause::new("statements.sequence.5"), "query-timeout limit exceeded"));
        }
        Ok(())
    }

    /// Charges the memory of what a listing collects, until the statement ends.
    pub(super) fn charge(&self, bytes: usize) -> Result<(), StatementError> {
        Ok(self.memory.borrow_mut().grow(bytes)?)
    }

    /// Gives back what was charged.
    fn release(&self) -> Result<(), StatementError> {
        Ok(self.memory.borrow_mut().resize(0)?)
    }
}

/// Sends the pieces of one statement's result, each as soon as it is known whether another follows.
pub(super) struct Output<'o, 'e> {
    statement_id: usize,
    pending: Option<SeriesRows>,
    emit: &'o mut Emit<'e>,
}

impl Output<'_, '_> {
    /// Adds a piece of the result.
    pub(super) fn series(&mut self, piece: SeriesRows) -> ControlFlow<()> {
        match self.pending.replace(piece) {
            Some(before) => self.send(Some(before), Vec::new(), true),
            None => ControlFlow::Continue(()),
        }
    }

    /// Adds a whole series, without announcing that another follows.
    pub(super) fn alone(&mut self, series: SeriesRows) -> ControlFlow<()> {
        match self.pending.replace(series) {
            Some(before) => self.send(Some(before), Vec::new(), false),
            None => ControlFlow::Continue(()),
        }
    }

    /// Adds a whole series to the same chunk as those before and after it.
    pub(super) fn together(&mut self, series: SeriesRows) -> ControlFlow<()> {
        let Some(before) = self.pending.replace(series) else { return ControlFlow::Continue(()) };
        (self.emit)(StatementResult {
            statement_id: self.statement_id,
            series: Some(before),
            more: true,
            joins_next: true,
            ..StatementResult::default()
        })
    }

    /// Adds a whole series, cut into pieces of `chunk_rows`.
    pub(super) fn in_chunks(&mut self, series: SeriesRows, chunk_rows: usize) -> ControlFlow<()> {
        let width = series.columns.len().max(1);
        if series.row_count() <= chunk_rows {
            return self.series(series);
        }
        let mut chunks = series.cells.chunks(chunk_rows.saturating_mul(width)).peekable();
        while let Some(cells) = chunks.next() {
            let piece = SeriesRows {
                name: series.name.clone(),
                tags: series.tags.clone(),
                columns: series.columns.clone(),
                cells: cells.to_vec(),
                plain: None,
                more_rows: chunks.peek().is_some(),
            };
            self.series(piece)?;
        }
        ControlFlow::Continue(())
    }

    /// Ends the result of a statement that succeeded.
    fn finish(mut self, messages: Vec<String>) -> ControlFlow<()> {
        let last = self.pending.take();
        self.send(last, messages, false)
    }

    /// Sends the pending piece; an error follows.
    fn flush(mut self) -> ControlFlow<()> {
        match self.pending.take() {
            Some(piece) => self.send(Some(piece), Vec::new(), true),
            None => ControlFlow::Continue(()),
        }
    }

    fn send(&mut self, series: Option<SeriesRows>, messages: Vec<String>, more: bool) -> ControlFlow<()> {
        let piece =
            StatementResult { statement_id: self.statement_id, series, messages, more, ..StatementResult::default() };
        (self.emit)(piece)
    }
}
