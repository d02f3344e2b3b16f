//! The errors of the catalog's decisions, in the words that clients see.

use fluxstone_model::Clause;

/// Why a change was refused. Displays as the error of the statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants")]
pub enum CatalogError {
    #[error("invalid name")]
    InvalidName,
    #[error("database not found: {0}")]
    DatabaseNotFound(String),
    #[error("retention policy not found: {0}")]
    PolicyNotFound(String),
    #[error("retention policy duration must be at least 1h0m0s")]
    PolicyDurationTooLow,
    #[error("retention policy duration must be greater than the shard duration")]
    IncompatibleDurations,
    #[error("retention policy already exists")]
    PolicyExists,
    #[error("retention policy conflicts with an existing policy")]
    PolicyConflict,
    #[error("username required")]
    UsernameRequired,
    #[error("user already exists")]
    UserExists,
    #[error("user not found")]
    UserNotFound,
    #[error("continuous query already exists")]
    ContinuousQueryExists,
    #[error("continuous query not found")]
    ContinuousQueryNotFound,
    #[error("invalid subscription URL: {0}")]
    InvalidSubscriptionUrl(String),
    #[error("subscription already exists")]
    SubscriptionExists,
    #[error("subscription not found")]
    SubscriptionNotFound,
}

impl CatalogError {
    /// The clause that the change does not keep.
    pub fn clause(&self) -> Clause {
        match self {
            CatalogError::InvalidName => Clause::new("statements.database.2"),
            CatalogError::DatabaseNotFound(_) => Clause::new("statements.name.3"),
            CatalogError::PolicyNotFound(_) => Clause::new("statements.name.4"),
            CatalogError::PolicyDurationTooLow
            | CatalogError::IncompatibleDurations
            | CatalogError::PolicyExists
            | CatalogError::PolicyConflict => Clause::new("statements.policy.3"),
            CatalogError::UsernameRequired | CatalogError::UserExists | CatalogError::UserNotFound => {
                Clause::new("statements.user.2")
            }
            CatalogError::ContinuousQueryExists | CatalogError::ContinuousQueryNotFound => {
                Clause::new("statements.continuous-query.2")
            }
            CatalogError::InvalidSubscriptionUrl(_)
            | CatalogError::SubscriptionExists
            | CatalogError::SubscriptionNotFound => Clause::new("statements.subscription.2"),
        }
    }
}
