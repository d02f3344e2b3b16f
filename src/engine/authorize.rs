//! Authorization: the privileges that each statement requires, and whether a principal has them.
//!
//! A statement requires privileges on the databases that it reads and writes, wherever it names them. InfluxDB 1.2.4 checked the
//! `db` parameter instead in several places, which let users see databases of others; that is never reproduced.

use fluxstone_catalog::{Catalog, ContinuousQuery, Privileges, User};
use fluxstone_compat::StatementSemantics;
use fluxstone_influxql::ast::{Definition, Query, SchemaClauses, Select, Show, Statement};
use fluxstone_influxql::{Parameters, parse};
use fluxstone_model::Clause;

use super::Principal;
use super::names::{database_or, measurements_of};

/// A requirement of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Admin,
    On(Privileges, String),
}

/// Why a query is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unauthorized {
    pub(super) clause: Clause,
    /// Without a prefix.
    pub(super) text: String,
}

/// The refusal of one who has not logged in.
fn bootstrap(text: &str) -> Unauthorized {
    Unauthorized { clause: Clause::new("statements.privilege.3"), text: text.to_owned() }
}

/// Checks all statements of `query`. `database` is the `db` parameter.
///
/// # Errors
/// The refusal, without its prefix.
pub(super) fn authorize(
    catalog: &Catalog,
    principal: &Principal,
    database: &str,
    query: &Query,
    semantics: StatementSemantics,
) -> Result<(), Unauthorized> {
    let lacks = |text| Unauthorized { clause: Clause::new("statements.privilege.2"), text };
    let name = match principal {
        Principal::Anyone => return Ok(()),
        Principal::Nobody => return authorize_nobody(catalog, query),
        Principal::User(name) => name,
    };
    let Some(user) = catalog.user(name) else {
        return Err(bootstrap("no user provided"));
    };
    for statement in &query.statements {
        let more = if semantics.request_privileges { of_influxdb(statement, database) } else { None };
        if let Some(needed) = more.and_then(|requirement| unmet(user, requirement)) {
            return Err(lacks(format!("{name} not authorized to execute statement '{statement}', requires {needed}")));
        }
        if let Some(needed) = lacking(user, statement, database)
            && !may_drop_own(catalog, user, statement)
        {
            return Err(lacks(format!("{name} not authorized to execute statement '{statement}', requires {needed}")));
        }
    }
    Ok(())
}

/// What `user` lacks for `statement`, if anything. `database` is the `db` parameter.
fn lacking(user: &User, statement: &Statement, database: &str) -> Option<String> {
    requirements(statement, database).into_iter().find_map(|requirement| unmet(user, requirement))
}

/// The words for a requirement that `user` does not meet.
fn unmet(user: &User, requirement: Requirement) -> Option<String> {
    match requirement {
        _ if user.admin => None,
        Requirement::On(privileges, database) if user.may(privileges, &database) => None,
        Requirement::On(privileges, database) => Some(format!("{} on {database}", privileges.name())),
        Requirement::Admin => Some("admin privilege".to_owned()),
    }
}

/// What InfluxDB required instead of [`requirements`], where that is not the same. It never suffices.
fn of_influxdb(statement: &Statement, default: &str) -> Option<Requirement> {
    match statement {
        Statement::Show(
            Show::Series(_)
            | Show::TagKeys(_)
            | Show::FieldKeys(_)
            | Show::Measurements { .. }
            | Show::TagValues { .. }
            | Show::RetentionPolicies { .. },
        ) => Some(read(default)),
        Statement::Define(Definition::DropContinuousQuery { .. }) => Some(write(default)),
        Statement::Define(Definition::DropRetentionPolicy { database, .. }) => Some(write(database)),
        _ => None,
    }
}

/// Whether `statement` drops a continuous query that `user` could create as well.
fn may_drop_own(catalog: &Catalog, user: &User, statement: &Statement) -> bool {
    let Statement::Define(Definition::DropContinuousQuery { name, database }) = statement else { return false };
    let stored = catalog.database(database).and_then(|database| database.continuous_query(name));
    stored.and_then(|query| stored_statement(&query.text)).is_some_and(|create| lacking(user, &create, "").is_none())
}

/// The CREATE CONTINUOUS QUERY statement that the catalog keeps as text, in which all names are filled in.
pub(super) fn stored_statement(text: &str) -> Option<Statement> {
    parse(text, &Parameters::new()).ok()?.statements.into_iter().next()
}

