//! The errors of statements, in the words that clients see.

use fluxstone_catalog::CatalogError;
use fluxstone_query::QueryError;
use fluxstone_storage::StorageError;

/// An error of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatementError {
    pub(super) text: String,
    /// Whether it was found before the statement ran: names that don't resolve, conditions that SHOW does not allow. InfluxDB 1.2.4
    /// reports these with the id 0.
    pub(super) before_running: bool,
}

impl StatementError {
    /// An error found while the statement ran.
    pub(super) fn running(text: impl Into<String>) -> Self {
        StatementError { text: text.into(), before_running: false }
    }

    /// The same error, reported as one that was found while the statement ran.
    pub(super) fn while_running(self) -> Self {
        StatementError { before_running: false, ..self }
    }

    /// An error found before the statement ran.
    pub(super) fn before_running(text: impl Into<String>) -> Self {
        StatementError { text: text.into(), before_running: true }
    }
}

impl From<CatalogError> for StatementError {
    fn from(error: CatalogError) -> Self {
        StatementError::running(error.to_string())
    }
}

impl From<StorageError> for StatementError {
    fn from(error: StorageError) -> Self {
        StatementError::running(error.client_text())
    }
}

impl From<QueryError> for StatementError {
    fn from(error: QueryError) -> Self {
        let before_running = matches!(error, QueryError::Unresolved(_));
        StatementError { text: error.to_string(), before_running }
    }
}
