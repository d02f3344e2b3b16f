//! Expressions, by operator precedence. Only brackets and calls recurse, and both are bounded.

use fluxstone_model::{Clause, Nanos};
use winnow::error::ErrMode;
use winnow::stream::Location;

use super::chain::{Chain, Deep, OPERATORS_MAX, joined};
use super::fault::{Fault, Parsed, no_memory, plain};
use super::input::{Input, peek, peek_raw, skip_space, take, token_at};
use super::source::segments;
use super::tokens::{identifier, nested, regex, required_regex, token};
use crate::ast::{BinaryOp, Cast, Expr, ExprKind, Span, VarRef, WildcardKind};
use crate::duration;
use crate::invalid::Invalid;
use crate::memory::TEXT_COPIES;
use crate::parameter::Parameter;
use crate::token::{Keyword, Kind, Token};

/// The largest height of the tree of one expression, in operators, brackets and calls, without those of a [`Chain`] at its top. A
/// chain of other operators of one precedence is as high as it is long. Bounds the recursion of everything that walks trees.
pub(crate) const DEPTH_MAX: u32 = 1000;

/// Parses an expression.
pub(super) fn expression<'t>(input: &mut Input<'t>) -> Parsed<'t, Expr> {
    deep_expression(input).map(|deep| deep.expr)
}

/// Parses an expression. Operators wait on a stack until one follows that does not bind tighter.
fn deep_expression<'t>(input: &mut Input<'t>) -> Parsed<'t, Deep> {
    let mut last = Side::One(operand(input)?);
    let mut waiting: Vec<(Side, Token<'t>, BinaryOp)> = Vec::new();
    loop {
        let next = peek(input);
        let op = if let Kind::Operator(op) = next.kind { Some(op) } else { None };
        while let Some((lhs, at, tighter)) =
            waiting.pop_if(|(_, _, waiting)| op.is_none_or(|op| op.precedence() <= waiting.precedence()))
        {
            last = binary(lhs, at, tighter, last)?;
        }
        let Some(op) = op else { return Ok(last.complete()) };
        take(input, next);
        waiting.push((last, next, op));
        let matched = matches!(op, BinaryOp::Match | BinaryOp::NotMatch);
        last = Side::One(if matched { matched_regex(input)? } else { operand(input)? });
    }
}

/// A side of an operator.
enum Side {
    One(Deep),
    /// More of it may follow.
    Chain(Chain),
}

impl Side {
    fn complete(self) -> Deep {
        match self {
            Side::One(deep) => deep,
            Side::Chain(chain) => chain.complete(),
        }
    }
}

fn binary(lhs: Side, at: Token<'_>, op: BinaryOp, rhs: Side) -> Parsed<'_, Side> {
    let rhs = rhs.complete();
    if op.is_logical() {
        let mut chain = match lhs {
            Side::Chain(chain) if chain.op() == op => chain,
            other => Chain::new(op, other.complete()),
        };
        if !chain.push(rhs) {
            return Err(at.wrong(
                Clause::new("influxql.limit.5"),
                format!("expression too long, at most {OPERATORS_MAX} operators in a row"),
            ));
        }
        return Ok(Side::Chain(chain));
    }
    let lhs = lhs.complete();
    let depth = lhs.depth.max(rhs.depth) + 1;
    let expr = joined(op, Box::new(lhs.expr), Box::new(rhs.expr));
    within_depth(Deep { expr, depth }, at).map(Side::One)
}

fn within_depth(deep: Deep, at: Token<'_>) -> Parsed<'_, Deep> {
    if deep.depth > DEPTH_MAX {
        return Err(at.wrong(
            Clause::new("influxql.limit.2"),
            format!("expression too deep, at most {DEPTH_MAX} operators in a row"),
        ));
    }
    Ok(deep)
}

/// Parses the right side of `=~` and `!~`. Unlike everywhere else, a slash directly after the operator is taken for a division.
fn matched_regex<'t>(input: &mut Input<'t>) -> Parsed<'t, Deep> {
    skip_space(input);
    let start = input.current_token_start();
    let regex = required_regex(input)?;
    let mut deep = Deep::leaf(ExprKind::Regex(regex));
    deep.expr.span = span(start, input.current_token_start());
    Ok(deep)
}