/// Why a continuous query is not allowed to run now, if it is not: its author was dropped or lacks a privilege.
pub(super) fn refusal_of_continuous_query(catalog: &Catalog, query: &ContinuousQuery) -> Option<String> {
    let author = query.author.as_ref()?;
    if query.author_dropped {
        return Some(format!("its author {author} was dropped"));
    }
    let Some(user) = catalog.user(author) else { return Some(format!("its author {author} does not exist")) };
    let lacks = lacking(user, &stored_statement(&query.text)?, "")?;
    Some(format!("its author {author} lacks {lacks}"))
}

/// Without users, only the first administrator can be created. The rest of the same request then runs too.
fn authorize_nobody(catalog: &Catalog, query: &Query) -> Result<(), Unauthorized> {
    if !catalog.users().is_empty() {
        return Err(bootstrap("no user provided"));
    }
    match query.statements.first() {
        Some(Statement::Define(Definition::CreateUser { admin: true, .. })) => Ok(()),
        _ => Err(bootstrap("create admin user first or disable authentication")),
    }
}

/// The requirements of `statement` for a user who is not an administrator, in the order in which they are checked.
fn requirements(statement: &Statement, default: &str) -> Vec<Requirement> {
    match statement {
        Statement::Select(select) => of_select(select, default),
        Statement::Delete(_) => vec![write(default)],
        Statement::Show(show) => of_show(show, default),
        Statement::Define(definition) => of_definition(definition, default),
        Statement::Kill(_) => vec![Requirement::Admin],
    }
}

fn of_show(show: &Show, default: &str) -> Vec<Requirement> {
    match show {
        Show::Series(clauses) | Show::TagKeys(clauses) | Show::FieldKeys(clauses) => of_sources(clauses, default),
        Show::Measurements { clauses, .. } | Show::TagValues { clauses, .. } => {
            vec![read(database_or(clauses.database.as_deref(), default))]
        }
        Show::RetentionPolicies { database } => vec![read(database_or(database.as_deref(), default))],
        // Both list only what the user is allowed to see.
        Show::ContinuousQueries | Show::Queries => vec![read(default)],
        Show::Databases
        | Show::Diagnostics { .. }
        | Show::Grants { .. }
        | Show::ShardGroups
        | Show::Shards
        | Show::Stats { .. }
        | Show::Subscriptions
        | Show::Users => vec![Requirement::Admin],
    }
}

fn of_definition(definition: &Definition, default: &str) -> Vec<Requirement> {
    match definition {
        Definition::DropSeries(_) => vec![write(default)],
        Definition::CreateContinuousQuery { database, select, .. } => {
            let mut needed = vec![read(database)];
            needed.extend(of_select(select, database_or(Some(default), database)));
            needed
        }
        Definition::DropContinuousQuery { database, .. } => vec![write(database)],
        Definition::CreateDatabase { .. }
        | Definition::DropDatabase { .. }
        | Definition::CreateRetentionPolicy { .. }
        | Definition::AlterRetentionPolicy { .. }
        | Definition::DropRetentionPolicy { .. }
        | Definition::DropMeasurement { .. }
        | Definition::DropShard { .. }
        | Definition::CreateUser { .. }
        | Definition::DropUser { .. }
        | Definition::SetPassword { .. }
        | Definition::Grant { .. }
        | Definition::GrantAdmin { .. }
        | Definition::Revoke { .. }
        | Definition::RevokeAdmin { .. }
        | Definition::CreateSubscription { .. }
        | Definition::DropSubscription { .. } => vec![Requirement::Admin],
    }
}

fn read(database: &str) -> Requirement {
    Requirement::On(Privileges::READ, database.to_owned())
}

fn write(database: &str) -> Requirement {
    Requirement::On(Privileges::WRITE, database.to_owned())
}

fn of_select(select: &Select, default: &str) -> Vec<Requirement> {
    let measurements = measurements_of(select).into_iter();
    let mut needed: Vec<_> = measurements.map(|m| read(database_or(Some(&m.database), default))).collect();
    if let Some(target) = &select.into {
        needed.push(write(database_or(Some(&target.database), default)));
    }
    needed
}

/// READ on the database of each source, or on the statement's database without FROM.
fn of_sources(clauses: &SchemaClauses, default: &str) -> Vec<Requirement> {
    let default = database_or(clauses.database.as_deref(), default);
    if clauses.sources.is_empty() {
        return vec![read(default)];
    }
    clauses.sources.iter().map(|m| read(database_or(Some(&m.database), default))).collect()
}
