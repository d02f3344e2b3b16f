//! Filling in names: the database, retention policy and measurement that each part of a statement means.

use fluxstone_catalog::{Catalog, Database};
use fluxstone_influxql::ast::{Measurement, Select, Source};
use fluxstone_model::{Clause, Text};

use super::statement_error::StatementError;

/// The database that `written` names, else `default`. Both may be empty.
pub(super) fn database_or<'n>(written: Option<&'n str>, default: &'n str) -> &'n str {
    written.filter(|name| !name.is_empty()).unwrap_or(default)
}

/// The database named `name`, which must exist.
pub(super) fn required<'c>(catalog: &'c Catalog, name: &str) -> Result<&'c Database, StatementError> {
    if name.is_empty() {
        return Err(StatementError::before_running(Clause::new("statements.name.2"), "database name required"));
    }
    catalog.database(name).ok_or_else(|| {
        StatementError::before_running(Clause::new("statements.name.3"), format!("database not found: {name}"))
    })
}

/// Fills in the database and policy of one measurement or target; `default` is the database where none is written.
pub(super) fn fill_in(
    catalog: &Catalog,
    default: &str,
    database: &mut String,
    policy: &mut String,
) -> Result<(), StatementError> {
    let found = required(catalog, database_or(Some(database), default))?;
    if policy.is_empty() {
        if found.default_policy.is_empty() {
            let text = format!("default retention policy not set for: {}", found.name);
            return Err(StatementError::before_running(Clause::new("statements.name.4"), text));
        }
        policy.clone_from(&found.default_policy);
    }
    database.clone_from(&found.name);
    Ok(())
}

/// Fills in all names of a SELECT: those of the target, then those of the sources, including subqueries.
pub(super) fn fill_in_select(catalog: &Catalog, default: &str, select: &mut Select) -> Result<(), StatementError> {
    select.rename_places(&mut |database, policy| fill_in(catalog, default, database, policy))
}

/// All measurements that a SELECT reads, including those of subqueries, in the order of the text.
pub(super) fn measurements_of(select: &Select) -> Vec<&Measurement> {
    let mut found = Vec::new();
    for source in &select.sources {
        match source {
            Source::Measurement(measurement) => found.push(measurement),
            Source::Subquery(inner) => found.extend(measurements_of(inner)),
        }
    }
    found
}

/// Refuses the names that InfluxDB keeps for its own listings.
pub(super) fn refuse_system_sources(select: &Select) -> Result<(), StatementError> {
    measurements_of(select).into_iter().try_for_each(|measurement| {
        measurement
            .name
            .refuse_system_source()
            .map_err(|error| StatementError::before_running(Clause::new("statements.name.5"), error.to_string()))
    })
}

/// The measurement to which a target writes the rows of `series`.
pub(super) fn target_measurement(written: Option<&str>, series: &Text) -> Text {
    written.map_or_else(|| series.clone(), Text::from)
}
