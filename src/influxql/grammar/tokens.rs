//! The parsers that all families of statements share: single tokens, names, lists, optional clauses, numbers, durations and
//! regular expressions.
//!
//! White space before a token is skipped unless a parser says otherwise.

use fluxstone_go::{Refused, Regex};
use fluxstone_model::{Clause, Nanos};
use winnow::Parser;
use winnow::combinator::{cut_err, opt, preceded, repeat};
use winnow::error::ErrMode;
use winnow::stream::{Location, Stream};

use super::fault::{Fault, Parsed, no_memory, ungrammatical};
use super::input::{Input, character_ahead, peek, peek_raw, skip_space, take};
use crate::duration::{self, DurationError};
use crate::error::ErrorKind;
use crate::lexer;
use crate::position::character_before;
use crate::token::{Keyword, Kind, Place, Token};

/// The deepest nesting of parentheses, calls and subqueries.
pub(crate) const NESTING_MAX: usize = 100;

/// Takes the next token.
#[expect(clippy::unnecessary_wraps, reason = "it has the shape of a parser")]
pub(super) fn token<'t>(input: &mut Input<'t>) -> Parsed<'t, Token<'t>> {
    let token = peek(input);
    take(input, token);
    Ok(token)
}

/// The reserved word `wanted`.
pub(super) fn keyword<'t>(wanted: Keyword) -> impl Parser<Input<'t>, (), ErrMode<Fault<'t>>> {
    kind(Kind::Keyword(wanted), wanted.text())
}

/// A token of the kind `wanted`, which messages call `name`.
pub(super) fn kind<'t>(wanted: Kind, name: &'static str) -> impl Parser<Input<'t>, (), ErrMode<Fault<'t>>> {
    literal(wanted, name).void()
}

/// The token of the kind `wanted`, which messages call `name`, for its text.
pub(super) fn literal<'t>(wanted: Kind, name: &'static str) -> impl Parser<Input<'t>, Token<'t>, ErrMode<Fault<'t>>> {
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
pub(super) fn identifier<'t>(input: &mut Input<'t>) -> Parsed<'t, String> {
    literal(Kind::Identifier, "identifier").map(|token: Token<'_>| token.content().into_owned()).parse_next(input)
}

/// `name ON database`.
pub(super) fn name_on_database<'t>(input: &mut Input<'t>) -> Parsed<'t, (String, String)> {
    (identifier, preceded(keyword(Keyword::On), identifier)).parse_next(input)
}

/// A single-quoted string.
pub(super) fn string<'t>(input: &mut Input<'t>) -> Parsed<'t, String> {
    literal(Kind::String, "string").map(|token: Token<'_>| token.content().into_owned()).parse_next(input)
}

/// One or more items, separated by commas.
pub(super) fn comma_separated<'t, T>(
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

/// The clause after `word`, if the word is present.
pub(super) fn clause<'t, T>(
    word: Keyword,
    mut rest: impl FnMut(&mut Input<'t>) -> Parsed<'t, T>,
) -> impl FnMut(&mut Input<'t>) -> Parsed<'t, Option<T>> {
    move |input| opt(preceded(keyword(word), cut_err(|input: &mut Input<'t>| rest(input)))).parse_next(input)
}

/// A duration. INF is accepted if `infinite` gives its value.
pub(super) fn duration<'t>(infinite: Option<Nanos>) -> impl FnMut(&mut Input<'t>) -> Parsed<'t, Nanos> {
    move |input| {
        let next = peek(input);
        let value = match (next.kind, infinite) {
            (Kind::Duration, _) => duration::parse(next.text).map_err(|error| match error {
                DurationError::Malformed => next.wrong(Clause::new("influxql.duration.3"), "invalid duration"),
                DurationError::Overflow(part) => next.wrong(
                    Clause::new("influxql.duration.3"),
                    format!("overflowed duration {part}: choose a smaller duration or INF"),
                ),
            })?,
            (Kind::Keyword(Keyword::Inf), Some(infinite)) => infinite,
            _ => return Err(next.missing("duration")),
        };
        take(input, next);
        Ok(value)
    }
}

/// An unsigned 64-bit number: the id of a shard or a query.
pub(super) fn number_u64<'t>(input: &mut Input<'t>) -> Parsed<'t, u64> {
    let token = literal(Kind::Integer, "integer").parse_next(input)?;
    let reason = if token.text.starts_with(['+', '-']) { "invalid syntax" } else { "value out of range" };
    let valid = token.text.parse().ok().filter(|_| !token.text.starts_with(['+', '-']));
    valid.ok_or_else(|| {
        token.wrong(Clause::new("influxql.kill.1"), format!("strconv.ParseUint: parsing \"{}\": {reason}", token.text))
    })
}

/// The replication factor of a policy.
pub(super) fn replication<'t>(input: &mut Input<'t>) -> Parsed<'t, u32> {
    let token = literal(Kind::Integer, "integer").parse_next(input)?;
    let out_of_range = || {
        token.wrong(
            Clause::new("influxql.policy.3"),
            format!("strconv.Atoi: parsing \"{}\": value out of range", token.text),
        )
    };
    let n: i64 = token.text.parse().map_err(|_| out_of_range())?;
    let valid = u32::try_from(n).ok().filter(|n| (1..=i32::MAX as u32).contains(n));
    valid.ok_or_else(|| {
        token.wrong(Clause::new("influxql.policy.3"), format!("invalid value {n}: must be 1 <= n <= {}", i32::MAX))
    })
}

/// A regular expression, if one is next.
pub(super) fn regex<'t>(input: &mut Input<'t>) -> Parsed<'t, Option<Regex>> {
    if character_ahead(input).is_some_and(|c| matches!(c, ' ' | '\t' | '\n' | '\r')) {
        skip_space(input);
    }
    if character_ahead(input) != Some('/') {
        return Ok(None);
    }
    let start = input.current_token_start();
    if start != input.state.read_to {
        // A token between here and the slash was looked at and put back.
        return Err(peek_raw(input).missing("regex").cut());
    }
    let text = input.state.text;
    let place = Place::At(character_before(text, start));
    let (pattern, end) = lexer::regex(text, start)
        .ok_or_else(|| ungrammatical(Clause::new("influxql.regex.1"), "bad regex: ", place))?;
    let compiled = fluxstone_go::compile_regex_within(&pattern, input.state.memory.0);
    let compiled = compiled.map_err(|refused| match refused {
        Refused::Invalid(error) => {
            let clause = Clause::new("influxql.regex.2");
            ErrMode::Cut(Fault::Positioned { kind: ErrorKind::Validation, clause, message: error.to_string(), place })
        }
        Refused::Memory(message) => no_memory(message),
    })?;
    input.next_slice(end - start);
    input.state.read_to = end;
    Ok(Some(compiled))
}

/// A regular expression, which must be next.
pub(super) fn required_regex<'t>(input: &mut Input<'t>) -> Parsed<'t, Regex> {
    match regex(input)? {
        Some(regex) => Ok(regex),
        None => Err(peek(input).missing("regex")),
    }
}

/// Runs `parser` one nesting level deeper, unless that is too deep.
pub(super) fn nested<'t, T>(
    input: &mut Input<'t>,
    parser: impl FnOnce(&mut Input<'t>) -> Parsed<'t, T>,
) -> Parsed<'t, T> {
    if input.state.nesting >= NESTING_MAX {
        return Err(peek(input)
            .wrong(Clause::new("influxql.limit.1"), format!("nested too deeply, at most {NESTING_MAX} levels")));
    }
    input.state.nesting += 1;
    let result = parser(input);
    input.state.nesting -= 1;
    result
}
