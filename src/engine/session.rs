//! A prepared query, and the parameters of its request that all of its statements share.

use fluxstone_influxql::ast::Statement;
use fluxstone_query::{MemoryBudget, ReadCounter, Reservation};

use super::Principal;

/// The parameters of a request that all of its statements share.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) principal: Principal,
    /// The `db` parameter; empty if absent.
    pub(super) database: String,
    /// Whether statements that write return a warning.
    pub(super) read_only: bool,
    /// The most rows in one piece of a series, at least 1.
    pub(super) chunk_rows: usize,
    /// The memory that the request may hold.
    pub(super) memory: MemoryBudget,
    /// Counts what its SELECT statements read.
    pub(super) reads: ReadCounter,
}

/// A query that is parsed and authorized, ready to run.
#[derive(Debug)]
pub struct PreparedQuery {
    pub(super) statements: Vec<Statement>,
    pub(super) session: Session,
    /// The memory of the statements.
    pub(super) reservation: Reservation,
}

impl PreparedQuery {
    /// Counts what its SELECT statements read.
    pub fn read_counter(&self) -> ReadCounter {
        self.session.reads.clone()
    }

    /// Whether no statement changes anything.
    pub fn only_reads(&self) -> bool {
        self.statements.iter().all(|statement| match statement {
            Statement::Select(select) => select.into.is_none(),
            Statement::Show(_) => true,
            Statement::Delete(_) | Statement::Define(_) | Statement::Kill(_) => false,
        })
    }
}

/// The warning for a statement that writes in a request that should only read.
pub(super) fn read_only_warning(normal_form: &str) -> String {
    format!("deprecated use of '{normal_form}' in a read only context, please use a POST request instead")
}
