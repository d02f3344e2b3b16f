//! The SHOW statements.

use winnow::Parser;
use winnow::combinator::{delimited, preceded};

use super::fault::Parsed;
use super::input::Input;
use super::select::{condition, limit, order};
use super::source::{measurement, measurements};
use super::tokens::{clause, comma_separated, identifier, keyword, kind, required_regex, string, token};
use crate::ast::{BinaryOp, Limits, Measurement, MeasurementFilter, SchemaClauses, Show, TagKeyFilter};
use crate::token::{Keyword, Kind};

/// Parses the rest of a statement after SHOW.
pub(super) fn statement<'t>(input: &mut Input<'t>) -> Parsed<'t, Show> {
    let what = token(input)?;
    let Kind::Keyword(word) = what.kind else { return Err(what.unexpected(WORDS)) };
    match word {
        Keyword::Continuous => keyword(Keyword::Queries).value(Show::ContinuousQueries).parse_next(input),
        Keyword::Databases => Ok(Show::Databases),
        Keyword::Diagnostics => module(input).map(|module| Show::Diagnostics { module }),
        Keyword::Field => preceded(keyword(Keyword::Keys), field_keys).parse_next(input),
        Keyword::Grants => grants(input),
        Keyword::Measurements => show_measurements(input),
        Keyword::Queries => Ok(Show::Queries),
        Keyword::Retention => preceded(keyword(Keyword::Policies), retention_policies).parse_next(input),
        Keyword::Series => series(input),
        Keyword::Shard => keyword(Keyword::Groups).value(Show::ShardGroups).parse_next(input),
        Keyword::Shards => Ok(Show::Shards),
        Keyword::Stats => module(input).map(|module| Show::Stats { module }),
        Keyword::Subscriptions => Ok(Show::Subscriptions),
        Keyword::Tag => tag(input),
        Keyword::Users => Ok(Show::Users),
        _ => Err(what.unexpected(WORDS)),
    }
}

const WORDS: &[&str] = &[
    "CONTINUOUS",
    "DATABASES",
    "DIAGNOSTICS",
    "FIELD",
    "GRANTS",
    "MEASUREMENTS",
    "QUERIES",
    "RETENTION",
    "SERIES",
    "SHARD",
    "SHARDS",
    "STATS",
    "SUBSCRIPTIONS",
    "TAG",
    "USERS",
];

fn tag<'t>(input: &mut Input<'t>) -> Parsed<'t, Show> {
    let what = token(input)?;
    match what.kind {
        Kind::Keyword(Keyword::Keys) => tag_keys(input),
        Kind::Keyword(Keyword::Values) => tag_values(input),
        _ => Err(what.unexpected(&["KEYS", "VALUES"])),
    }
}

/// `FOR 'module'`.
fn module<'t>(input: &mut Input<'t>) -> Parsed<'t, Option<String>> {
    clause(Keyword::For, string)(input)
}

fn grants<'t>(input: &mut Input<'t>) -> Parsed<'t, Show> {
    let user = preceded(keyword(Keyword::For), identifier).parse_next(input)?;
    Ok(Show::Grants { user })
}

fn retention_policies<'t>(input: &mut Input<'t>) -> Parsed<'t, Show> {
    on(input).map(|database| Show::RetentionPolicies { database })
}

/// `ON database`.
fn on<'t>(input: &mut Input<'t>) -> Parsed<'t, Option<String>> {
    clause(Keyword::On, identifier)(input)
}

/// `FROM measurement, ...`.
fn from<'t>(input: &mut Input<'t>) -> Parsed<'t, Vec<Measurement>> {
    Ok(clause(Keyword::From, measurements)(input)?.unwrap_or_default())
}

/// `[LIMIT n] [OFFSET n]`.
fn limit_and_offset<'t>(input: &mut Input<'t>) -> Parsed<'t, Limits> {
    Ok(Limits { limit: limit(Keyword::Limit)(input)?, offset: limit(Keyword::Offset)(input)?, ..Limits::default() })
}

fn show_measurements<'t>(input: &mut Input<'t>) -> Parsed<'t, Show> {
    let database = on(input)?;
    let with = clause(Keyword::With, measurement_filter)(input)?;
    let condition = condition(input)?;
    let order = order(input)?;
    let limits = limit_and_offset(input)?;
    let clauses = SchemaClauses { database, sources: Vec::new(), condition, order, limits };
    Ok(Show::Measurements { clauses, with })
}

/// `MEASUREMENT = name`. The operator need not match the kind of source.
fn measurement_filter<'t>(input: &mut Input<'t>) -> Parsed<'t, MeasurementFilter> {
    keyword(Keyword::Measurement).parse_next(input)?;
    let operator = token(input)?;
    let Kind::Operator(op @ (BinaryOp::Equal | BinaryOp::Match)) = operator.kind else {
        return Err(operator.unexpected(&["=", "=~"]));
    };
    Ok(MeasurementFilter { op, source: measurement(input)? })
}

fn series<'t>(input: &mut Input<'t>) -> Parsed<'t, Show> {
    Ok(Show::Series(SchemaClauses {
        database: on(input)?,
        sources: from(input)?,
        condition: condition(input)?,
        order: order(input)?,
        limits: limit_and_offset(input)?,
    }))
}

fn tag_keys<'t>(input: &mut Input<'t>) -> Parsed<'t, Show> {
    Ok(Show::TagKeys(SchemaClauses {
        database: on(input)?,
        sources: from(input)?,
        condition: condition(input)?,
        order: order(input)?,
        limits: Limits {
            limit: limit(Keyword::Limit)(input)?,
            offset: limit(Keyword::Offset)(input)?,
            slimit: limit(Keyword::Slimit)(input)?,
            soffset: limit(Keyword::Soffset)(input)?,
        },
    }))
}

fn field_keys<'t>(input: &mut Input<'t>) -> Parsed<'t, Show> {
    Ok(Show::FieldKeys(SchemaClauses {
        database: on(input)?,
        sources: from(input)?,
        condition: None,
        order: order(input)?,
        limits: limit_and_offset(input)?,
    }))
}

fn tag_values<'t>(input: &mut Input<'t>) -> Parsed<'t, Show> {
    let database = on(input)?;
    let sources = from(input)?;
    let keys = preceded((keyword(Keyword::With), keyword(Keyword::Key)), tag_key_filter).parse_next(input)?;
    let condition = condition(input)?;
    let order = order(input)?;
    let limits = limit_and_offset(input)?;
    let clauses = SchemaClauses { database, sources, condition, order, limits };
    Ok(Show::TagValues { clauses, keys })
}

/// Parses the filter after WITH KEY.
fn tag_key_filter<'t>(input: &mut Input<'t>) -> Parsed<'t, TagKeyFilter> {
    let operator = token(input)?;
    match operator.kind {
        Kind::Operator(BinaryOp::Equal) => identifier.map(TagKeyFilter::Equal).parse_next(input),
        Kind::Operator(BinaryOp::NotEqual) => identifier.map(TagKeyFilter::NotEqual).parse_next(input),
        Kind::Operator(BinaryOp::Match) => required_regex.map(TagKeyFilter::Match).parse_next(input),
        Kind::Operator(BinaryOp::NotMatch) => required_regex.map(TagKeyFilter::NotMatch).parse_next(input),
        Kind::Keyword(Keyword::In) => {
            delimited(kind(Kind::LeftParen, "("), comma_separated(identifier), kind(Kind::RightParen, ")"))
                .map(TagKeyFilter::In)
                .parse_next(input)
        }
        _ => Err(operator.unexpected(&["IN", "=", "=~"])),
    }
}
