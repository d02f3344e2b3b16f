//! SHOW FIELD KEYS: sorted, or in the order in which InfluxDB 1.2.4 merges the keys of several shards.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use fluxstone_catalog::Catalog;
use fluxstone_columns::Source;
use fluxstone_go::TieHeap;
use fluxstone_influxql::ast::SchemaClauses;
use fluxstone_model::{Text, TimeRange};
use fluxstone_query::Value;

use super::Core;
use super::execute::StatementContext;
use super::found_series::check_sometimes;
use super::schema::{Listed, Scope, by_measurement, limited};
use super::statement_error::StatementError;

/// The memory of a field in sets and in the answer, without its key.
const FIELD_BYTES: usize = 512;

/// A field key and the name of one of its types.
type TypedKey = (Text, &'static str);

/// The measurements of a shard with their fields, sorted.
type ShardFields = VecDeque<(Text, TypedKey)>;

/// The field keys of a measurement, each once, in the order in which they were first found.
#[derive(Default)]
struct FieldKeys {
    in_order: Vec<TypedKey>,
    known: HashSet<TypedKey>,
}

impl FieldKeys {
    fn add(&mut self, key: TypedKey) {
        if self.known.insert(key.clone()) {
            self.in_order.push(key);
        }
    }
}

impl Core {
    /// SHOW FIELD KEYS.
    pub(super) fn show_field_keys(
        &self,
        catalog: &Catalog,
        clauses: &SchemaClauses,
        context: &StatementContext<'_>,
    ) -> Listed {
        let default = context.session.database.as_str();
        let mut fields: BTreeMap<Text, FieldKeys> = BTreeMap::new();
        for scope in self.scopes(catalog, clauses, default)? {
            context.check()?;
            for (measurement, key) in self.fields_of(&scope, context)? {
                fields.entry(measurement).or_default().add(key);
            }
        }
        let rows = |keys: FieldKeys| {
            let keys = keys.in_order.into_iter();
            let rows = keys.map(|(key, name)| [Value::String(key), Value::String(Text::from(name))]);
            limited::<[Value; 2]>(rows.collect(), clauses.limits).into_iter().flatten().collect()
        };
        Ok(by_measurement(fields.into_iter().map(|(name, keys)| (name, rows(keys))), &["fieldKey", "fieldType"]))
    }

    fn fields_of(
        &self,
        scope: &Scope,
        context: &StatementContext<'_>,
    ) -> Result<Vec<(Text, TypedKey)>, StatementError> {
        if !self.options.semantics.listings.field_key_order {
            return Ok(sorted(&*scope.source, &scope.measurements, context)?.into());
        }
        let shards = scope.shards.iter().map(|shard| {
            let source = self.store.snapshot(scope.database, &[(*shard, TimeRange::ALL)]);
            sorted(&*source, &scope.measurements, context)
        });
        Ok(heap_order(shards.collect::<Result<_, _>>()?))
    }
}

/// The fields, sorted by measurement, key and type.
fn sorted(
    source: &dyn Source,
    measurements: &[Text],
    context: &StatementContext<'_>,
) -> Result<ShardFields, StatementError> {
    let mut all = BTreeSet::new();
    for measurement in measurements {
        context.check()?;
        for (n, (key, types)) in source.field_types(measurement, TimeRange::ALL).into_iter().enumerate() {
            check_sometimes(n, context)?;
            context.charge(types.len() * (FIELD_BYTES + key.len()))?;
            all.extend(types.iter().map(|t| (measurement.clone(), (key.clone(), t.influxql_name()))));
        }
    }
    Ok(all.into_iter().collect())
}

/// Merges the fields of the shards through a heap that knows only the next measurement of each shard.
fn heap_order(shards: Vec<ShardFields>) -> Vec<(Text, TypedKey)> {
    let mut heap = TieHeap::new(shards.into_iter().filter_map(under_next_measurement).collect());
    let mut fields = Vec::new();
    while let Some((_, mut shard)) = heap.pop() {
        fields.extend(shard.pop_front());
        if let Some((measurement, shard)) = under_next_measurement(shard) {
            heap.push(measurement, shard);
        }
    }
    fields
}

/// A shard under its key in the heap; `None` when it is exhausted.
fn under_next_measurement(shard: ShardFields) -> Option<(Text, ShardFields)> {
    let measurement = shard.front()?.0.clone();
    Some((measurement, shard))
}
