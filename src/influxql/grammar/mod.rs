//! The grammar: winnow parsers over the text, one file for each family of statements.
//!
//! This file holds what all of them are made of: the input with its state, errors, and parsers for single tokens. White
//! space before a token is skipped unless a parser says otherwise.
//!
//! How errors work: a parser for a token fails with [`ErrMode::Backtrack`] and says what it expected. Behind the word that
//! tells that a clause is there, everything is wrapped in [`cut_err`], so that `opt(clause)` reports what is wrong inside the
//! clause, and what comes after an absent clause reports its own expectation. So the message names what the last parser
//! wanted, and alternatives list their words themselves.
//!
//! Lookahead: InfluxDB decides whether a regular expression follows by the character behind the last token that it has
//! *looked at*, also when it has put that token back. `State::read_to` remembers that place. This is why
//! `FROM a,/b/` and `x =~/y/` are errors while `FROM a, /b/` and `x =~ /y/` are not.

mod continuous_query;
mod database;
mod drop;
mod expression;
mod select;
mod show;
mod source;
mod subscription;
mod user;

#[cfg(test)]
pub(super) use expression::DEPTH_MAX as EXPRESSION_DEPTH_MAX;

use fluxstone_model::Nanos;
use winnow::combinator::{cut_err, opt, preceded, repeat};
use winnow::error::{ErrMode, ParserError};
use winnow::stream::{LocatingSlice, Location, Stream};
use winnow::{ModalResult, Parser, Stateful};

use super::ast::{Query, Regex, Statement};
use super::duration::{self, DurationError};
use super::invalid::Invalid;
use super::lexer::{self, Lexed};
use super::position::{Position, character_before};
use super::token::{Keyword, Kind, Place, Token};
use super::{ErrorKind, Parameters, ParseError};

/// How deep parentheses, calls and sub-queries may be nested in each other.
pub(super) const NESTING_MAX: usize = 100;

/// The text with the state of parsing it.
pub(super) type Input<'t> = Stateful<LocatingSlice<&'t str>, State<'t>>;

/// The outcome of a parser.
pub(super) type Parsed<'t, T> = ModalResult<T, Fault<'t>>;

/// What parsers need besides the rest of the text. Backtracking does not restore it.
#[derive(Debug)]
pub(super) struct State<'t> {
    text: &'t str,
    parameters: &'t Parameters,
    /// The last token and the last white space that were read, because most are looked at several times.
    latest: [Option<Token<'t>>; 2],
    /// One past the last byte that was ever read as part of a token.
    read_to: usize,
    /// Whether the end of the text was read as the end of a word or while looking for a regular expression.
    swallowed_end: bool,
    /// The last token that was no white space and was taken, not only looked at.
    taken: Option<Token<'t>>,
    /// How many parentheses, calls and sub-queries are open.
    nesting: usize,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault<'t> {
    /// `found X, expected A, B at line L, char C`.
    Unexpected { found: Token<'t>, expected: &'static [&'static str] },
    /// As above, with one expectation.
    Missing { found: Token<'t>, expected: &'static str },
    /// `TEXT at line L, char C`.
    Positioned { kind: ErrorKind, message: String, place: Place },
    /// A text without a position, from validation.
    Plain { message: String },
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
    fn into_error(self, text: &str) -> ParseError {
        let positioned = |kind, message: &str, place| {
            let Position { line, character } = Position::of(place, text);
            ParseError { kind, message: format!("{message} at line {line}, char {character}") }
        };
        let unexpected = |found: Token<'_>, expected: &str| {
            positioned(ErrorKind::Syntax, &found.but_expected(expected), found.place)
        };
        match self {
            Fault::Unexpected { found, expected } => unexpected(found, &expected.join(", ")),
            Fault::Missing { found, expected } => unexpected(found, expected),
            Fault::Positioned { kind, message, place } => positioned(kind, &message, place),
            Fault::Plain { message } => ParseError { kind: ErrorKind::Validation, message },
        }
    }
}

/// A fault of validation, without a position.
fn plain<'t>(problem: &Invalid) -> ErrMode<Fault<'t>> {
    ErrMode::Cut(Fault::Plain { message: problem.to_string() })
}

/// A fault of the grammar that is said to be at `place`.
fn ungrammatical<'t>(message: impl Into<String>, place: Place) -> ErrMode<Fault<'t>> {
    ErrMode::Cut(Fault::Positioned { kind: ErrorKind::Syntax, message: message.into(), place })
}

impl<'t> Token<'t> {
    /// The fault that this token stands where one of `expected` should.
    fn unexpected(self, expected: &'static [&'static str]) -> ErrMode<Fault<'t>> {
        ErrMode::Backtrack(Fault::Unexpected { found: self, expected })
    }

    /// The fault that this token stands where `expected` should.
    fn missing(self, expected: &'static str) -> ErrMode<Fault<'t>> {
        ErrMode::Backtrack(Fault::Missing { found: self, expected })
    }

    /// A message of validation about this token.
    fn wrong(self, message: impl Into<String>) -> ErrMode<Fault<'t>> {
        ErrMode::Cut(Fault::Positioned { kind: ErrorKind::Validation, message: message.into(), place: self.place })
    }

    fn but_expected(self, expected: &str) -> String {
        format!("found {}, expected {expected}", self.found())
    }
}

