//! The grammar: winnow parsers over the text, one file for each family of statements.
//!
//! This file finds the family by the first words of a statement. `input` holds the text and the state of parsing it,
//! `fault` the errors, `tokens` the parsers that all families share.

mod chain;
mod continuous_query;
mod database;
mod drop;
mod expression;
mod fault;
mod input;
mod select;
mod show;
mod source;
mod subscription;
mod tokens;
mod user;

use fluxstone_model::Clause;
use winnow::combinator::preceded;
use winnow::error::ErrMode;
use winnow::stream::LocatingSlice;
use winnow::{Parser, Stateful};

use fault::Parsed;
use input::{Input, State, peek};
use tokens::{keyword, token};

use super::ast::{Definition, Query, Statement};
use super::error::{ErrorKind, ParseError};
use super::memory::Charge;
use super::parameter::Parameters;
use super::role::Role;
use super::token::{Keyword, Kind};

#[cfg(test)]
pub(super) use chain::OPERATORS_MAX;
#[cfg(test)]
pub(super) use expression::DEPTH_MAX as EXPRESSION_DEPTH_MAX;
#[cfg(test)]
pub(super) use tokens::NESTING_MAX;

/// Parses all statements of `text`.
pub(super) fn query<'t>(
    text: &'t str,
    parameters: &'t Parameters,
    charge: &'t mut Charge<'t>,
) -> Result<Query, ParseError> {
    let state = State::new(text, parameters, charge);
    let mut input = Stateful { input: LocatingSlice::new(text), state };
    let parsed = statements(&mut input);
    let statements = parsed.map_err(|error| match error {
        ErrMode::Backtrack(fault) | ErrMode::Cut(fault) => fault.into_error(&input.state),
        // Only partial input is incomplete, and this input is complete.
        ErrMode::Incomplete(_) => {
            ParseError::new(ErrorKind::Syntax, Clause::new("influxql.error.1"), "unexpected end of the text".to_owned())
        }
    })?;
    Ok(Query { statements })
}

/// Statements separated by one or more semicolons, with any number of semicolons before and after.
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

/// One statement. To add one, match its first word here and call the parser in the file of its family.
fn statement<'t>(input: &mut Input<'t>) -> Parsed<'t, Statement> {
    let first = token(input)?;
    match first.kind {
        Kind::Keyword(Keyword::Select) => {
            select::select(input, Role::Statement).map(|select| Statement::Select(Box::new(select)))
        }
        Kind::Keyword(Keyword::Delete) => drop::delete_clauses(input).map(Statement::Delete),
        Kind::Keyword(Keyword::Show) => show::statement(input).map(Statement::Show),
        Kind::Keyword(Keyword::Create) => create(input).map(Statement::Define),
        Kind::Keyword(Keyword::Drop) => drop::statement(input).map(Statement::Define),
        Kind::Keyword(Keyword::Grant) => user::grant(input).map(Statement::Define),
        Kind::Keyword(Keyword::Revoke) => user::revoke(input).map(Statement::Define),
        Kind::Keyword(Keyword::Alter) => {
            preceded(keyword(Keyword::Retention), database::alter_policy).map(Statement::Define).parse_next(input)
        }
        Kind::Keyword(Keyword::Set) => user::set_password(input).map(Statement::Define),
        Kind::Keyword(Keyword::Kill) => drop::kill_query(input).map(Statement::Kill),
        _ => Err(first
            .unexpected(&["SELECT", "DELETE", "SHOW", "CREATE", "DROP", "GRANT", "REVOKE", "ALTER", "SET", "KILL"])),
    }
}

/// Parses the rest of a statement after CREATE.
fn create<'t>(input: &mut Input<'t>) -> Parsed<'t, Definition> {
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
