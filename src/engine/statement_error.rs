//! The errors of statements, in the words that clients see.

use fluxstone_catalog::CatalogError;
use fluxstone_model::Clause;
use fluxstone_query::QueryError;
use fluxstone_storage::StorageError;

/// An error of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatementError {
    pub(super) text: String,
    /// The clause that the statement does not keep, or that says why it failed.
    pub(super) clause: Clause,
    /// Whether it was found before the statement ran: names that don't resolve, conditions that SHOW does not allow. InfluxDB 1.2.4
    /// reports these with the id 0.
    pub(super) before_running: bool,
}

impl StatementError {
    /// An error found while the statement ran.
    pub(super) fn running(clause: Clause, text: impl Into<String>) -> Self {
        StatementError { text: text.into(), clause, before_running: false }
    }

    /// The same error, reported as one that was found while the statement ran.
    pub(super) fn while_running(self) -> Self {
        StatementError { before_running: false, ..self }
    }

    /// An error found before the statement ran.
    pub(super) fn before_running(clause: Clause, text: impl Into<String>) -> Self {
        StatementError { text: text.into(), clause, before_running: true }
    }
}

impl From<CatalogError> for StatementError {
    fn from(error: CatalogError) -> Self {
        StatementError::running(error.clause(), error.to_string())
    }
}

impl From<StorageError> for StatementError {
    fn from(error: StorageError) -> Self {
        StatementError::running(error.clause(), error.client_text())
    }
}

impl From<QueryError> for StatementError {
    fn from(error: QueryError) -> Self {
        let before_running = matches!(error, QueryError::Unresolved(..));
        StatementError { text: error.to_string(), clause: error.clause(), before_running }
    }
}