/// Parses all statements of `text`.
pub(super) fn query(text: &str, parameters: &Parameters) -> Result<Query, ParseError> {
    let state =
        State { text, parameters, latest: [None; 2], read_to: 0, swallowed_end: false, taken: None, nesting: 0 };
    let mut input = Stateful { input: LocatingSlice::new(text), state };
    let statements = statements(&mut input).map_err(|error| match error {
        ErrMode::Backtrack(fault) | ErrMode::Cut(fault) => fault.into_error(text),
        // Only partial input is incomplete, and ours is whole.
        ErrMode::Incomplete(_) => {
            ParseError { kind: ErrorKind::Syntax, message: "unexpected end of the text".to_owned() }
        }
    })?;
    Ok(Query { statements })
}

/// Statements separated by one or more semicolons, with any number of them before and behind.
fn statements<'t>(input: &mut Input<'t>) -> Parsed<'t, Vec<Statement>> {
    let mut statements = Vec::new();
    let mut separated = true;
    loop {
        let next = peek(input);
        match next.kind {
            Kind::End => return Ok(statements),
            Kind::Semicolon => {
                token(input)?;
                separated = true;
            }
            _ if separated => {
                statements.push(statement(input)?);
                separated = false;
            }
            _ => return Err(next.missing(";")),
        }
    }
}

/// The place to add a statement: its first word here, its parser in the file of its family.
fn statement<'t>(input: &mut Input<'t>) -> Parsed<'t, Statement> {
    let first = token(input)?;
    match first.kind {
        Kind::Keyword(Keyword::Select) => select::statement(input),
        Kind::Keyword(Keyword::Delete) => drop::delete(input),
        Kind::Keyword(Keyword::Show) => show::statement(input),
        Kind::Keyword(Keyword::Create) => create(input),
        Kind::Keyword(Keyword::Drop) => drop::statement(input),
        Kind::Keyword(Keyword::Grant) => user::grant(input),
        Kind::Keyword(Keyword::Revoke) => user::revoke(input),
        Kind::Keyword(Keyword::Alter) => {
            preceded(keyword(Keyword::Retention), database::alter_policy).parse_next(input)
        }
        Kind::Keyword(Keyword::Set) => user::set_password(input),
        Kind::Keyword(Keyword::Kill) => drop::kill_query(input),
        _ => Err(first
            .unexpected(&["SELECT", "DELETE", "SHOW", "CREATE", "DROP", "GRANT", "REVOKE", "ALTER", "SET", "KILL"])),
    }
}

/// What follows CREATE.
fn create<'t>(input: &mut Input<'t>) -> Parsed<'t, Statement> {
    let second = token(input)?;
    match second.kind {
        Kind::Keyword(Keyword::Continuous) => continuous_query::create(input),
        Kind::Keyword(Keyword::Database) => database::create(input),
        Kind::Keyword(Keyword::User) => user::create(input),
        Kind::Keyword(Keyword::Retention) => database::create_policy(input),
        Kind::Keyword(Keyword::Subscription) => subscription::create(input),
        _ => Err(second.unexpected(&["CONTINUOUS", "DATABASE", "USER", "RETENTION", "SUBSCRIPTION"])),
    }
}

// Single tokens.

/// The next token, white space included, without taking it.
fn peek_raw<'t>(input: &mut Input<'t>) -> Token<'t> {
    let at = input.current_token_start();
    token_at(&mut input.state, at)
}

