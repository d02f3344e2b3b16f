//! Why a SELECT fails. Each error displays as the text that clients see.

use fluxstone_columns::SourceError;
use fluxstone_model::Clause;

/// Why a SELECT failed. Displays as the text that clients see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The statement cannot be run as written: an unknown function, a wildcard in arithmetic, a bad time literal ...
    #[error("{1}")]
    Invalid(Clause, String),
    /// A name that does not resolve; 1.2.4 reports these with statement id 0.
    #[error("{1}")]
    Unresolved(Clause, String),
    /// The query exceeds a configured limit.
    #[error("{1}")]
    Limit(Clause, String),
    /// The query was killed or timed out, or the client went away.
    #[error("query interrupted")]
    Interrupted,
    /// Stored data could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// InfluxQL that this version does not run yet.
    #[error("{0} is not supported yet")]
    Unsupported(String),
}

impl QueryError {
    /// The clause that says so.
    pub fn clause(&self) -> Clause {
        match self {
            QueryError::Invalid(clause, _) | QueryError::Unresolved(clause, _) | QueryError::Limit(clause, _) => {
                *clause
            }
            QueryError::Interrupted => Clause::new("statements.query.2"),
            QueryError::Source(_) => Clause::new("storage.checkpoint.7"),
            QueryError::Unsupported(_) => Clause::new("influxql.validation.12"),
        }
    }
}
