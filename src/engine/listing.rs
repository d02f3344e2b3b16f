//! Listings of the catalog (SHOW DATABASES, RETENTION POLICIES, USERS, GRANTS, SHARDS, SHARD GROUPS, CONTINUOUS QUERIES,
//! SUBSCRIPTIONS) and of the running queries.

use std::sync::Arc;

use fluxstone_catalog::{Catalog, CatalogError, Database, Privileges, RetentionPolicy, ShardGroup};
use fluxstone_go::DurationText;
use fluxstone_influxql::{Parameters, parse};
use fluxstone_model::Text;
use fluxstone_query::{SeriesRows, Value};

use super::names::required;
use super::queries::shown_duration;
use super::statement_error::StatementError;
use super::{Core, Principal};

/// An empty series without tags, with a name and columns. Rows are added as cells.
pub(super) fn listing(title: &str, columns: &[&str]) -> SeriesRows {
    SeriesRows {
        name: Text::from(title),
        tags: Arc::from([]),
        columns: columns.iter().map(|c| Text::from(*c)).collect(),
        cells: Vec::new(),
        plain: None,
        more_rows: false,
    }
}

fn text(text: &str) -> Value {
    Value::String(Text::from(text))
}

/// SHOW DATABASES.
pub(super) fn databases(catalog: &Catalog) -> SeriesRows {
    let mut series = listing("databases", &["name"]);
    series.cells.extend(catalog.databases().map(|d| text(&d.name)));
    series
}

/// SHOW RETENTION POLICIES of the database named `name`.
pub(super) fn retention_policies(catalog: &Catalog, name: &str) -> Result<SeriesRows, StatementError> {
    let database = required(catalog, name).map_err(StatementError::while_running)?;
    let mut series = listing("", &["name", "duration", "shardGroupDuration", "replicaN", "default"]);
    for policy in &database.policies {
        series.cells.extend([
            text(&policy.name),
            text(&DurationText(policy.duration.0).to_string()),
            text(&DurationText(policy.shard_duration.0).to_string()),
            Value::Ordinal(u64::from(policy.replication)),
            Value::Boolean(policy.name == database.default_policy),
        ]);
    }
    Ok(series)
}

/// SHOW USERS.
pub(super) fn users(catalog: &Catalog) -> SeriesRows {
    let mut series = listing("", &["user", "admin"]);
    for user in catalog.users() {
        series.cells.extend([text(&user.name), Value::Boolean(user.admin)]);
    }
    series
}

/// SHOW GRANTS.
pub(super) fn grants(catalog: &Catalog, user: &str) -> Result<SeriesRows, StatementError> {
    let user = catalog.user(user).ok_or(CatalogError::UserNotFound)?;
    let mut series = listing("", &["database", "privilege"]);
    for (database, privileges) in &user.grants {
        series.cells.extend([text(database), text(privileges.name())]);
    }
    Ok(series)
}

/// A time of a shard group, in seconds.
fn group_time(nanos: i128) -> Value {
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => text(&time.to_string()),
        // An expiry beyond the year 9999.
        Err(_) => text(&jiff::Timestamp::MAX.to_string()),
    }
}

fn group_times(policy: &RetentionPolicy, group: &ShardGroup) -> [Value; 3] {
    [group.start, group.end, group.expiry(policy.duration)].map(group_time)
}

/// SHOW SHARDS: a series for each database.
pub(super) fn shards(catalog: &Catalog) -> Vec<SeriesRows> {
    catalog.databases().map(shards_of).collect()
}

fn shards_of(database: &Database) -> SeriesRows {
    const COLUMNS: [&str; 8] =
        ["id", "database", "retention_policy", "shard_group", "start_time", "end_time", "expiry_time", "owners"];
    let mut series = listing(&database.name, &COLUMNS);
    for policy in &database.policies {
        for group in policy.groups.iter() {
            series.cells.extend([
                Value::Ordinal(group.shard.0),
                text(&database.name),
                text(&policy.name),
                Value::Ordinal(group.id),
            ]);
            series.cells.extend(group_times(policy, group));
            series.cells.push(text(""));
        }
    }
    series
}

/// SHOW SHARD GROUPS.
pub(super) fn shard_groups(catalog: &Catalog) -> SeriesRows {
    let columns = ["id", "database", "retention_policy", "start_time", "end_time", "expiry_time"];
    let mut series = listing("shard groups", &columns);
    for database in catalog.databases() {
        for policy in &database.policies {
            for group in policy.groups.iter() {
                series.cells.extend([Value::Ordinal(group.id), text(&database.name), text(&policy.name)]);
                series.cells.extend(group_times(policy, group));
            }
        }
    }
    series
}

/// SHOW CONTINUOUS QUERIES: a series for each database that `principal` may read.
pub(super) fn continuous_queries(catalog: &Catalog, principal: &Principal) -> Vec<SeriesRows> {
    let visible = catalog.databases().filter(|database| may_read(catalog, principal, &database.name));
    visible.map(continuous_queries_of).collect()
}

fn continuous_queries_of(database: &Database) -> SeriesRows {
    let mut series = listing(&database.name, &["name", "query"]);
    for query in &database.continuous_queries {
        series.cells.extend([text(&query.name), text(&shown(&query.text))]);
    }
    series
}

/// The normal form of a stored statement, whose text has exact numbers.
fn shown(stored: &str) -> String {
    parse(stored, &Parameters::new()).map_or_else(|_| stored.to_owned(), |query| query.to_string())
}

/// SHOW SUBSCRIPTIONS: a series for each database that has any.
pub(super) fn subscriptions(catalog: &Catalog) -> Vec<SeriesRows> {
    catalog.databases().filter_map(subscriptions_of).collect()
}

/// `None` for a database without subscriptions.
fn subscriptions_of(database: &Database) -> Option<SeriesRows> {
    let mut series = listing(&database.name, &["retention_policy", "name", "mode", "destinations"]);
    for policy in &database.policies {
        for subscription in &policy.subscriptions {
            let destinations = subscription.destinations.iter().map(|url| Text::from(url.as_str())).collect();
            series.cells.extend([
                text(&policy.name),
                text(&subscription.name),
                text(&subscription.mode.to_string()),
                Value::List(destinations),
            ]);
        }
    }
    (!series.cells.is_empty()).then_some(series)
}

/// Whether `principal` may read the database.
fn may_read(catalog: &Catalog, principal: &Principal, database: &str) -> bool {
    match principal {
        Principal::User(name) => catalog.user(name).is_some_and(|user| user.may(Privileges::READ, database)),
        Principal::Anyone | Principal::Nobody => true,
    }
}

impl Core {
    /// SHOW QUERIES: all queries for administrators, and their own queries for other users.
    pub(super) fn show_queries(&self, catalog: &Catalog, principal: &Principal) -> SeriesRows {
        let sees_all = match principal {
            Principal::User(name) => catalog.user(name).is_some_and(|user| user.admin),
            Principal::Anyone | Principal::Nobody => true,
        };
        let mut series = listing("", &["qid", "query", "database", "duration"]);
        for running in self.queries.list() {
            if sees_all || running.principal == *principal {
                series.cells.extend([
                    Value::Ordinal(running.id),
                    text(&running.text),
                    text(&running.database),
                    text(&DurationText(shown_duration(running.started.elapsed()).0).to_string()),
                ]);
            }
        }
        series
    }
}
