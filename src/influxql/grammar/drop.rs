//! Statements that remove something: DROP, DELETE and KILL QUERY.

use fluxstone_model::Clause;
use winnow::Parser;
use winnow::combinator::preceded;

use super::fault::{Parsed, ungrammatical};
use super::input::{Input, peek, peek_raw, take};
use super::select::condition;
use super::source::measurements;
use super::tokens::{clause, identifier, keyword, name_on_database, number_u64, token};
use crate::ast::{Definition, DeleteClauses, KillQuery};
use crate::token::{Keyword, Kind, Place};

/// Parses the rest of a statement after DROP. The message about a wrong word omits DATABASE, as InfluxDB's does.
pub(super) fn statement<'t>(input: &mut Input<'t>) -> Parsed<'t, Definition> {
    let what = token(input)?;
    match what.kind {
        Kind::Keyword(Keyword::Continuous) => preceded(keyword(Keyword::Query), name_on_database)
            .map(|(name, database)| Definition::DropContinuousQuery { name, database })
            .parse_next(input),
        Kind::Keyword(Keyword::Database) => identifier.map(|name| Definition::DropDatabase { name }).parse_next(input),
        Kind::Keyword(Keyword::Measurement) => {
            identifier.map(|name| Definition::DropMeasurement { name }).parse_next(input)
        }
        Kind::Keyword(Keyword::Retention) => preceded(keyword(Keyword::Policy), name_on_database)
            .map(|(name, database)| Definition::DropRetentionPolicy { name, database })
            .parse_next(input),
        Kind::Keyword(Keyword::Series) => delete_clauses(input).map(Definition::DropSeries),
        Kind::Keyword(Keyword::Shard) => number_u64.map(|id| Definition::DropShard { id }).parse_next(input),
        Kind::Keyword(Keyword::Subscription) => {
            let (name, (database, policy)) =
                (identifier, preceded(keyword(Keyword::On), database_and_policy)).parse_next(input)?;
            Ok(Definition::DropSubscription { name, database, policy })
        }
        Kind::Keyword(Keyword::User) => identifier.map(|name| Definition::DropUser { name }).parse_next(input),
        _ => {
            Err(what.unexpected(&["CONTINUOUS", "MEASUREMENT", "RETENTION", "SERIES", "SHARD", "SUBSCRIPTION", "USER"]))
        }
    }
}

/// `database.policy`, without a space before the dot.
pub(super) fn database_and_policy<'t>(input: &mut Input<'t>) -> Parsed<'t, (String, String)> {
    let database = identifier(input)?;
    let dot = peek_raw(input);
    if dot.kind != Kind::Dot {
        return Err(dot.missing("."));
    }
    take(input, dot);
    Ok((database, identifier(input)?))
}

/// Parses `[FROM measurements] [WHERE condition]` after DELETE and DROP SERIES: at least one of them, and the measurements
/// unqualified.
pub(super) fn delete_clauses<'t>(input: &mut Input<'t>) -> Parsed<'t, DeleteClauses> {
    let first = peek(input);
    let sources = clause(Keyword::From, measurements)(input)?.unwrap_or_default();
    let unsupported =
        |what: &str| ungrammatical(Clause::new("influxql.drop.2"), format!("{what} not supported"), Place::At(0));
    // The last wrong source is reported, and its policy before its database.
    if let Some(wrong) = sources.iter().rev().find(|source| !source.database.is_empty() || !source.policy.is_empty()) {
        return Err(unsupported(if wrong.policy.is_empty() { "database" } else { "retention policy" }));
    }
    let condition = condition(input)?;
    if sources.is_empty() && condition.is_none() {
        return Err(first.unexpected(&["FROM", "WHERE"]));
    }
    Ok(DeleteClauses { sources, condition })
}

/// Parses the rest of a statement after KILL.
pub(super) fn kill_query<'t>(input: &mut Input<'t>) -> Parsed<'t, KillQuery> {
    let id = preceded(keyword(Keyword::Query), number_u64).parse_next(input)?;
    let host = clause(Keyword::On, identifier)(input)?;
    Ok(KillQuery { id, host })
}
