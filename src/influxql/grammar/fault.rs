//! The errors of parsers, and their messages.
//!
//! A parser for a token fails with [`ErrMode::Backtrack`] and says what it expected. After the word that shows that a clause
//! is present, everything is wrapped in `cut_err`, so that `opt(clause)` reports what is wrong inside the clause, and the
//! parser after an absent clause reports its own expectation. So the message names what the last parser expected, and
//! alternatives list their words themselves.

use fluxstone_model::Clause;
use winnow::ModalResult;
use winnow::error::{ErrMode, ParserError};
use winnow::stream::Location;

use super::input::{Input, State};
use crate::error::{ErrorKind, MEMORY, ParseError};
use crate::invalid::Invalid;
use crate::lexer::{self, Lexed};
use crate::position::Position;
use crate::token::{Place, Token};

/// The clause of texts that are no sentences of the grammar.
const UNEXPECTED: Clause = Clause::new("influxql.error.1");

/// The result of a parser.
pub(super) type Parsed<'t, T> = ModalResult<T, Fault<'t>>;

/// A fault of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault<'t> {
    /// `found X, expected A, B at line L, char C`.
    Unexpected { found: Token<'t>, expected: &'static [&'static str] },
    /// The same with one expectation.
    Missing { found: Token<'t>, expected: &'static str },
    /// `TEXT at line L, char C`.
    Positioned { kind: ErrorKind, clause: Clause, message: String, place: Place },
    /// A message without a position.
    Plain { kind: ErrorKind, clause: Clause, message: String },
}

impl<'t> ParserError<Input<'t>> for Fault<'t> {
    type Inner = Self;

    fn from_input(input: &Input<'t>) -> Self {
        let Lexed { token, .. } = lexer::lex(input.state.text, input.current_token_start());
        Fault::Missing { found: token, expected: "statement" }
    }

    fn into_inner(self) -> winnow::Result<Self::Inner, Self> {
        Ok(self)
    }
}

impl Fault<'_> {
    pub(super) fn into_error(self, state: &State<'_>) -> ParseError {
        let text = state.text;
        let positioned = |kind, clause, message: &str, place| {
            let Position { line, character } = Position::of(place, text);
            ParseError::new(kind, clause, format!("{message} at line {line}, char {character}"))
        };
        let unexpected = |found: Token<'_>, expected: &str| {
            let found_text = if state.is_secret(&found) { "[REDACTED]".to_owned() } else { found.found() };
            let message = format!("found {found_text}, expected {expected}");
            positioned(ErrorKind::Syntax, UNEXPECTED, &message, found.place)
        };
        match self {
            Fault::Unexpected { found, expected } => unexpected(found, &expected.join(", ")),
            Fault::Missing { found, expected } => unexpected(found, expected),
            Fault::Positioned { kind, clause, message, place } => positioned(kind, clause, &message, place),
            Fault::Plain { kind, clause, message } => ParseError::new(kind, clause, message),
        }
    }
}

/// A fault of validation, without a position.
pub(super) fn plain<'t>(problem: &Invalid) -> ErrMode<Fault<'t>> {
    ErrMode::Cut(Fault::Plain { kind: ErrorKind::Validation, clause: problem.clause(), message: problem.to_string() })
}

/// The refusal of memory.
pub(super) fn no_memory<'t>(message: String) -> ErrMode<Fault<'t>> {
    ErrMode::Cut(Fault::Plain { kind: ErrorKind::Memory, clause: MEMORY, message })
}

/// A fault of the grammar that the message places at `place`.
pub(super) fn ungrammatical<'t>(clause: Clause, message: impl Into<String>, place: Place) -> ErrMode<Fault<'t>> {
    ErrMode::Cut(Fault::Positioned { kind: ErrorKind::Syntax, clause, message: message.into(), place })
}

impl<'t> Token<'t> {
    /// The fault that this token was found where one of `expected` should be.
    pub(super) fn unexpected(self, expected: &'static [&'static str]) -> ErrMode<Fault<'t>> {
        ErrMode::Backtrack(Fault::Unexpected { found: self, expected })
    }

    /// The fault that this token was found where `expected` should be.
    pub(super) fn missing(self, expected: &'static str) -> ErrMode<Fault<'t>> {
        ErrMode::Backtrack(Fault::Missing { found: self, expected })
    }

    /// A message of validation about this token.
    pub(super) fn wrong(self, clause: Clause, message: impl Into<String>) -> ErrMode<Fault<'t>> {
        ErrMode::Cut(Fault::Positioned {
            kind: ErrorKind::Validation,
            clause,
            message: message.into(),
            place: self.place,
        })
    }

    pub(super) fn but_expected(self, expected: &str) -> String {
        format!("found {}, expected {expected}", self.found())
    }
}
