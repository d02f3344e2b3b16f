//! FROM: the rows that a statement reads, stored ones and those of sub-queries.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_influxql::ast::{Dimension, Fill, Measurement, MeasurementName, Select, Source};
use fluxstone_model::{FieldType, FieldValue, SeriesKey, TagSet, Text, TimeRange, Timestamp};
use fluxstone_query::Value;

use crate::answer::{Answer, Refused, Table};
use crate::policies::Policies;
use crate::schema::{Row, Schema};

/// One measurement of one entry of FROM.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name.
    pub measurement: Text,
    /// Its series, in order.
    pub series: Vec<Series>,
    /// Its fields with their types; a field may have several.
    pub fields: Vec<(Text, FieldType)>,
    /// Its tag keys.
    pub tags: BTreeSet<Text>,
    /// Those of the fields that show tags of a sub-query.
    pub tag_columns: BTreeSet<Text>,
    /// When the shards that it is read from begin.
    pub shard_starts: BTreeSet<Timestamp>,
}

/// The rows of one series, in order of time, each time once.
#[derive(Debug, Clone)]
pub struct Series {
    /// Measurement and tags.
    pub key: SeriesKey,
    /// Its rows.
    pub rows: Vec<Row>,
    /// Whether rows of equal times come in the order of their series.
    pub is_placed: bool,
}

/// Returns all inputs that FROM names, by measurement. A measurement named twice is read twice. `answer` answers a sub-query of which
/// so many dimensions are its own.
///
/// Transcribes `select.from.1`.
pub fn inputs(
    policies: &Policies,
    statement: &Select,
    range: TimeRange,
    answer: &dyn Fn(&Select, usize) -> Result<Answer, Refused>,
) -> Result<Vec<Input>, Refused> {
    let mut inputs = Vec::new();
    for source in &statement.sources {
        match source {
            Source::Measurement(measurement) => inputs.extend(stored(policies, measurement, range)),
            Source::Subquery(inner) => {
                let own_dimensions = inner.group_by.dimensions.len();
                inputs.extend(answered(answer(&adapted(inner, statement), own_dimensions)?));
            }
        }
    }
    inputs.sort_by_key(|input| input.measurement.clone());
    Ok(inputs)
}

/// The names in all inputs.
pub fn schema(inputs: &[Input]) -> Schema {
    let mut schema = Schema::default();
    for input in inputs {
        for (name, field_type) in &input.fields {
            schema.add_field(name, *field_type);
        }
        schema.tags.extend(input.tags.iter().cloned());
        schema.tag_columns.extend(input.tag_columns.iter().cloned());
    }
    schema
}

/// The measurements of a policy with the wanted name, or whose names match. Their fields are those of the shards that overlap the
/// range.
fn stored(policies: &Policies, wanted: &Measurement, range: TimeRange) -> Vec<Input> {
    let is_named = |name: &Text| match &wanted.name {
        MeasurementName::Name(named) => *name == named.as_str(),
        MeasurementName::Regex(regex) => regex.is_match(name),
    };
    let shards = policies.shards(&wanted.policy);
    let names = policies.measurements().into_iter().filter(is_named);
    let input = |measurement: Text| {
        let touched = shards.iter().filter(|(times, _)| times.overlaps(range));
        let types = touched.flat_map(|(_, points)| &points.types);
        let fields = types.filter(|((of, _), _)| *of == measurement).map(|((_, field), kind)| (field.clone(), *kind));
        let keys = policies.series_of(&measurement).cloned();
        Input {
            fields: fields.collect(),
            series: keys.map(|key| stored_series(policies, &wanted.policy, key)).collect(),
            tags: policies.tag_keys(&measurement),
            tag_columns: BTreeSet::new(),
            shard_starts: policies.shard_starts(&wanted.policy),
            measurement,
        }
    };
    names.map(input).collect()
}

/// A series with a row for each time at which it has a value.
fn stored_series(policies: &Policies, policy: &str, key: SeriesKey) -> Series {
    let mut rows: BTreeMap<Timestamp, BTreeMap<Text, FieldValue>> = BTreeMap::new();
    for point in policies.shards(policy).into_iter().flat_map(|(_, points)| &points.list) {
        if point.series == key {
            rows.entry(point.time).or_default().insert(point.field.clone(), point.value.clone());
        }
    }
    let row = |(time, fields)| Row { series: key.clone(), time, fields };
    Series { rows: rows.into_iter().map(row).collect(), key, is_placed: false }
}

