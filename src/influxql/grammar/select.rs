//! SELECT, and the clauses that it shares with other statements: WHERE, ORDER BY, LIMIT and OFFSET.

use fluxstone_model::Clause;
use winnow::Parser;
use winnow::combinator::{cut_err, preceded};
use winnow::stream::Location;

use super::expression::{expression, span};
use super::fault::{Parsed, plain};
use super::input::{Input, peek, peek_raw, skip_space, take};
use super::source::{sources, target};
use super::tokens::{clause, comma_separated, identifier, keyword, kind, literal, regex};
use crate::ast::{Expr, ExprKind, Fill, Limits, Order, Select, SelectField, Source};
use crate::invalid::Invalid;
use crate::position::Position;
use crate::role::Role;
use crate::token::{Keyword, Kind};
use crate::validate::{self, Unchecked};

/// Parses the rest of a statement after SELECT and validates it for its role.
pub(super) fn select<'t>(input: &mut Input<'t>, role: Role) -> Parsed<'t, Select> {
    let fields = comma_separated(field)(input)?;
    let into = if role == Role::ContinuousQuery {
        Some(preceded(keyword(Keyword::Into), target).parse_next(input)?)
    } else {
        clause(Keyword::Into, target)(input)?
    };
    keyword(Keyword::From).parse_next(input)?;
    let sources = sources(subquery)(input)?;
    let sources_end = input.current_token_start();
    let condition = condition(input)?;
    let where_place = span(sources_end, input.current_token_start());
    let dimensions = clause(Keyword::Group, by_dimensions)(input)?.unwrap_or_default();
    let fill = fill(input)?;
    let order = order(input)?;
    let limits = Limits {
        limit: limit(Keyword::Limit)(input)?,
        offset: limit(Keyword::Offset)(input)?,
        slimit: limit(Keyword::Slimit)(input)?,
        soffset: limit(Keyword::Soffset)(input)?,
    };
    let unchecked = Unchecked { fields, into, sources, condition, where_place, dimensions, fill, order, limits };
    validate::select(unchecked, role).map_err(|problem| plain(&problem))
}

fn subquery<'t>(input: &mut Input<'t>) -> Parsed<'t, Source> {
    keyword(Keyword::Select).parse_next(input)?;
    select(input, Role::Subquery).map(|select| Source::Subquery(Box::new(select)))
}

fn field<'t>(input: &mut Input<'t>) -> Parsed<'t, SelectField> {
    let expr = if let Some(expr) = regex_operand(input)? {
        expr
    } else {
        let at = peek(input);
        let expr = expression(input)?;
        if let Some(op) = validate::comparison_in_field(&expr) {
            let Position { line, character } = Position::of(at.place, input.state.text);
            return Err(plain(&Invalid::OperatorInField { operator: op.symbol(), line, character }));
        }
        expr
    };
    let alias = clause(Keyword::As, identifier)(input)?.unwrap_or_default();
    Ok(SelectField { expr, alias })
}

/// A regular expression that selects names.
fn regex_operand<'t>(input: &mut Input<'t>) -> Parsed<'t, Option<Expr>> {
    let start = input.current_token_start();
    let regex = regex(input)?;
    let span = span(start, input.current_token_start());
    Ok(regex.map(|regex| Expr { kind: ExprKind::Regex(regex), span }))
}

/// `WHERE expression`.
pub(super) fn condition<'t>(input: &mut Input<'t>) -> Parsed<'t, Option<Expr>> {
    clause(Keyword::Where, expression)(input)
}

/// `BY dimension, ...`. After a regular expression a comma must follow directly.
fn by_dimensions<'t>(input: &mut Input<'t>) -> Parsed<'t, Vec<Expr>> {
    keyword(Keyword::By).parse_next(input)?;
    let mut dimensions = Vec::new();
    loop {
        if let Some(expr) = regex_operand(input)? {
            dimensions.push(expr);
        } else {
            dimensions.push(expression(input)?);
            skip_space(input);
        }
        let next = peek_raw(input);
        if next.kind != Kind::Comma {
            return Ok(dimensions);
        }
        take(input, next);
    }
}

/// `fill(option)`. The word is not reserved, so the expression that begins with it is read before it is checked.
fn fill<'t>(input: &mut Input<'t>) -> Parsed<'t, Option<Fill>> {
    let word = peek(input);
    if word.kind != Kind::Identifier || !word.content().eq_ignore_ascii_case("fill") {
        return Ok(None);
    }
    let ExprKind::Call { args, .. } = cut_err(expression).parse_next(input)?.kind else {
        return Err(plain(&Invalid::FillIsNotACall));
    };
    let [option] = &args[..] else {
        return Err(plain(&Invalid::FillArguments));
    };
    Ok(Some(match &option.kind {
        ExprKind::Var(column) if column.cast.is_none() => match &*column.name {
            "null" => Fill::Null,
            "none" => Fill::None,
            "previous" => Fill::Previous,
            "linear" => Fill::Linear,
            _ => return Err(plain(&Invalid::FillOption)),
        },
        ExprKind::Integer(value) => Fill::Integer(*value),
        ExprKind::Number(value) => Fill::Number(*value),
        _ => return Err(plain(&Invalid::FillOption)),
    }))
}

/// `ORDER BY time [ASC|DESC]`, or the direction alone.
pub(super) fn order<'t>(input: &mut Input<'t>) -> Parsed<'t, Option<Order>> {
    clause(Keyword::Order, |input| {
        keyword(Keyword::By).parse_next(input)?;
        let first = peek(input);
        let order = if first.kind == Kind::Identifier {
            let (name, order) = sort_field(input)?;
            if name != "time" {
                return Err(plain(&Invalid::OrderNotByTime));
            }
            order
        } else {
            direction(input).ok_or_else(|| first.unexpected(&["identifier", "ASC", "DESC"]))?
        };
        let mut more = 0;
        while peek(input).kind == Kind::Comma {
            kind(Kind::Comma, ",").parse_next(input)?;
            sort_field(input)?;
            more += 1;
        }
        if more > 0 { Err(plain(&Invalid::OrderNotByTime)) } else { Ok(order) }
    })(input)
}

fn sort_field<'t>(input: &mut Input<'t>) -> Parsed<'t, (String, Order)> {
    let name = identifier(input)?;
    Ok((name, direction(input).unwrap_or(Order::Ascending)))
}

fn direction(input: &mut Input<'_>) -> Option<Order> {
    let next = peek(input);
    let order = match next.kind {
        Kind::Keyword(Keyword::Asc) => Order::Ascending,
        Kind::Keyword(Keyword::Desc) => Order::Descending,
        _ => return None,
    };
    take(input, next);
    Some(order)
}

/// LIMIT, OFFSET, SLIMIT or SOFFSET with its number; zero if absent. A number beyond 64 bits is cut to the largest one.
pub(super) fn limit<'t>(word: Keyword) -> impl FnMut(&mut Input<'t>) -> Parsed<'t, u64> {
    move |input| {
        let number = clause(word, |input| literal(Kind::Integer, "integer").parse_next(input))(input)?;
        let Some(number) = number else { return Ok(0) };
        let negative = number.text.starts_with('-') && number.text.bytes().any(|b| matches!(b, b'1'..=b'9'));
        if negative {
            return Err(number.wrong(Clause::new("influxql.select.9"), format!("{} must be >= 0", word.text())));
        }
        Ok(number.text.trim_start_matches('-').parse::<i64>().unwrap_or(i64::MAX).unsigned_abs())
    }
}
