//! What is refused, with the exact messages.

mod select;
mod statements;
mod tokens;
mod validation;

/// What is expected where an operand could stand.
const OPERAND: &str = "identifier, string, number, bool";