pub(super) fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}

/// Parses an operand.
fn operand<'t>(input: &mut Input<'t>) -> Parsed<'t, Deep> {
    let first = peek(input);
    let mut deep = operand_from(input, first)?;
    deep.expr.span = span(first.start, input.current_token_start());
    Ok(deep)
}

fn operand_from<'t>(input: &mut Input<'t>, first: Token<'t>) -> Parsed<'t, Deep> {
    let literal = |input: &mut Input<'t>, kind| {
        take(input, first);
        Ok(Deep::leaf(kind))
    };
    match first.kind {
        Kind::LeftParen => parenthesized(input, first),
        Kind::Identifier => call_or_column(input, first),
        Kind::Keyword(Keyword::Distinct) => distinct(input, first),
        Kind::Operator(BinaryOp::Multiply) => wildcard(input, first),
        Kind::Parameter => parameter(input, first),
        Kind::String => literal(input, ExprKind::String(first.content().into_owned())),
        Kind::Keyword(Keyword::True) => literal(input, ExprKind::Boolean(true)),
        Kind::Keyword(Keyword::False) => literal(input, ExprKind::Boolean(false)),
        // In an expression, a malformed duration has length zero.
        Kind::Duration => literal(input, ExprKind::Duration(duration::parse(first.text).unwrap_or(Nanos(0)))),
        Kind::Integer => {
            let value = first
                .text
                .parse()
                .map_err(|_| first.wrong(Clause::new("influxql.number.2"), "unable to parse integer"))?;
            literal(input, ExprKind::Integer(value))
        }
        Kind::Number => {
            let value = first.text.parse().ok().filter(|number: &f64| number.is_finite());
            literal(
                input,
                ExprKind::Number(
                    value.ok_or_else(|| first.wrong(Clause::new("influxql.number.2"), "unable to parse number"))?,
                ),
            )
        }
        _ => Err(first.unexpected(&["identifier", "string", "number", "bool"])),
    }
}

fn parenthesized<'t>(input: &mut Input<'t>, open: Token<'t>) -> Parsed<'t, Deep> {
    take(input, open);
    let inner = nested(input, deep_expression)?;
    let close = peek(input);
    if close.kind != Kind::RightParen {
        return Err(close.missing(")"));
    }
    take(input, close);
    let deep = Deep { expr: ExprKind::Paren(Box::new(inner.expr)).into(), depth: inner.depth + 1 };
    within_depth(deep, open)
}

/// A name directly followed by a bracket is a call.
fn call_or_column<'t>(input: &mut Input<'t>, name: Token<'t>) -> Parsed<'t, Deep> {
    let next = token_at(&mut input.state, name.end);
    if next.kind == Kind::LeftParen {
        take(input, name);
        take(input, next);
        return arguments(input, name.content().to_lowercase(), name);
    }
    let name = segments(input)?.join(".");
    let cast = cast(input, column_cast)?;
    Ok(Deep::leaf(ExprKind::Var(VarRef { name, cast })))
}

/// Parses the rest of a call after its opening bracket.
fn arguments<'t>(input: &mut Input<'t>, name: String, at: Token<'t>) -> Parsed<'t, Deep> {
    let mut args = Vec::new();
    let mut depth = 0;
    nested(input, |input| {
        loop {
            let start = input.current_token_start();
            if let Some(regex) = regex(input)? {
                args.push(Expr { kind: ExprKind::Regex(regex), span: span(start, input.current_token_start()) });
            } else if args.is_empty() && peek(input).kind == Kind::RightParen {
                return Ok(());
            } else {
                let argument = deep_expression(input)?;
                depth = depth.max(argument.depth);
                args.push(argument.expr);
            }
            let next = peek(input);
            if next.kind != Kind::Comma {
                return Ok(());
            }
            take(input, next);
        }
    })?;
    let close = peek(input);
    if close.kind != Kind::RightParen {
        return Err(close.missing(")"));
    }
    take(input, close);
    within_depth(Deep { expr: ExprKind::Call { name, args }.into(), depth: depth + 1 }, at)
}

