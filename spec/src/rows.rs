//! Rows that are points: the points of a group, their order, and their cells.

use std::collections::BTreeSet;

use fluxstone_influxql::ast::{Expr, ExprKind, Select, Source};
use fluxstone_model::{TimeRange, Timestamp};
use fluxstone_query::Value;

use crate::columns::Columns;
use crate::constants::literal;
use crate::group::Group;
use crate::schema::{Meaning, Row, Schema};
use crate::scope::Scope;
use crate::tie_order;
use crate::time::Windows;
use crate::value::{Division, arithmetic};

/// A row with the number of its series in the group.
pub type Numbered = (usize, Row);

/// Returns the rows of a group without functions: one for each point that has a selected field.
///
/// Transcribes `select.rows.1`, `select.rows.2`, `select.sub.8`.
pub fn rows(group: &Group, columns: &Columns, statement: &Select, scope: &Scope<'_>) -> Vec<Vec<Value>> {
    let schema = scope.schema;
    let fields = selected_fields(columns, statement, schema);
    let merged = merged(&lists(group, &fields, scope.range), scope);
    let row = |(_, row): Numbered| {
        let mut cells = vec![Value::Time(row.time)];
        cells.extend(columns.list.iter().map(|column| evaluate(&column.expr, &row, schema)));
        cells
    };
    merged.into_iter().map(row).collect()
}

/// Returns the fields that make rows: the selected ones, or all if none of them is a column of the sub-queries.
///
/// Transcribes `select.rows.1`, `select.sub.8`.
pub fn selected_fields(columns: &Columns, statement: &Select, schema: &Schema) -> Vec<Meaning> {
    let fields: Vec<Meaning> = columns.list.iter().flat_map(|column| fields_of(&column.expr, schema)).collect();
    let is_answer = |source: &Source| matches!(source, Source::Subquery(_));
    let is_tag =
        |expr: &Expr| matches!(&expr.kind, ExprKind::Var(var) if matches!(schema.meaning(var), Meaning::Tag(_)));
    let has_column = !fields.is_empty() || columns.list.iter().any(|column| is_tag(&column.expr));
    let is_known = |field: &Meaning| matches!(field, Meaning::Field(name, _) if schema.fields.contains_key(name));
    if !fields.iter().any(is_known) && has_column && statement.sources.iter().all(is_answer) {
        let all = schema.fields.iter();
        return all.map(|(name, field_type)| Meaning::Field(name.clone(), *field_type)).collect();
    }
    fields
}

/// Returns the fields that an expression reads.
pub fn fields_of(expr: &Expr, schema: &Schema) -> Vec<Meaning> {
    match &expr.kind {
        ExprKind::Paren(inner) => fields_of(inner, schema),
        ExprKind::Binary { lhs, rhs, .. } => [fields_of(lhs, schema), fields_of(rhs, schema)].concat(),
        ExprKind::Var(var) => match schema.meaning(var) {
            field @ Meaning::Field(..) => vec![field],
            Meaning::Tag(_) | Meaning::Nothing => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The value of an expression in a row. Transcribes `select.arithmetic.1`, `select.arithmetic.2`, `select.arithmetic.3`.
pub fn evaluate(expr: &Expr, row: &Row, schema: &Schema) -> Value {
    match &expr.kind {
        ExprKind::Paren(inner) => evaluate(inner, row, schema),
        ExprKind::Var(var) => schema.meaning(var).of(row),
        ExprKind::Binary { op, lhs, rhs } => {
            arithmetic(*op, &evaluate(lhs, row, schema), &evaluate(rhs, row, schema), Division::Exact)
        }
        other => literal(other),
    }
}

/// Returns, for each series of a group, its rows in `range` that have one of `fields`, in order of time.
pub fn lists(group: &Group, fields: &[Meaning], range: TimeRange) -> Vec<List> {
    let mut lists = Vec::new();
    for (number, member) in group.series.iter().enumerate() {
        let has_value =
            |row: &&Row| range.contains(row.time) && fields.iter().any(|field| field.of(row) != Value::Null);
        let rows: Vec<Row> = member.series.rows.iter().filter(has_value).cloned().collect();
        if !rows.is_empty() {
            lists.push(List { number, place: if member.series.is_placed { number } else { 0 }, rows });
        }
    }
    lists
}

/// Some rows of one series of a group.
pub struct List {
    /// The number of the series in the group.
    pub number: usize,
    /// Decides between rows of equal times, if their series have an order.
    pub place: usize,
    /// The rows, in order of time.
    pub rows: Vec<Row>,
}

/// Merges the rows of several series in the order of the query: one shard after another, by time in each.
///
/// Transcribes `select.order.1`, `select.order.2`, `select.order.ties.1`, `select.order.ties.2`, `select.sub.6`.
pub fn merged(lists: &[List], scope: &Scope<'_>) -> Vec<Numbered> {
    let mut merged = Vec::new();
    for stretch in stretches(scope.shard_starts, scope.is_descending) {
        let mut parts = Vec::new();
        for list in lists {
            let inside = list.rows.iter().filter(|row| stretch.contains(row.time));
            let mut part: Vec<_> = inside.map(|row| ((row.time, list.place), (list.number, row.clone()))).collect();
            if scope.is_descending {
                part.reverse();
            }
            parts.push(part);
        }
        merged.extend(in_tie_order(parts, scope.is_descending));
    }
    merged
}

/// Returns the rows of several series, one window after another, and in each window one series after another.
///
/// Transcribes `functions.series.1`.
pub fn in_turn(lists: &[List], scope: &Scope<'_>) -> Vec<Numbered> {
    let window = |row: &Row| scope.windows.map_or(Timestamp::EPOCH, |windows: Windows| windows.start(row.time));
    let mut chunked = Vec::new();
    for list in lists {
        let mut chunks: Vec<((Timestamp, usize), Vec<Numbered>)> = Vec::new();
        let mut rows = list.rows.clone();
        if scope.is_descending {
            rows.reverse();
        }
        for row in rows {
            let key = (window(&row), list.place);
            match chunks.last_mut() {
                Some((last, chunk)) if *last == key => chunk.push((list.number, row)),
                _ => chunks.push((key, vec![(list.number, row)])),
            }
        }
        chunked.push(chunks);
    }
    in_tie_order(chunked, scope.is_descending).into_iter().flatten().collect()
}

/// Merges lists by time. If series have an order, rows of equal times come in this order.
fn in_tie_order<T>(mut lists: Vec<Vec<((Timestamp, usize), T)>>, is_descending: bool) -> Vec<T> {
    if is_descending {
        lists.reverse();
    }
    let merged =
        tie_order::merge(lists, |(a, _), (b, _)| if a.0 == b.0 { a.1 < b.1 } else { (a.0 < b.0) != is_descending });
    merged.into_iter().map(|(_, item)| item).collect()
}

/// The ranges between the starts of shards, in the order of the query.
fn stretches(starts: &BTreeSet<Timestamp>, is_descending: bool) -> Vec<TimeRange> {
    let mut stretches = Vec::new();
    let mut min = Timestamp(i64::MIN);
    for start in starts {
        stretches.push(TimeRange { min, max: Timestamp(start.0 - 1) });
        min = *start;
    }
    stretches.push(TimeRange { min, max: Timestamp(i64::MAX) });
    if is_descending {
        stretches.reverse();
    }
    stretches
}