/// The token at byte `at`.
fn token_at<'t>(state: &mut State<'t>, at: usize) -> Token<'t> {
    if let Some(token) = state.latest.into_iter().flatten().find(|token| token.start == at) {
        return token;
    }
    let Lexed { mut token, swallowed_end } = lexer::lex(state.text, at);
    if token.kind == Kind::End && state.swallowed_end {
        token.place = Place::PastEnd;
    }
    state.swallowed_end |= swallowed_end;
    state.read_to = state.read_to.max(token.end);
    state.latest[usize::from(token.kind == Kind::Space)] = Some(token);
    token
}

/// The next token that is no white space, without taking it.
fn peek<'t>(input: &mut Input<'t>) -> Token<'t> {
    let first = peek_raw(input);
    if first.kind == Kind::Space { token_at(&mut input.state, first.end) } else { first }
}

/// Takes `token`, which was peeked, and all before it.
fn take<'t>(input: &mut Input<'t>, token: Token<'t>) {
    let length = token.end.saturating_sub(input.current_token_start());
    input.next_slice(length);
    if token.kind != Kind::Space {
        input.state.taken = Some(token);
    }
}

/// The next token.
#[expect(clippy::unnecessary_wraps, reason = "it has the shape of a parser")]
fn token<'t>(input: &mut Input<'t>) -> Parsed<'t, Token<'t>> {
    let token = peek(input);
    take(input, token);
    Ok(token)
}

/// The next token if it is white space.
fn skip_space(input: &mut Input<'_>) {
    let next = peek_raw(input);
    if next.kind == Kind::Space {
        take(input, next);
    }
}

/// The reserved word `wanted`.
fn keyword<'t>(wanted: Keyword) -> impl Parser<Input<'t>, (), ErrMode<Fault<'t>>> {
    kind(Kind::Keyword(wanted), wanted.text())
}

/// A token of the kind `wanted`, which messages call `name`.
fn kind<'t>(wanted: Kind, name: &'static str) -> impl Parser<Input<'t>, (), ErrMode<Fault<'t>>> {
    move |input: &mut Input<'t>| {
        let next = peek(input);
        if next.kind != wanted {
            return Err(next.missing(name));
        }
        take(input, next);
        Ok(())
    }
}

/// The token of the kind `wanted`, which messages call `name`, for its text.
fn literal<'t>(wanted: Kind, name: &'static str) -> impl Parser<Input<'t>, Token<'t>, ErrMode<Fault<'t>>> {
    move |input: &mut Input<'t>| {
        let next = peek(input);
        if next.kind != wanted {
            return Err(next.missing(name));
        }
        take(input, next);
        Ok(next)
    }
}

/// A name.
fn identifier<'t>(input: &mut Input<'t>) -> Parsed<'t, String> {
    literal(Kind::Identifier, "identifier").map(|token: Token<'_>| token.content().into_owned()).parse_next(input)
}

/// `name ON database`.
fn name_on_database<'t>(input: &mut Input<'t>) -> Parsed<'t, (String, String)> {
    (identifier, preceded(keyword(Keyword::On), identifier)).parse_next(input)
}

/// A single-quoted string.
fn string<'t>(input: &mut Input<'t>) -> Parsed<'t, String> {
    literal(Kind::String, "string").map(|token: Token<'_>| token.content().into_owned()).parse_next(input)
}

