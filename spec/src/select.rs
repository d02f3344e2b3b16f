//! What a SELECT means: the whole measurement as rows, those that WHERE keeps, in groups, each group a table.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone::influxql::ast::{Dimension, Expr, ExprKind, Limits, MeasurementName, Order, Select, Source};
use fluxstone::model::{FieldType, FieldValue, SeriesKey, Text, Timestamp};
use fluxstone::query::Value;

use crate::aggregate;
use crate::condition::{self, Bounds};
use crate::points::Points;
use crate::tie_order;

/// What these semantics don't cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unspecified(pub &'static str);

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The measurement.
    pub name: Text,
    /// The grouped tags in key order.
    pub tags: Vec<(Text, Text)>,
    /// The column names.
    pub columns: Vec<Text>,
    /// The cells of each row.
    pub rows: Vec<Vec<Value>>,
}

/// All fields that one series has at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Measurement and tags.
    pub series: SeriesKey,
    /// When.
    pub time: Timestamp,
    /// What.
    pub fields: BTreeMap<Text, FieldValue>,
}

/// The names that a measurement has.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Its fields and their types.
    pub fields: BTreeMap<Text, FieldType>,
    /// Its tag keys.
    pub tags: BTreeSet<Text>,
}

/// The rows of one combination of values of the grouped tags.
pub struct Group {
    /// The grouped tags in key order; an absent tag has an empty value.
    pub tags: Vec<(Text, Text)>,
    /// The rows of each series, in time order.
    pub series: BTreeMap<SeriesKey, Vec<Row>>,
}

/// The answer to a statement, at the time `now`. Transcribes `select.rows.3`.
pub fn select(points: &Points, statement: &Select, now: Timestamp) -> Result<Vec<Table>, Unspecified> {
    let name = measurement(statement)?;
    let schema = schema(points, &name);
    let bounds = statement.condition.as_ref().map_or(Ok(Bounds::default()), condition::bounds)?;
    let mut kept = Vec::new();
    for row in rows(points, &name) {
        let is_kept = statement.condition.as_ref().map_or(Ok(true), |it| condition::holds(it, &row, &schema))?;
        if is_kept && bounds.contain(row.time) {
            kept.push(row);
        }
    }
    let groups = groups(kept, &grouped_tags(statement, &schema)?);
    let is_aggregate = statement.fields.iter().any(|field| matches!(field.expr.kind, ExprKind::Call { .. }));
    let mut tables = if is_aggregate {
        aggregate::tables(statement, &name, groups, bounds, now)?
    } else {
        raw_tables(statement, &name, &schema, groups)?
    };
    for table in &mut tables {
        limit(&mut table.rows, statement.limits)?;
    }
    tables.retain(|table| !table.rows.is_empty());
    Ok(tables)
}

fn measurement(statement: &Select) -> Result<Text, Unspecified> {
    match &statement.sources[..] {
        [Source::Measurement(measurement)] => match &measurement.name {
            MeasurementName::Name(name) => Ok(Text::from(name.as_str())),
            MeasurementName::Regex(_) => Err(Unspecified("a regex in FROM")),
        },
        _ => Err(Unspecified("a subquery or several sources")),
    }
}

fn schema(points: &Points, name: &Text) -> Schema {
    let fields = points.types.iter().filter(|((measurement, _), _)| measurement == name);
    Schema {
        fields: fields.map(|((_, field), field_type)| (field.clone(), *field_type)).collect(),
        tags: points.tag_keys(name),
    }
}

/// The whole measurement: a row for each series and time, in the order of series keys, then times.
fn rows(points: &Points, name: &Text) -> Vec<Row> {
    let mut rows: BTreeMap<(SeriesKey, Timestamp), BTreeMap<Text, FieldValue>> = BTreeMap::new();
    for point in points.of_measurement(name) {
        let row = rows.entry((point.series.clone(), point.time)).or_default();
        row.insert(point.field.clone(), point.value.clone());
    }
    rows.into_iter().map(|((series, time), fields)| Row { series, time, fields }).collect()
}

/// The keys of the tags that GROUP BY names, each once, sorted.
fn grouped_tags(statement: &Select, schema: &Schema) -> Result<BTreeSet<Text>, Unspecified> {
    let mut keys = BTreeSet::new();
    for dimension in &statement.group_by.dimensions {
        match dimension {
            Dimension::Time(_) => {}
            Dimension::Tag(key) => keys.extend([Text::from(key.as_str())]),
            Dimension::Wildcard => keys.extend(schema.tags.iter().cloned()),
            Dimension::Regex(_) => return Err(Unspecified("a regex in GROUP BY")),
        }
    }
    Ok(keys)
}

/// Puts rows into groups, in the order of the values of their grouped tags, joined by NUL bytes.
///
/// Transcribes `select.group.1`, `select.order.1`.
fn groups(rows: Vec<Row>, keys: &BTreeSet<Text>) -> Vec<Group> {
    let mut groups: BTreeMap<Vec<u8>, Group> = BTreeMap::new();
    for row in rows {
        let value = |key: &Text| row.series.tags.get(key).cloned().unwrap_or_default();
        let tags: Vec<(Text, Text)> = keys.iter().map(|key| (key.clone(), value(key))).collect();
        let order = tags.iter().map(|(_, value)| value.to_vec()).collect::<Vec<_>>().join(&0);
        let group = groups.entry(order).or_insert(Group { tags, series: BTreeMap::new() });
        group.series.entry(row.series.clone()).or_default().push(row);
    }
    groups.into_values().collect()
}

