//! The error of parsing.

use fluxstone_model::Clause;

/// Why a text is not a query. Displays as clients see it, without the prefix `error parsing query: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    kind: ErrorKind,
    message: String,
    clause: Clause,
}

/// The clause of texts whose trees take too much memory.
pub(super) const MEMORY: Clause = Clause::new("influxql.limit.4");

/// The kind of problem that a text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The grammar (`spec/grammar/influxql.abnf`) does not derive the text.
    Syntax,
    /// The part that was read may be a sentence of the grammar, but has no valid meaning: a value out of range, an unbound
    /// parameter, calls that cannot be combined, a tree that is too deep.
    Validation,
    /// Its tree takes more memory than the caller grants.
    Memory,
}

impl ParseError {
    pub(super) fn new(kind: ErrorKind, clause: Clause, message: String) -> Self {
        ParseError { kind, message, clause }
    }

    /// The clause that the text does not keep.
    pub fn clause(&self) -> Clause {
        self.clause
    }

    /// Whether the grammar or the validation found the problem.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
