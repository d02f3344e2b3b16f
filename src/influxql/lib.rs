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
//! | `invalid` | the table of the messages of validation |
//! | `duration`, `regex_literal` | two kinds of literals |
//! | `print` | tree to text: expressions, clauses and what all need; statements are written in [`ast`] |
//! | `visit` | walking and rewriting trees |
//!
//! # Adding a statement
//!
//! Say, `SHOW SHARD n`, which is none today. Four places, and the compiler asks for the first two and for its meaning in the engine:
//!
//! 1. The tree, `ast/statement.rs`: a variant of [`ast::Statement`], its fields named as in the grammar, and an arm of its
//!    `Display`, which writes it.
//! 2. The parser, a file of its family in `grammar/` (here `show.rs`): a function that returns the variant, called where the
//!    family looks at the second word. Only a new first word is looked at elsewhere (`statement` in `grammar/mod.rs`), and only
//!    a new reserved word joins the list in `token.rs`.
//! 3. The specification: a clause on `spec/influxql.md` with the grammar and the exact messages, and the rule in
//!    `spec/grammar/influxql.abnf`. From then on `tests/grammars` draws the statement, parses it, writes and reads it back, and
//!    holds broken ones against the rule: forget one of these places, or contradict yourself in one, and it fails.
//! 4. The cases: a file under `conformance/cases/`.

pub mod ast;
mod calls;
mod duration;
mod error;
mod grammar;
mod invalid;
mod lexer;
mod parameter;
mod position;
mod print;
mod role;
mod token;
mod validate;
mod visit;

#[cfg(test)]
mod tests;

pub use fluxstone_go::{RegexError, compile_regex};

pub use error::{ErrorKind, ParseError};
pub use parameter::{Parameter, Parameters};
pub use print::Name;

/// Parses, binds `parameters` and validates all statements of `text`.
///
/// # Errors
/// The first problem found, with line and character where InfluxDB gives them.
pub fn parse(text: &str, parameters: &Parameters) -> Result<ast::Query, ParseError> {
    grammar::query(text.trim(), parameters)
}
