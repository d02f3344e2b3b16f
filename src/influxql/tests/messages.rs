//! Refused texts, with the exact messages.

mod select;
mod statements;
mod tokens;
mod validation;

/// The expectation where an operand is missing.
const OPERAND: &str = "identifier, string, number, bool";
