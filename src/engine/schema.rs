//! Listings of the schema: SHOW MEASUREMENTS, SERIES, TAG KEYS and TAG VALUES. SHOW FIELD KEYS is in `field_keys`.
//!
//! Measurements, tags and series belong to the database. SERIES, TAG KEYS and FIELD KEYS nevertheless read one retention policy,
//! and list nothing while it has no shards.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_catalog::{Catalog, CatalogError, Database};
use fluxstone_columns::Source;
use fluxstone_go::Regex;
use fluxstone_influxql::ast::{
    Expr, Limits, Measurement, MeasurementFilter, MeasurementName, SchemaClauses, TagKeyFilter,
};
use fluxstone_model::{Clause, DatabaseId, ShardId, Text, TimeRange};
use fluxstone_query::{SeriesFilter, SeriesRows, Value, series_filter};

use super::Core;
use super::execute::StatementContext;
use super::found_series::{find_tag_values, for_each_series};
use super::listing::listing;
use super::names::{database_or, fill_in, required};
use super::schema_condition::{
    measurement_satisfies, refuse_other_operators, refuse_time, without_internal_names, without_literals,
};
use super::statement_error::StatementError;

/// The memory of a text in a set and in the answer.
const LISTED_BYTES: usize = 2 * size_of::<(Text, Text)>() + 3 * size_of::<Value>();

/// A retention policy that a statement reads, with the measurements that FROM names in it.
pub(super) struct Scope {
    pub(super) source: Arc<dyn Source>,
    pub(super) measurements: Vec<Text>,
    pub(super) database: DatabaseId,
    /// Sorted by time.
    pub(super) shards: Vec<ShardId>,
}

pub(super) type Listed = Result<Vec<SeriesRows>, StatementError>;

impl Core {
    /// SHOW MEASUREMENTS.
    pub(super) fn show_measurements(
        &self,
        catalog: &Catalog,
        clauses: &SchemaClauses,
        with: Option<&MeasurementFilter>,
        context: &StatementContext<'_>,
    ) -> Listed {
        let default = context.session.database.as_str();
        refuse_time("SHOW MEASUREMENTS", clauses.condition.as_ref(), self.options.semantics.listings)?;
        let Some(source) = self.whole_database(catalog, clauses, default)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for name in source.measurements() {
            context.check()?;
            if with.is_none_or(|filter| is_named(&filter.source.name, &name))
                && self.satisfies(clauses.condition.as_ref(), &name, &*source, context)?
            {
                context.charge(LISTED_BYTES + name.len())?;
                names.push(Value::String(name));
            }
        }
        let mut series = listing("measurements", &["name"]);
        series.cells = limited(names, clauses.limits);
        Ok(unless_empty(series).into_iter().collect())
    }

    /// SHOW SERIES.
    pub(super) fn show_series(
        &self,
        catalog: &Catalog,
        clauses: &SchemaClauses,
        context: &StatementContext<'_>,
    ) -> Listed {
        let default = context.session.database.as_str();
        refuse_time("SHOW SERIES", clauses.condition.as_ref(), self.options.semantics.listings)?;
        refuse_other_operators(clauses.condition.as_ref())?;
        let scopes = self.scopes(catalog, clauses, default)?;
        let keys = if let [scope] = &scopes[..] {
            self.series_keys(scope, clauses, context)?
        } else {
            let everything = SchemaClauses { limits: Limits::default(), ..clauses.clone() };
            let mut keys: BTreeSet<(Text, Text)> = BTreeSet::new();
            for scope in &scopes {
                keys.extend(self.series_keys(scope, &everything, context)?);
            }
            limited(keys.into_iter().collect(), clauses.limits)
        };
        let mut series = listing("", &["key"]);
        series.cells = keys.into_iter().map(|(_, key)| Value::String(key)).collect();
        Ok(unless_empty(series).into_iter().collect())
    }

