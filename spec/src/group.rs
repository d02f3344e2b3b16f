//! Groups: the rows that belong together, and how many groups are wanted.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_influxql::ast::{Dimension, Limits, Select};
use fluxstone_model::{Text, TimeRange};
use fluxstone_query::Value;

use crate::condition;
use crate::from::{Input, Series};
use crate::schema::{Meaning, Row, Schema};

/// The series of one measurement that have one combination of values of the grouped tags.
#[derive(Debug, Clone)]
pub struct Group {
    /// The measurement.
    pub measurement: Text,
    /// The grouped tags in key order; an absent tag has an empty value.
    pub tags: Vec<(Text, Text)>,
    /// Its series, in the order of their keys.
    pub series: Vec<Member>,
}

/// A series of a group.
#[derive(Debug, Clone)]
pub struct Member {
    /// The series, with the rows that WHERE keeps.
    pub series: Series,
    /// All its rows.
    pub all_rows: Vec<Row>,
}

/// Returns the groups of all inputs, by measurement, then by the values of the tags. Series whose rows cannot satisfy WHERE, whatever
/// their fields are, belong to no group.
///
/// Transcribes `select.group.1`, `select.order.1`, `select.where.1`.
pub fn groups(inputs: Vec<Input>, statement: &Select, schema: &Schema) -> Vec<Group> {
    let keys = grouped_tags(&statement.group_by.dimensions, schema);
    let mut groups: BTreeMap<(Text, Vec<Text>), Group> = BTreeMap::new();
    for input in inputs {
        for mut series in input.series {
            let condition = statement.condition.as_ref();
            if condition.is_some_and(|condition| !condition::may_hold(condition, &series.key, schema)) {
                continue;
            }
            let value = |key: &Text| series.key.tags.get(key).cloned().unwrap_or_default();
            let tags: Vec<(Text, Text)> = keys.iter().map(|key| (key.clone(), value(key))).collect();
            let order = tags.iter().map(|(_, value)| value.clone()).collect();
            let all_rows = series.rows.clone();
            series.rows.retain(|row| condition.is_none_or(|condition| condition::holds(condition, row, schema)));
            let measurement = input.measurement.clone();
            let group = groups.entry((measurement.clone(), order));
            let group = group.or_insert(Group { measurement, tags, series: Vec::new() });
            group.series.push(Member { series, all_rows });
        }
    }
    for group in groups.values_mut() {
        group.series.sort_by_key(|member| member.series.key.clone());
    }
    groups.into_values().collect()
}

/// Returns the keys of the tags that dimensions name, each once, sorted.
pub fn grouped_tags(dimensions: &[Dimension], schema: &Schema) -> BTreeSet<Text> {
    let mut keys = BTreeSet::new();
    for dimension in dimensions {
        match dimension {
            Dimension::Time(_) => {}
            Dimension::Tag(key) => keys.extend([Text::from(key.as_str())]),
            Dimension::Wildcard => keys.extend(schema.tags.iter().cloned()),
            Dimension::Regex(regex) => keys.extend(schema.tags.iter().filter(|key| regex.is_match(key)).cloned()),
        }
    }
    keys
}

/// Keeps the groups of each measurement that SOFFSET and SLIMIT select. Only groups with a value of `fields` in the range count,
/// or all groups without `fields`.
///
/// Transcribes `functions.types.3`, `select.limit.2`, `select.limit.3`, `select.limit.4`.
pub fn limit(groups: &mut Vec<Group>, limits: Limits, fields: Option<&Vec<Meaning>>, range: TimeRange) {
    if limits.slimit == 0 && limits.soffset == 0 {
        return;
    }
    let has_value =
        |row: &Row| range.contains(row.time) && fields.into_iter().flatten().any(|field| field.of(row) != Value::Null);
    let mut counts: BTreeMap<Text, u64> = BTreeMap::new();
    groups.retain(|group| {
        let rows = || group.series.iter().flat_map(|member| &member.all_rows);
        if fields.is_some() && !rows().any(has_value) {
            return false;
        }
        let count = counts.entry(group.measurement.clone()).or_default();
        *count += 1;
        *count > limits.soffset && (limits.slimit == 0 || *count <= limits.soffset + limits.slimit)
    });
}

/// Splits a group into one group for each series.
pub fn apart(group: Group) -> Vec<Group> {
    let Group { measurement, tags, series } = group;
    let alone = |member| Group { measurement: measurement.clone(), tags: tags.clone(), series: vec![member] };
    series.into_iter().map(alone).collect()
}
