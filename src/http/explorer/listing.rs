//! Lists of names from SHOW statements, a part at a time.

use std::sync::Arc;

use fluxstone_explorer::{Cell, Listing};

use super::answers::problem_of;
use super::collect::Part;
use super::run::{Statements, run};
use super::visitor::Visitor;
use crate::api::Api;
use crate::context::ServerContext;
use crate::refusal::Refusal;
use crate::socket::Peer;

/// The most names of a part.
pub(super) const PART_NAMES: usize = 200;

/// A SHOW statement.
#[derive(Debug)]
pub(super) struct Show<'a> {
    pub(super) database: &'a str,
    pub(super) text: String,
    /// The column with the names. Those before it are left out.
    pub(super) column: usize,
    /// The part that is wanted, from 0 on.
    pub(super) part: usize,
}

/// Returns a part of the names that a statement lists. If the statement is refused, the list says why.
pub(super) async fn list<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    show: Show<'_>,
) -> Result<Listing, Refusal> {
    let Show { database, text, column, part } = show;
    let rows =
        Part { rows_before: part.saturating_mul(PART_NAMES), rows_max: PART_NAMES, limit: context.options.rows_max };
    let statements = Statements { database: database.to_owned(), ..Statements::reading(visitor, text, rows) };
    let mut listing = Listing { part, ..Listing::default() };
    let collected = match run(context, client, statements).await {
        Ok(ran) => ran.collected.unwrap_or_default(),
        Err(refusal @ Refusal::Query(_)) => {
            listing.problem = Some(problem_of(&refusal));
            return Ok(listing);
        }
        Err(refusal) => return Err(refusal),
    };
    listing.has_more = collected.has_more;
    for answer in collected.answers {
        listing.problem = listing.problem.or(answer.problem);
        let rows = answer.series.into_iter().flat_map(|series| series.rows);
        listing.rows.extend(rows.map(|row| row.iter().skip(column).map(Cell::text).collect()));
    }
    Ok(listing)
}

/// The first databases, to choose from.
pub(super) async fn databases<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
) -> Result<Vec<String>, Refusal> {
    let show = Show { database: "", text: "SHOW DATABASES".to_owned(), column: 0, part: 0 };
    Ok(first_names(list(context, client, visitor, show).await?))
}

/// The first name of each row.
pub(super) fn first_names(listing: Listing) -> Vec<String> {
    listing.rows.into_iter().filter_map(|row| row.into_iter().next()).collect()
}