/// The inner statement as it is run: grouped also by the tags of the outer statement, with its windows if it has none itself,
/// without INTO, and without empty windows unless they are filled.
///
/// Transcribes `select.sub.1`, `select.sub.2`, `select.sub.3`, `select.sub.5`.
fn adapted(inner: &Select, outer: &Select) -> Select {
    let mut inner = inner.clone().without_target();
    let has_windows = inner.group_by.window().is_some();
    for dimension in &outer.group_by.dimensions {
        match dimension {
            Dimension::Time(_) if has_windows => {}
            Dimension::Time(_) | Dimension::Tag(_) => inner = inner.grouped_by_also(dimension.clone()),
            Dimension::Wildcard | Dimension::Regex(_) => {}
        }
    }
    if matches!(inner.fill, None | Some(Fill::Null)) { inner.with_fill(Fill::None) } else { inner }
}

/// An answer as measurements: its columns are fields, its grouped tags are tags.
///
/// Transcribes `select.sub.1`, `select.sub.2`, `select.sub.6`.
fn answered(answer: Answer) -> Vec<Input> {
    let mut inputs: BTreeMap<Text, Input> = BTreeMap::new();
    let mut place = 0;
    for table in answer.tables {
        let shard_starts = if answer.is_apart { answer.shard_starts.clone() } else { BTreeSet::new() };
        let input = inputs.entry(table.name.clone()).or_insert_with(|| Input {
            measurement: table.name.clone(),
            series: Vec::new(),
            fields: Vec::new(),
            tags: BTreeSet::new(),
            tag_columns: answer.tag_columns.clone(),
            shard_starts,
        });
        // A column hides a tag of the same name.
        let keys = table.tags.iter().map(|(key, _)| key).filter(|key| !table.columns.contains(key));
        input.tags.extend(keys.cloned());
        // A tag that the sub-query groups by itself has the empty value where a series does not have it.
        let is_shown = |(key, value): &&(Text, Text)| !value.is_empty() || answer.own_dimensions.contains(key);
        let shown: Vec<_> = table.tags.iter().filter(is_shown).cloned().collect();
        for rows in rows_of_different_times(&table) {
            let key = SeriesKey {
                raw: Text::from(format!("{place:020}")),
                measurement: table.name.clone(),
                tags: TagSet::new(shown.clone()),
            };
            place += 1;
            let rows: Vec<Row> =
                rows.into_iter().map(|(time, fields)| Row { series: key.clone(), time, fields }).collect();
            for (name, value) in rows.iter().flat_map(|row| &row.fields) {
                input.fields.push((name.clone(), value.field_type()));
            }
            input.series.push(Series { key, rows, is_placed: !answer.is_apart });
        }
    }
    inputs.into_values().collect()
}

/// The values of a row by column name.
type Named = BTreeMap<Text, FieldValue>;

/// Sorts the rows of a table by time. A series has each time once, so a second row of a time goes to a second list, and so on.
fn rows_of_different_times(table: &Table) -> Vec<Vec<(Timestamp, Named)>> {
    let mut lists: Vec<BTreeMap<Timestamp, Named>> = Vec::new();
    for row in &table.rows {
        let [Value::Time(time), cells @ ..] = &row[..] else { continue };
        let mut fields = Named::new();
        for (name, cell) in table.columns[1..].iter().zip(cells) {
            if let Some(value) = field_value(cell) {
                fields.insert(name.clone(), value);
            }
        }
        let at = lists.iter().position(|list| !list.contains_key(time)).unwrap_or_else(|| {
            lists.push(BTreeMap::new());
            lists.len() - 1
        });
        lists[at].insert(*time, fields);
    }
    lists.into_iter().map(|list| list.into_iter().collect()).collect()
}

fn field_value(cell: &Value) -> Option<FieldValue> {
    match cell {
        Value::Float(value) => Some(FieldValue::Float(*value)),
        Value::Integer(value) => Some(FieldValue::Integer(*value)),
        Value::String(value) => Some(FieldValue::String(value.clone())),
        Value::Boolean(value) => Some(FieldValue::Boolean(*value)),
        _ => None,
    }
}
