//! Why a SELECT fails. Each error displays as the text that clients see.

use fluxstone_columns::SourceError;

/// Why a SELECT failed. Displays as the text that clients see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The statement cannot be run as written: an unknown function, a wildcard in arithmetic, a bad time literal ...
    #[error("{0}")]
    Invalid(String),
    /// A name that does not resolve; 1.2.4 reports these with statement id 0.
    #[error("{0}")]
    Unresolved(String),
    /// The query exceeds a configured limit.
    #[error("{0}")]
    Limit(String),
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
