//! The statements that an administrator needs in an overloaded server. The HTTP API keeps slots for the same ones.

use fluxstone_influxql::ast::{Show, Statement};

/// Whether an administrator needs the statement in an overloaded server, and it is cheap: the limit on running queries does not
/// apply to it.
pub(super) fn is_administration(statement: &Statement) -> bool {
    match statement {
        Statement::Kill(_) => true,
        Statement::Show(show) => match show {
            Show::ContinuousQueries
            | Show::Databases
            | Show::Diagnostics { .. }
            | Show::Grants { .. }
            | Show::Queries
            | Show::RetentionPolicies { .. }
            | Show::ShardGroups
            | Show::Shards
            | Show::Stats { .. }
            | Show::Subscriptions
            | Show::Users => true,
            Show::FieldKeys(_)
            | Show::Measurements { .. }
            | Show::Series(_)
            | Show::TagKeys(_)
            | Show::TagValues { .. } => false,
        },
        Statement::Select(_) | Statement::Delete(_) | Statement::Define(_) => false,
    }
}
