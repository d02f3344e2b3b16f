//! Who may run what: what each statement needs, and whether a principal has it.
//!
//! A statement needs privileges on the databases that it reads and writes, wherever it names them. InfluxDB 1.2.4 looked at
//! the `db` parameter instead in several places, which let users see databases that were not theirs; that is never
//! reproduced.

use fluxstone_catalog::{Catalog, Privileges};
use fluxstone_influxql::ast::{Query, Select, Show, Statement};

use super::Principal;
use super::names::{database_or, measurements_of};

/// What a statement needs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Admin,
    On(Privileges, String),
}

/// Checks all statements of `query` before any of them runs. `database` is the `db` parameter.
///
/// # Errors
/// The refusal, without its prefix.
pub(super) fn authorize(catalog: &Catalog, principal: &Principal, database: &str, query: &Query) -> Result<(), String> {
    let name = match principal {
        Principal::Anyone => return Ok(()),
        Principal::Nobody => return authorize_nobody(catalog, query),
        Principal::User(name) => name,
    };
    let Some(user) = catalog.user(name) else {
        return Err("no user provided".to_owned());
    };
    if user.admin {
        return Ok(());
    }
    for statement in &query.statements {
        for requirement in requirements(statement, database) {
            let needed = match requirement {
                Requirement::On(privileges, database) if user.may(privileges, &database) => continue,
                Requirement::On(privileges, database) => format!("{} on {database}", privileges.name()),
                Requirement::Admin => "admin privilege".to_owned(),
            };
            return Err(format!("{name} not authorized to execute statement '{statement}', requires {needed}"));
        }
    }
    Ok(())
}

/// Without any user the first administrator may be created, and what follows in the same request runs too.
fn authorize_nobody(catalog: &Catalog, query: &Query) -> Result<(), String> {
    if !catalog.users().is_empty() {
        return Err("no user provided".to_owned());
    }
    match query.statements.first() {
        Some(Statement::CreateUser { admin: true, .. }) => Ok(()),
        _ => Err("create admin user first or disable authentication".to_owned()),
    }
}

/// What `statement` needs of a user who is no administrator, in the order in which it is checked.
fn requirements(statement: &Statement, default: &str) -> Vec<Requirement> {
    let read = |database: &str| Requirement::On(Privileges::READ, database.to_owned());
    let write = |database: &str| Requirement::On(Privileges::WRITE, database.to_owned());
    match statement {
        Statement::Select(select) => of_select(select, default),
        Statement::Delete { .. } | Statement::DropSeries { .. } => vec![write(default)],
        Statement::ShowSeries(show) | Statement::ShowTagKeys(show) | Statement::ShowFieldKeys(show) => {
            of_show(show, default)
        }
        Statement::ShowMeasurements { show, .. } | Statement::ShowTagValues { show, .. } => {
            vec![read(database_or(show.database.as_deref(), default))]
        }
        Statement::ShowRetentionPolicies { database } => vec![read(database_or(database.as_deref(), default))],
        // Both list only what the user may know.
        Statement::ShowContinuousQueries | Statement::ShowQueries => vec![read(default)],
        Statement::CreateContinuousQuery { database, select, .. } => {
            let mut needed = vec![read(database)];
            needed.extend(of_select(select, database_or(Some(default), database)));
            needed
        }
        Statement::DropContinuousQuery { database, .. } => vec![write(database)],
        _ => vec![Requirement::Admin],
    }
}

fn of_select(select: &Select, default: &str) -> Vec<Requirement> {
    let mut needed: Vec<Requirement> = measurements_of(select)
        .into_iter()
        .map(|m| Requirement::On(Privileges::READ, database_or(Some(&m.database), default).to_owned()))
        .collect();
    if let Some(target) = &select.into {
        let database = database_or(Some(&target.database), default);
        needed.push(Requirement::On(Privileges::WRITE, database.to_owned()));
    }
    needed
}

fn of_show(show: &Show, default: &str) -> Vec<Requirement> {
    let default = database_or(show.database.as_deref(), default);
    let read = |database: &str| Requirement::On(Privileges::READ, database.to_owned());
    if show.sources.is_empty() {
        return vec![read(default)];
    }
    show.sources.iter().map(|m| read(database_or(Some(&m.database), default))).collect()
}
