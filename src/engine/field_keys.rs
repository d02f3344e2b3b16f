//! SHOW FIELD KEYS: sorted, or in the order in which InfluxDB 1.2.4 was observed to merge the keys of several shards.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fluxstone_catalog::Catalog;
use fluxstone_columns::Source;
use fluxstone_influxql::ast::Show;
use fluxstone_model::{Text, TimeRange};
use fluxstone_query::Value;

use super::Core;
use super::schema::{Listed, Scope, by_measurement, limited};

/// A field key and the name of a type that it has.
type TypedKey = (Text, &'static str);

/// The measurements of a shard with their fields, in order.
type ShardFields = VecDeque<(Text, TypedKey)>;

impl Core {
    /// SHOW FIELD KEYS.
    pub(super) fn show_field_keys(&self, catalog: &Catalog, show: &Show, default: &str) -> Listed {
        let mut fields: BTreeMap<Text, Vec<TypedKey>> = BTreeMap::new();
        for scope in self.scopes(catalog, show, default)? {
            for (measurement, key) in self.fields_of(&scope) {
                let keys = fields.entry(measurement).or_default();
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        let rows = |keys: Vec<TypedKey>| {
            let rows = keys.into_iter().map(|(key, name)| [Value::String(key), Value::String(Text::from(name))]);
            limited::<[Value; 2]>(rows.collect(), show.limits).into_iter().flatten().collect()
        };
        Ok(by_measurement(fields.into_iter().map(|(name, keys)| (name, rows(keys))), &["fieldKey", "fieldType"]))
    }

    fn fields_of(&self, scope: &Scope) -> Vec<(Text, TypedKey)> {
        if !self.options.semantics.listings.field_key_order {
            return sorted(&*scope.source, &scope.measurements).into();
        }
        let shards = scope.shards.iter().map(|shard| {
            let source = self.store.snapshot(scope.database, &[(*shard, TimeRange::ALL)]);
            sorted(&*source, &scope.measurements)
        });
        heap_order(shards.collect())
    }
}

/// The fields by measurement, key and type.
fn sorted(source: &dyn Source, measurements: &[Text]) -> ShardFields {
    let mut all = BTreeSet::new();
    for measurement in measurements {
        for (key, types) in source.field_types(measurement, TimeRange::ALL) {
            all.extend(types.iter().map(|t| (measurement.clone(), (key.clone(), t.influxql_name()))));
        }
    }
    all.into_iter().collect()
}

/// Takes the fields from a binary heap of the shards, which knows only the measurement that is next in each: the first shard
/// changes places with the last, the new first sinks, one field of the old first is taken, and if it has more it is put
/// behind the last, from where it rises.
fn heap_order(mut heap: Vec<ShardFields>) -> Vec<(Text, TypedKey)> {
    let mut fields = Vec::new();
    heap.retain(|shard| !shard.is_empty());
    for at in (0..heap.len() / 2).rev() {
        sink(&mut heap, at);
    }
    while let Some(last) = heap.len().checked_sub(1) {
        heap.swap(0, last);
        let Some(mut shard) = heap.pop() else { break };
        sink(&mut heap, 0);
        fields.extend(shard.pop_front());
        if !shard.is_empty() {
            heap.push(shard);
            rise(&mut heap);
        }
    }
    fields
}

fn next_measurement(heap: &[ShardFields], at: usize) -> Option<&Text> {
    heap.get(at)?.front().map(|(measurement, _)| measurement)
}

fn sink(heap: &mut [ShardFields], mut at: usize) {
    loop {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        if left >= heap.len() {
            return;
        }
        let right_is_less = right < heap.len() && next_measurement(heap, right) < next_measurement(heap, left);
        let child = if right_is_less { right } else { left };
        if next_measurement(heap, child) >= next_measurement(heap, at) {
            return;
        }
        heap.swap(at, child);
        at = child;
    }
}

fn rise(heap: &mut [ShardFields]) {
    let mut at = heap.len().saturating_sub(1);
    while at > 0 {
        let parent = (at - 1) / 2;
        if next_measurement(heap, at) >= next_measurement(heap, parent) {
            return;
        }
        heap.swap(at, parent);
        at = parent;
    }
}
