//! CREATE SUBSCRIPTION.

use winnow::Parser;
use winnow::combinator::preceded;

use super::drop::database_and_policy;
use super::fault::Parsed;
use super::input::Input;
use super::tokens::{comma_separated, identifier, keyword, string, token};
use crate::ast::{Definition, SubscriptionMode};
use crate::token::{Keyword, Kind};

/// Parses the rest of CREATE SUBSCRIPTION.
pub(super) fn create<'t>(input: &mut Input<'t>) -> Parsed<'t, Definition> {
    let name = identifier(input)?;
    let (database, policy) = preceded(keyword(Keyword::On), database_and_policy).parse_next(input)?;
    let word = preceded(keyword(Keyword::Destinations), token).parse_next(input)?;
    let mode = match word.kind {
        Kind::Keyword(Keyword::All) => SubscriptionMode::All,
        Kind::Keyword(Keyword::Any) => SubscriptionMode::Any,
        _ => return Err(word.unexpected(&["ALL", "ANY"])),
    };
    let destinations = comma_separated(string)(input)?;
    Ok(Definition::CreateSubscription { name, database, policy, mode, destinations })
}
