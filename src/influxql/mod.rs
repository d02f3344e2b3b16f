//! InfluxQL: text to syntax tree, static validation, and tree to normalised text. Knows nothing of data.
//!
//! [`parse`] is the way in: what it returns is bound and validated. Trees display as normalised text.
//!
//! | file | what it does |
//! |---|---|
//! | [`ast`] | the tree |
//! | `token`, `lexer`, `position` | text to tokens, and where they stand |
//! | `grammar` | tokens to tree, one file for each family of statements |
//! | `validate`, `calls` | what SELECT must satisfy beyond its grammar |
//! | `duration`, `regex_literal` | two kinds of literals |
//! | `print` | tree to text |
//! | `visit` | walking and rewriting trees |
//!
//! # Adding a statement
//!
//! 1. The tree: a variant of [`ast::Statement`], whose fields are named as in the grammar.
//! 2. The parser: a function in the file of its family in `grammar/`, called where the family's second word is looked at
//!    (or from `statement` in `grammar/mod.rs`, for a new first word). A word that must be reserved joins `token.rs`.
//! 3. The text: an arm in `print.rs`, and one in the generator of the round trip in `tests.rs`.
//! 4. The specification: a clause in `spec/influxql.md` with the grammar and the exact messages, and cases in
//!    a file of `conformance/cases/`.
//!
//! The compiler then asks for the rest: the engine matches on all statements.

pub mod ast;
mod calls;
mod duration;
mod grammar;
mod lexer;
mod position;
mod print;
mod regex_literal;
mod token;
mod validate;
mod visit;

#[cfg(test)]
mod tests;

pub use print::Name;
pub use regex_literal::{RegexError, compile as compile_regex};

use std::collections::BTreeMap;

/// Values for `$name` placeholders.
pub type Parameters = BTreeMap<String, Parameter>;

/// The value of a placeholder, from the JSON object of the `params` parameter.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named as the literals they become")]
pub enum Parameter {
    String(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    /// A JSON value that can't be bound, by Go's name of its type (`<nil>`, `[]interface {}`, `map[string]interface {}`): an
    /// error only where it is used.
    Unbindable(&'static str),
}

/// Why a text is no query. Displays as clients see it, without the prefix `error parsing query: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    kind: ErrorKind,
    message: String,
}

/// What kind of problem a text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The grammar (`spec/grammar/influxql.abnf`) does not derive it.
    Syntax,
    /// As far as it was read, it may be a sentence of the grammar, but something in it can't be meant: a value out of its range,
    /// a parameter that is not bound, calls that don't go together, a tree that is too deep.
    Validation,
}

impl ParseError {
    /// Whether the grammar or the validation found the problem.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// Parses, binds `parameters` and validates all statements of `text`.
///
/// # Errors
/// The first problem found, with line and character where InfluxDB gives them.
pub fn parse(text: &str, parameters: &Parameters) -> Result<ast::Query, ParseError> {
    grammar::query(text.trim(), parameters)
}