/// `, item` as often as there is a comma, behind a first `item`.
fn comma_separated<'t, T>(
    mut item: impl FnMut(&mut Input<'t>) -> Parsed<'t, T>,
) -> impl FnMut(&mut Input<'t>) -> Parsed<'t, Vec<T>> {
    move |input| {
        let mut items = vec![item(input)?];
        repeat::<_, _, (), _, _>(
            0..,
            preceded(kind(Kind::Comma, ","), cut_err(|input: &mut Input<'t>| item(input))).map(|next| items.push(next)),
        )
        .parse_next(input)?;
        Ok(items)
    }
}

/// What follows `word`, if it is there.
fn clause<'t, T>(
    word: Keyword,
    mut rest: impl FnMut(&mut Input<'t>) -> Parsed<'t, T>,
) -> impl FnMut(&mut Input<'t>) -> Parsed<'t, Option<T>> {
    move |input| opt(preceded(keyword(word), cut_err(|input: &mut Input<'t>| rest(input)))).parse_next(input)
}

// Values of statements.

/// A length of time, or INF where `infinite` says what it means.
fn duration<'t>(infinite: Option<Nanos>) -> impl FnMut(&mut Input<'t>) -> Parsed<'t, Nanos> {
    move |input| {
        let next = peek(input);
        let value = match (next.kind, infinite) {
            (Kind::Duration, _) => duration::parse(next.text).map_err(|error| match error {
                DurationError::Malformed => next.wrong("invalid duration"),
                DurationError::Overflow(part) => {
                    next.wrong(format!("overflowed duration {part}: choose a smaller duration or INF"))
                }
            })?,
            (Kind::Keyword(Keyword::Inf), Some(infinite)) => infinite,
            _ => return Err(next.missing("duration")),
        };
        take(input, next);
        Ok(value)
    }
}

/// An unsigned number of 64 bits: the identifier of a shard or a query.
fn number_u64<'t>(input: &mut Input<'t>) -> Parsed<'t, u64> {
    let token = literal(Kind::Integer, "integer").parse_next(input)?;
    let reason = if token.text.starts_with(['+', '-']) { "invalid syntax" } else { "value out of range" };
    let valid = token.text.parse().ok().filter(|_| !token.text.starts_with(['+', '-']));
    valid.ok_or_else(|| token.wrong(format!("strconv.ParseUint: parsing \"{}\": {reason}", token.text)))
}

/// The replication factor of a policy.
fn replication<'t>(input: &mut Input<'t>) -> Parsed<'t, u32> {
    let token = literal(Kind::Integer, "integer").parse_next(input)?;
    let out_of_range = || token.wrong(format!("strconv.Atoi: parsing \"{}\": value out of range", token.text));
    let n: i64 = token.text.parse().map_err(|_| out_of_range())?;
    let valid = u32::try_from(n).ok().filter(|n| (1..=i32::MAX as u32).contains(n));
    valid.ok_or_else(|| token.wrong(format!("invalid value {n}: must be 1 <= n <= {}", i32::MAX)))
}

// Regular expressions, which only the grammar can tell from divisions.

/// The character behind all that was read so far. Looking at the end of the text, or at a NUL, counts as reading it.
fn character_ahead(input: &mut Input<'_>) -> Option<char> {
    let read_to = input.state.read_to;
    let ahead = input.state.text.get(read_to..).and_then(|rest| rest.chars().next());
    match ahead {
        None => input.state.swallowed_end = true,
        Some('\0') => {
            input.state.read_to += 1;
            if input.current_token_start() == read_to {
                input.next_slice(1);
            }
        }
        Some(_) => {}
    }
    ahead
}

/// A regular expression, if one stands here.
fn regex<'t>(input: &mut Input<'t>) -> Parsed<'t, Option<Regex>> {
    if character_ahead(input).is_some_and(|c| matches!(c, ' ' | '\t' | '\n' | '\r')) {
        skip_space(input);
    }
    if character_ahead(input) != Some('/') {
        return Ok(None);
    }
    let start = input.current_token_start();
    if start != input.state.read_to {
        // A token was looked at and put back, and stands between here and the slash.
        return Err(peek_raw(input).missing("regex").cut());
    }
    let text = input.state.text;
    let place = Place::At(character_before(text, start));
    let (pattern, end) = lexer::regex(text, start).ok_or_else(|| ungrammatical("bad regex: ", place))?;
    let compiled = fluxstone_go::compile_regex(&pattern).map_err(|error| {
        ErrMode::Cut(Fault::Positioned { kind: ErrorKind::Validation, message: error.to_string(), place })
    })?;
    input.next_slice(end - start);
    input.state.read_to = end;
    Ok(Some(compiled))
}

/// A regular expression, which must stand here.
fn required_regex<'t>(input: &mut Input<'t>) -> Parsed<'t, Regex> {
    match regex(input)? {
        Some(regex) => Ok(regex),
        None => Err(peek(input).missing("regex")),
    }
}

/// Runs `parser` one level deeper, unless that is too deep.
fn nested<'t, T>(input: &mut Input<'t>, parser: impl FnOnce(&mut Input<'t>) -> Parsed<'t, T>) -> Parsed<'t, T> {
    if input.state.nesting >= NESTING_MAX {
        return Err(peek(input).wrong(format!("nested too deeply, at most {NESTING_MAX} levels")));
    }
    input.state.nesting += 1;
    let result = parser(input);
    input.state.nesting -= 1;
    result
}
