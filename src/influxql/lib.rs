//! A parser of InfluxQL, the query language of InfluxDB 1.x: text to syntax tree, static validation, and tree to normalized
//! text. Accepts, refuses and prints what InfluxDB 1.2 does, with the same error messages. Knows nothing about data: unknown
//! measurements, columns and functions parse.
//!
//! [`parse`] is the entry point ([`parse_within`] bounds its memory). It returns an [`ast::Query`] whose placeholders are bound and whose SELECTs are valid, or
//! the first problem as a [`ParseError`]. Trees print as normalized text with `{}`, and as exact text that parses to an equal
//! tree with `{:#}`.
//!
//! ```
//! use fluxstone_influxql::ast::{Show, Statement};
//! use fluxstone_influxql::{Parameters, parse};
//!
//! let query = parse("select  max(v) from cpu where host='a'; show databases", &Parameters::new())?;
//! let [Statement::Select(select), Statement::Show(Show::Databases)] = &query.statements[..] else { unreachable!() };
//! assert_eq!(select.to_string(), "SELECT max(v) FROM cpu WHERE host = 'a'");
//!
//! let error = parse("SELECT v FORM cpu", &Parameters::new()).unwrap_err();
//! assert_eq!(error.to_string(), "found FORM, expected FROM at line 1, char 10");
//! # Ok::<(), fluxstone_influxql::ParseError>(())
//! ```
//!
//! Every input is safe: nesting and chains of operators are bounded, and regular expressions match in linear time.
//! `examples/parse.rs` is a small program to try the parser with.
//!
//! # Files
//!
//! | file | contents |
//! |---|---|
//! | [`ast`] | the tree; statements and how they are printed |
//! | `token`, `lexer`, `position` | text to tokens, and their places |
//! | `grammar` | tokens to tree, one file for each family of statements |
//! | `validate`, `calls`, `role` | what SELECT must satisfy beyond its grammar |
//! | `invalid` | the messages of validation |
//! | `duration` | duration literals |
//! | `print` | expressions and clauses to text |
//! | `visit` | walking and rewriting trees |
//! | `memory` | how much memory a tree takes at most |
//! | `parameter`, `error` | the values of placeholders, and the error of parsing |
//!
//! # Adding a statement
//!
//! Take `SHOW SHARD n`, which does not exist today:
//!
//! 1. Tree: add a variant to the enum of its family in `ast/statement.rs` ([`ast::Show`] here, otherwise [`ast::Definition`], or
//!    [`ast::Statement`] for a new family), with its fields named as in the grammar. The compiler then asks for its printed form
//!    in `Display`, and in the engine for its privileges (`authorize.rs`) and its meaning (`statement.rs`, `definition.rs`):
//!    none of these matches has a catch-all arm.
//! 2. Parser: add a function that returns the variant to the file of its family in `grammar/` (`show.rs` here), and call it where
//!    the family matches the second word. Only a new first word is matched elsewhere (`statement` in `grammar/mod.rs`), and only a
//!    new reserved word is added to the list in `token.rs`.
//! 3. Specification: add a clause to `spec/influxql.md` with the grammar and the exact messages, and the rule to
//!    `spec/grammar/influxql.abnf`. From then on `tests/grammars` generates the statement, parses it, prints it and reads it
//!    back, and checks that broken variants are refused. It fails if one of these places was forgotten or contradicts another.
//! 4. Cases: add a file under `conformance/cases/`.

pub mod ast;
mod calls;
mod duration;
mod error;
mod grammar;
mod invalid;
mod lexer;
mod memory;
mod parameter;
mod position;
mod print;
mod role;
mod token;
mod validate;
mod visit;
mod zoom;

#[cfg(test)]
mod tests;

pub use fluxstone_go::{RegexError, compile_regex};

pub use duration::parse_duration;
pub use error::{ErrorKind, ParseError};
pub use memory::Charge;
pub use parameter::{Parameter, Parameters};
pub use print::{Name, StringLiteral};
pub use zoom::zoomed;

/// Parses all statements of `text`, binds `parameters` and validates the result.
///
/// # Errors
/// The first problem found, with line and character where InfluxDB gives them.
pub fn parse(text: &str, parameters: &Parameters) -> Result<ast::Query, ParseError> {
    parse_within(text, parameters, &mut |_| Ok(()))
}

/// Parses as [`parse`] does. Calls `charge` with the bytes of memory that the tree and its printed form take at most, before it
/// takes them, unless they are few.
///
/// # Errors
/// Those of [`parse`], and the first text that `charge` returns, with [`ErrorKind::Memory`].
pub fn parse_within<'t>(
    text: &'t str,
    parameters: &'t Parameters,
    charge: &'t mut Charge<'t>,
) -> Result<ast::Query, ParseError> {
    let text = text.trim();
    let bytes = memory::tree_bytes_max(text);
    if bytes > memory::FREE_BYTES {
        charge(bytes).map_err(|message| ParseError::new(ErrorKind::Memory, error::MEMORY, message))?;
    }
    grammar::query(text, parameters, charge)
}