/// What a column of a raw query shows.
enum Column {
    Field(Text),
    Tag(Text),
}

/// A table for each group: a row wherever a selected field has a value.
///
/// Transcribes `select.rows.1`, `select.order.1`, `select.order.2`.
fn raw_tables(statement: &Select, name: &Text, schema: &Schema, groups: Vec<Group>) -> Result<Vec<Table>, Unspecified> {
    if statement.group_by.window().is_some() {
        return Err(Unspecified("GROUP BY time without a function"));
    }
    let (names, columns) = raw_columns(statement, schema)?;
    let is_descending = statement.order == Some(Order::Descending);
    let has_field =
        |row: &Row| columns.iter().any(|column| matches!(column, Column::Field(name) if row.fields.contains_key(name)));
    let mut tables = Vec::new();
    for group in groups {
        let mut lists: Vec<Vec<Row>> = Vec::new();
        for rows in group.series.into_values() {
            lists.push(rows.into_iter().filter(&has_field).collect());
        }
        let merged = if is_descending {
            lists.reverse();
            for rows in &mut lists {
                rows.reverse();
            }
            tie_order::merge(lists, |a, b| a.time > b.time)
        } else {
            tie_order::merge(lists, |a, b| a.time < b.time)
        };
        let rows = merged.iter().map(|row| raw_cells(row, &columns)).collect();
        tables.push(Table { name: name.clone(), tags: group.tags, columns: names.clone(), rows });
    }
    if is_descending {
        tables.reverse();
    }
    Ok(tables)
}

/// Transcribes `select.rows.2`, `select.rows.4`.
fn raw_cells(row: &Row, columns: &[Column]) -> Vec<Value> {
    let mut cells = vec![Value::Time(row.time)];
    cells.extend(columns.iter().map(|column| match column {
        Column::Field(name) => row.fields.get(name).map_or(Value::Null, cell),
        Column::Tag(key) => row.series.tags.get(key).map_or(Value::Null, |value| Value::String(value.clone())),
    }));
    cells
}

/// A field's value as a cell.
pub fn cell(value: &FieldValue) -> Value {
    match value {
        FieldValue::Float(value) => Value::Float(*value),
        FieldValue::Integer(value) => Value::Integer(*value),
        FieldValue::String(value) => Value::String(value.clone()),
        FieldValue::Boolean(value) => Value::Boolean(*value),
    }
}

/// The columns of a raw query. `*` is every field, and every tag that is not grouped, sorted by name, a field before a tag.
///
/// Transcribes `select.columns.wildcard.1`, `select.columns.kind.1`.
fn raw_columns(statement: &Select, schema: &Schema) -> Result<(Vec<Text>, Vec<Column>), Unspecified> {
    let mut named = Vec::new();
    for field in &statement.fields {
        match &field.expr.kind {
            ExprKind::Var(var) if var.cast.is_none() && var.name != "time" => {
                let name = Text::from(var.name.as_str());
                let is_field = schema.fields.contains_key(&name);
                let column = if is_field { Column::Field(name.clone()) } else { Column::Tag(name.clone()) };
                named.push((field.alias.clone(), name, column));
            }
            ExprKind::Wildcard(None) => {
                let grouped = grouped_tags(statement, schema)?;
                let mut all: BTreeMap<(Text, bool), Column> = BTreeMap::new();
                all.extend(schema.fields.keys().map(|name| ((name.clone(), false), Column::Field(name.clone()))));
                let tags = schema.tags.difference(&grouped);
                all.extend(tags.map(|name| ((name.clone(), true), Column::Tag(name.clone()))));
                named.extend(all.into_iter().map(|((name, _), column)| (String::new(), name, column)));
            }
            _ => return Err(Unspecified("a projection that is no plain name and no function")),
        }
    }
    let names = column_names(named.iter().map(|(alias, name, _)| (alias.as_str(), name)));
    Ok((names, named.into_iter().map(|(_, _, column)| column).collect()))
}

/// The names of the columns, `time` in front: the alias, or else the own name, with `_1`, `_2` ... behind it if another column has
/// it. Transcribes `select.columns.names.1`, `select.columns.names.2`.
pub fn column_names<'a>(columns: impl Iterator<Item = (&'a str, &'a Text)> + Clone) -> Vec<Text> {
    let mut taken: BTreeSet<Text> = columns.clone().map(|(alias, _)| Text::from(alias)).collect();
    let mut names = vec![Text::from("time")];
    for (alias, own) in columns {
        let mut name = if alias.is_empty() { own.clone() } else { Text::from(alias) };
        let mut k = 0;
        while alias.is_empty() && taken.contains(&name) {
            k += 1;
            name = Text::from(format!("{own}_{k}"));
        }
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// Leaves out the first OFFSET rows and all after LIMIT more. Transcribes `select.limit.1`.
fn limit(rows: &mut Vec<Vec<Value>>, limits: Limits) -> Result<(), Unspecified> {
    if limits.slimit != 0 || limits.soffset != 0 {
        return Err(Unspecified("SLIMIT and SOFFSET"));
    }
    rows.drain(..rows.len().min(limits.offset as usize));
    if limits.limit != 0 {
        rows.truncate(limits.limit as usize);
    }
    Ok(())
}

/// The name in a projection that is a function of one field: its name and the field's.
pub fn call(expr: &Expr) -> Option<(&str, &str)> {
    match &expr.kind {
        ExprKind::Call { name, args } => match &args[..] {
            [Expr { kind: ExprKind::Var(var), .. }] if var.cast.is_none() => Some((name, &var.name)),
            _ => None,
        },
        _ => None,
    }
}