    /// The measurements and keys of series in the order of the answer, as many as LIMIT and OFFSET ask for: no more are looked for.
    fn series_keys(
        &self,
        scope: &Scope,
        clauses: &SchemaClauses,
        context: &StatementContext<'_>,
    ) -> Result<Vec<(Text, Text)>, StatementError> {
        let Limits { limit, offset, .. } = clauses.limits;
        let (mut skip, mut left) = (offset, if limit == 0 { u64::MAX } else { limit });
        let mut keys = Vec::new();
        for measurement in &scope.measurements {
            context.check()?;
            let filter = self.filter(&*scope.source, measurement, clauses.condition.as_ref())?;
            for_each_series(&*scope.source, measurement, &filter.predicate(), context, &mut |series| {
                if !filter.holds(&series.key) {
                    return Ok(ControlFlow::Continue(()));
                }
                if skip > 0 {
                    skip -= 1;
                    return Ok(ControlFlow::Continue(()));
                }
                context.charge(LISTED_BYTES + series.key.raw.len())?;
                keys.push((series.key.measurement.clone(), series.key.raw.clone()));
                left -= 1;
                Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
            if left == 0 {
                break;
            }
        }
        Ok(keys)
    }

    /// SHOW TAG KEYS.
    pub(super) fn show_tag_keys(
        &self,
        catalog: &Catalog,
        clauses: &SchemaClauses,
        context: &StatementContext<'_>,
    ) -> Listed {
        let default = context.session.database.as_str();
        refuse_time("SHOW TAG KEYS", clauses.condition.as_ref(), self.options.semantics.listings)?;
        let condition = clauses.condition.as_ref().map(without_literals);
        let mut keys: BTreeMap<Text, BTreeSet<Text>> = BTreeMap::new();
        for scope in self.scopes(catalog, clauses, default)? {
            for measurement in scope.measurements {
                context.check()?;
                if self.satisfies(condition.as_ref(), &measurement, &*scope.source, context)? {
                    let found = scope.source.tag_keys(&measurement);
                    context.charge(found.iter().map(|key| LISTED_BYTES + key.len()).sum())?;
                    keys.entry(measurement).or_default().extend(found);
                }
            }
        }
        let one_cell = |keys: BTreeSet<Text>| limited(keys.into_iter().map(Value::String).collect(), clauses.limits);
        Ok(by_measurement(keys.into_iter().map(|(name, keys)| (name, one_cell(keys))), &["tagKey"]))
    }

    /// SHOW TAG VALUES. Policies are ignored, even those that FROM names.
    pub(super) fn show_tag_values(
        &self,
        catalog: &Catalog,
        clauses: &SchemaClauses,
        keys: &TagKeyFilter,
        context: &StatementContext<'_>,
    ) -> Listed {
        let default = context.session.database.as_str();
        refuse_time("SHOW TAG VALUES", clauses.condition.as_ref(), self.options.semantics.listings)?;
        let Some(source) = self.whole_database(catalog, clauses, default)? else { return Ok(Vec::new()) };
        let condition = without_internal_names(clauses.condition.as_ref(), self.options.semantics.listings)?;
        let mut listed = Vec::new();
        for measurement in source.measurements() {
            if !clauses.sources.is_empty() && !clauses.sources.iter().any(|s| is_named(&s.name, &measurement)) {
                continue;
            }
            let values = self.tag_values(&*source, &measurement, condition.as_ref(), keys, context)?;
            let rows = limited(values, clauses.limits).into_iter();
            let cells = rows.flat_map(|(key, value)| [Value::String(key), Value::String(value)]).collect();
            listed.push((measurement, cells));
        }
        Ok(by_measurement(listed, &["key", "value"]))
    }

    /// The wanted tag keys of a measurement with their values, in order.
    fn tag_values(
        &self,
        source: &dyn Source,
        measurement: &Text,
        condition: Option<&Expr>,
        keys: &TagKeyFilter,
        context: &StatementContext<'_>,
    ) -> Result<Vec<(Text, Text)>, StatementError> {
        context.check()?;
        let filter = self.filter(source, measurement, condition)?;
        let is_wanted = |key: &Text| is_wanted(keys, key);
        let predicate = filter.predicate();
        if filter.is_exact() {
            return find_tag_values(source, measurement, &predicate, &is_wanted, 2 * LISTED_BYTES, context);
        }
        let mut values: BTreeSet<(Text, Text)> = BTreeSet::new();
        for_each_series(source, measurement, &predicate, context, &mut |series| {
            let holds = filter.holds(&series.key);
            for (key, value) in series.key.tags.iter().filter(|(key, _)| holds && is_wanted(key)) {
                if values.insert((key.clone(), value.clone())) {
                    context.charge(2 * LISTED_BYTES + key.len() + value.len())?;
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(values.into_iter().collect())
    }

    /// The whole database of a statement, with all policies; `None` if it does not exist.
    fn whole_database(
        &self,
        catalog: &Catalog,
        clauses: &SchemaClauses,
        default: &str,
    ) -> Result<Option<Arc<dyn Source>>, StatementError> {
        let name = database_or(clauses.database.as_deref(), default);
        if name.is_empty() {
            return Err(StatementError::running(Clause::new("statements.name.2"), "database name required"));
        }
        Ok(catalog.database(name).map(|database| self.source_of(database)))
    }

    /// A snapshot of all policies of a database. Only for reading its schema, because the policies overlap in time.
    pub(super) fn source_of(&self, database: &Database) -> Arc<dyn Source> {
        let stretches: Vec<_> = database.policies.iter().flat_map(|p| p.groups.stretches()).copied().collect();
        self.store.snapshot(database.id, &stretches)
    }

    /// The policies that FROM names, one scope for each; the whole default policy without FROM.
    pub(super) fn scopes(
        &self,
        catalog: &Catalog,
        clauses: &SchemaClauses,
        default: &str,
    ) -> Result<Vec<Scope>, StatementError> {
        let default = database_or(clauses.database.as_deref(), default);
        let mut wanted: BTreeMap<(String, String), Vec<&Measurement>> = BTreeMap::new();
        if clauses.sources.is_empty() {
            let (mut database, mut policy) = (String::new(), String::new());
            fill_in(catalog, default, &mut database, &mut policy)?;
            wanted.insert((database, policy), Vec::new());
        }
        for measurement in &clauses.sources {
            let (mut database, mut policy) = (measurement.database.clone(), measurement.policy.clone());
            fill_in(catalog, default, &mut database, &mut policy)?;
            wanted.entry((database, policy)).or_default().push(measurement);
        }
        let mut scopes = Vec::new();
        for ((database, policy), names) in wanted {
            let database = required(catalog, &database)?;
            let policy = database.policy(&policy).ok_or(CatalogError::PolicyNotFound(policy))?;
            if policy.groups.is_empty() {
                continue;
            }
            let source = self.store.snapshot(database.id, policy.groups.stretches());
            let mut measurements = source.measurements();
            measurements.retain(|m| names.is_empty() || names.iter().any(|n| is_named(&n.name, m)));
            let shards = policy.groups.shards();
            scopes.push(Scope { source, measurements, database: database.id, shards });
        }
        Ok(scopes)
    }

    /// Whether a measurement as a whole satisfies the condition, if any.
    fn satisfies(
        &self,
        condition: Option<&Expr>,
        measurement: &Text,
        source: &dyn Source,
        context: &StatementContext<'_>,
    ) -> Result<bool, StatementError> {
        let Some(condition) = condition else { return Ok(true) };
        let semantics = self.options.semantics.listings;
        Ok(measurement_satisfies(condition, measurement, source, semantics, context)?.unwrap_or(true))
    }

    /// A condition on the series of one measurement.
    pub(super) fn filter(
        &self,
        source: &dyn Source,
        measurement: &Text,
        condition: Option<&Expr>,
    ) -> Result<SeriesFilter, StatementError> {
        let fields = source.field_types(measurement, TimeRange::ALL);
        let is_field = |name: &str| fields.contains_key(name.as_bytes());
        Ok(series_filter(condition, self.clock.now(), self.options.semantics.select, &is_field)?)
    }
}

/// All shards of a database, of all policies.
pub(super) fn all_shards(database: &Database) -> Vec<ShardId> {
    database.policies.iter().flat_map(|p| p.groups.shards()).collect()
}

/// Whether FROM or WITH MEASUREMENT selects the measurement named `name`.
pub(super) fn is_named(wanted: &MeasurementName, name: &Text) -> bool {
    match wanted {
        MeasurementName::Name(wanted) => *name == **wanted,
        MeasurementName::Regex(regex) => regex.is_match(name),
    }
}

fn is_wanted(keys: &TagKeyFilter, key: &Text) -> bool {
    let matches = |regex: &Regex| regex.is_match(key);
    match keys {
        TagKeyFilter::Equal(wanted) => *key == **wanted,
        TagKeyFilter::NotEqual(unwanted) => *key != **unwanted,
        TagKeyFilter::Match(regex) => matches(regex),
        TagKeyFilter::NotMatch(regex) => !matches(regex),
        TagKeyFilter::In(wanted) => wanted.iter().any(|w| *key == **w),
    }
}

/// The rows that remain after OFFSET and LIMIT.
pub(super) fn limited<Row>(rows: Vec<Row>, limits: Limits) -> Vec<Row> {
    let offset = usize::try_from(limits.offset).unwrap_or(usize::MAX);
    let limit = if limits.limit == 0 { usize::MAX } else { usize::try_from(limits.limit).unwrap_or(usize::MAX) };
    rows.into_iter().skip(offset).take(limit).collect()
}

fn unless_empty(series: SeriesRows) -> Option<SeriesRows> {
    (!series.cells.is_empty()).then_some(series)
}

/// A series for each measurement that has rows.
pub(super) fn by_measurement(rows: impl IntoIterator<Item = (Text, Vec<Value>)>, columns: &[&str]) -> Vec<SeriesRows> {
    let with_rows = rows.into_iter().filter(|(_, cells)| !cells.is_empty());
    with_rows.map(|(name, cells)| SeriesRows { name, cells, ..listing("", columns) }).collect()
}