/// `DISTINCT name`, or the call `DISTINCT(...)`.
fn distinct<'t>(input: &mut Input<'t>, word: Token<'t>) -> Parsed<'t, Deep> {
    take(input, word);
    let next = peek_raw(input);
    match next.kind {
        Kind::LeftParen => {
            take(input, next);
            arguments(input, "distinct".to_owned(), word)
        }
        Kind::Space => Ok(Deep::leaf(ExprKind::Distinct(identifier(input)?))),
        _ => Err(next.unexpected(&["(", "identifier"])),
    }
}

fn wildcard<'t>(input: &mut Input<'t>, star: Token<'t>) -> Parsed<'t, Deep> {
    take(input, star);
    let kind = cast(input, |token| match token.kind {
        Kind::Keyword(Keyword::Field) => Ok(WildcardKind::Field),
        Kind::Keyword(Keyword::Tag) => Ok(WildcardKind::Tag),
        _ => Err(token.unexpected(&["field", "tag"])),
    })?;
    Ok(Deep::leaf(ExprKind::Wildcard(kind)))
}

/// Parses `::type`, without spaces around the colons.
fn cast<'t, T>(
    input: &mut Input<'t>,
    read: impl FnOnce(Token<'t>) -> Result<T, ErrMode<Fault<'t>>>,
) -> Parsed<'t, Option<T>> {
    let colons = peek_raw(input);
    if colons.kind != Kind::DoubleColon {
        return Ok(None);
    }
    take(input, colons);
    let name = peek_raw(input);
    let cast = read(name)?;
    take(input, name);
    Ok(Some(cast))
}

fn column_cast(token: Token<'_>) -> Result<Cast, ErrMode<Fault<'_>>> {
    match token.kind {
        Kind::Keyword(Keyword::Field) => return Ok(Cast::Field),
        Kind::Keyword(Keyword::Tag) => return Ok(Cast::Tag),
        Kind::Identifier => match &*token.content().to_lowercase() {
            "float" => return Ok(Cast::Float),
            "integer" => return Ok(Cast::Integer),
            "string" => return Ok(Cast::String),
            "boolean" => return Ok(Cast::Boolean),
            _ => {}
        },
        _ => {}
    }
    Err(token.unexpected(&["float", "integer", "string", "boolean", "field", "tag"]))
}

/// Parses `$name`, which becomes the literal that it is bound to.
fn parameter<'t>(input: &mut Input<'t>, name: Token<'t>) -> Parsed<'t, Deep> {
    token(input)?;
    let name = name.content();
    if name.is_empty() {
        return Err(plain(&Invalid::EmptyParameter));
    }
    let kind = match input.state.parameters.get(&*name) {
        None => return Err(plain(&Invalid::MissingParameter(name.into_owned()))),
        Some(Parameter::Unbindable(go_type)) => {
            return Err(plain(&Invalid::UnbindableParameter(go_type)));
        }
        Some(Parameter::String(value)) => {
            // A text can be bound to any number of placeholders.
            (input.state.memory.0)(value.len().saturating_mul(TEXT_COPIES)).map_err(no_memory)?;
            ExprKind::String(value.clone())
        }
        Some(Parameter::Integer(value)) => ExprKind::Integer(*value),
        Some(Parameter::Number(value)) => ExprKind::Number(*value),
        Some(Parameter::Boolean(value)) => ExprKind::Boolean(*value),
    };
    Ok(Deep::leaf(kind))
}
