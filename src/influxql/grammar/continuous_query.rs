//! CREATE CONTINUOUS QUERY.

use fluxstone_model::{Clause, Nanos};
use winnow::Parser;
use winnow::combinator::preceded;

use super::fault::{Parsed, plain};
use super::input::{Input, peek};
use super::select::select;
use super::tokens::{clause, duration, keyword, name_on_database};
use crate::ast::{Definition, Resample};
use crate::role::Role;
use crate::token::Keyword;
use crate::validate;

/// Parses the rest of a statement after CREATE CONTINUOUS.
pub(super) fn create<'t>(input: &mut Input<'t>) -> Parsed<'t, Definition> {
    let (name, database) = preceded(keyword(Keyword::Query), name_on_database).parse_next(input)?;
    let resample = clause(Keyword::Resample, resample)(input)?.unwrap_or_default();
    (keyword(Keyword::Begin), keyword(Keyword::Select)).parse_next(input)?;
    let select = select(input, Role::ContinuousQuery)?;
    if !select.is_raw() && select.group_by.window().is_none() {
        let last = input.state.taken.unwrap_or_else(|| peek(input));
        return Err(last.wrong(Clause::new("influxql.continuous-query.2"), last.but_expected("GROUP BY time(...)")));
    }
    validate::resample(resample, &select).map_err(|problem| plain(&problem))?;
    keyword(Keyword::End).parse_next(input)?;
    Ok(Definition::CreateContinuousQuery { name, database, resample, select: Box::new(select) })
}

/// `[EVERY d] [FOR d]`, at least one of them positive.
fn resample<'t>(input: &mut Input<'t>) -> Parsed<'t, Resample> {
    let positive = |length: Option<Nanos>| length.filter(|length| length.0 > 0);
    let every = positive(clause(Keyword::Every, duration(None))(input)?);
    let for_ = positive(clause(Keyword::For, duration(None))(input)?);
    if every.is_none() && for_.is_none() {
        let next = peek(input);
        return Err(next.wrong(Clause::new("influxql.continuous-query.3"), next.but_expected("EVERY, FOR")));
    }
    Ok(Resample { every, for_ })
}
