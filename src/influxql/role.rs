//! The place of a SELECT, which decides what the grammar and the validation ask of it.

/// The place of a SELECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is a statement.
    Statement,
    /// It is a source of another SELECT.
    Subquery,
    /// It is the body of a continuous query.
    ContinuousQuery,
}
