//! CREATE DATABASE, CREATE RETENTION POLICY, ALTER RETENTION POLICY.

use fluxstone_model::{Clause, Nanos};
use winnow::Parser;
use winnow::combinator::{opt, preceded};

use super::fault::Parsed;
use super::input::{Input, peek, take};
use super::tokens::{clause, duration, identifier, keyword, name_on_database, replication};
use crate::ast::{Definition, RetentionOptions};
use crate::token::{Keyword, Kind};

/// `INF` as the duration of a policy.
const INFINITE: Nanos = Nanos(0);

/// Parses the rest of CREATE DATABASE.
pub(super) fn create<'t>(input: &mut Input<'t>) -> Parsed<'t, Definition> {
    let name = identifier(input)?;
    let with = clause(Keyword::With, options)(input)?;
    Ok(Definition::CreateDatabase { name, with })
}

/// Parses the options after CREATE DATABASE ... WITH: in a fixed order, at least one.
fn options<'t>(input: &mut Input<'t>) -> Parsed<'t, RetentionOptions> {
    let first = peek(input);
    let any = [Keyword::Duration, Keyword::Name, Keyword::Replication, Keyword::Shard];
    if !any.into_iter().any(|keyword| first.is_keyword(keyword)) {
        return Err(first.unexpected(&["DURATION", "NAME", "REPLICATION", "SHARD"]));
    }
    Ok(RetentionOptions {
        duration: clause(Keyword::Duration, duration(Some(INFINITE)))(input)?,
        replication: clause(Keyword::Replication, replication)(input)?,
        shard_duration: clause(Keyword::Shard, |input| {
            preceded(keyword(Keyword::Duration), duration(Some(INFINITE))).parse_next(input)
        })(input)?,
        name: clause(Keyword::Name, identifier)(input)?,
    })
}

/// Parses the rest of a statement after CREATE RETENTION.
pub(super) fn create_policy<'t>(input: &mut Input<'t>) -> Parsed<'t, Definition> {
    let (name, database) = preceded(keyword(Keyword::Policy), name_on_database).parse_next(input)?;
    let duration = preceded(keyword(Keyword::Duration), duration(Some(INFINITE))).parse_next(input)?;
    let replication = preceded(keyword(Keyword::Replication), replication).parse_next(input)?;
    let shard_duration = clause(Keyword::Shard, shard_duration)(input)?;
    let default = opt(keyword(Keyword::Default)).parse_next(input)?.is_some();
    let options =
        RetentionOptions { duration: Some(duration), replication: Some(replication), shard_duration, name: None };
    Ok(Definition::CreateRetentionPolicy { name, database, options, default })
}

/// `DURATION d` after SHARD in CREATE and ALTER RETENTION POLICY, where it cannot be INF.
fn shard_duration<'t>(input: &mut Input<'t>) -> Parsed<'t, Nanos> {
    keyword(Keyword::Duration).parse_next(input)?;
    let next = peek(input);
    if next.is_keyword(Keyword::Inf) {
        return Err(next.wrong(Clause::new("influxql.policy.1"), "invalid duration INF for shard duration"));
    }
    duration(None)(input)
}

/// Parses the rest of a statement after ALTER RETENTION: options in any order, each at most once, at least one.
pub(super) fn alter_policy<'t>(input: &mut Input<'t>) -> Parsed<'t, Definition> {
    let name = preceded(keyword(Keyword::Policy), altered_name).parse_next(input)?;
    let database = preceded(keyword(Keyword::On), identifier).parse_next(input)?;
    let mut options = RetentionOptions::default();
    let mut default = false;
    let mut none = true;
    loop {
        let next = peek(input);
        let word = match next.kind {
            Kind::Keyword(word @ (Keyword::Duration | Keyword::Replication | Keyword::Shard | Keyword::Default)) => {
                word
            }
            _ if none => return Err(next.unexpected(&["DURATION", "REPLICATION", "SHARD", "DEFAULT"])),
            _ => return Ok(Definition::AlterRetentionPolicy { name, database, options, default }),
        };
        let again = match word {
            Keyword::Duration => options.duration.is_some(),
            Keyword::Replication => options.replication.is_some(),
            Keyword::Shard => options.shard_duration.is_some(),
            _ => default,
        };
        if again {
            return Err(next.wrong(Clause::new("influxql.policy.2"), format!("found duplicate {} option", word.text())));
        }
        take(input, next);
        none = false;
        match word {
            Keyword::Duration => options.duration = Some(duration(Some(INFINITE))(input)?),
            Keyword::Replication => options.replication = Some(replication(input)?),
            Keyword::Shard => options.shard_duration = Some(shard_duration(input)?),
            _ => default = true,
        }
    }
}

/// A name, or the word DEFAULT, which means the policy named `default`.
fn altered_name<'t>(input: &mut Input<'t>) -> Parsed<'t, String> {
    if opt(keyword(Keyword::Default)).parse_next(input)?.is_some() {
        return Ok("default".to_owned());
    }
    identifier(input)
}
