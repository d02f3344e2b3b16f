//! What a SELECT means: the rows that FROM names, those of them that WHERE keeps, in groups, each group a table.

use std::collections::BTreeSet;

use fluxstone_influxql::ast::{Fill, Limits, Order, Select};
use fluxstone_model::{Text, TimeRange, Timestamp};
use fluxstone_query::Value;

use crate::columns::{self, Columns};
use crate::from;
use crate::group::{self, Group};
use crate::policies::Policies;
use crate::results;
use crate::rows;
use crate::schema::Schema;
use crate::time::{self, Bounds, Windows};

/// Why a statement is not answered: the text that clients see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

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

/// The answer to a statement, which may stand in FROM of another one.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its series, in order.
    pub tables: Vec<Table>,
    /// Whether rows of equal times have no order among each other: each table then has the points of one series.
    pub is_apart: bool,
    /// When the shards of the sources begin.
    pub shard_starts: BTreeSet<Timestamp>,
}

/// What the parts of a statement are told about it.
pub struct Asked<'a> {
    /// What names mean.
    pub schema: &'a Schema,
    /// The bounds of time, which may be open.
    pub bounds: Bounds,
    /// The times that are read.
    pub range: TimeRange,
    /// The windows, if there are any.
    pub windows: Option<Windows>,
    /// What stands in windows without a value.
    pub fill: Fill,
    /// Whether later rows come first.
    pub is_descending: bool,
    /// When the shards of the sources begin.
    pub shard_starts: &'a BTreeSet<Timestamp>,
}

/// The answer to a statement, at the time `now`.
pub fn select(policies: &Policies, statement: &Select, now: Timestamp) -> Result<Vec<Table>, Refused> {
    Ok(answer(policies, statement, now, Bounds::default(), false)?.tables)
}

/// The answer to a statement of whose times only those in `outer` are asked for. Where `is_inner`, and rows are points of which
/// none is cut off, each series makes a table of its own.
///
/// Transcribes `select.rows.3`, `select.time.range.2`, `statements.into.3`, `select.sub.3`, `select.sub.6`.
pub fn answer(
    policies: &Policies,
    statement: &Select,
    now: Timestamp,
    outer: Bounds,
    is_inner: bool,
) -> Result<Answer, Refused> {
    let bounds = match &statement.condition {
        Some(condition) => time::bounds(condition, now)?.and(outer),
        None => outer,
    };
    let windows = statement.group_by.window().map(|window| Windows::new(window, now));
    let mut range = bounds.range();
    if windows.is_some() && bounds.max.is_none() {
        range.max = now;
    }
    let inputs = from::inputs(
        policies,
        statement,
        now,
        Bounds { max: bounds.max.or(windows.map(|_| range.max)), ..bounds },
        range,
    )?;
    let schema = from::schema(&inputs);
    let shard_starts = inputs.iter().flat_map(|input| input.shard_starts.clone()).collect();
    let columns = columns::columns(statement, &schema)?;
    let fill = match statement.fill.unwrap_or(Fill::Null) {
        Fill::Null if statement.into.is_some() => Fill::None,
        fill => fill,
    };
    let is_descending = statement.order == Some(Order::Descending);
    let asked = Asked { schema: &schema, bounds, range, windows, fill, is_descending, shard_starts: &shard_starts };
    results::check(&columns, &asked)?;

    let has_functions = columns.list.iter().any(|column| columns::has_call(&column.expr));
    let Limits { limit, offset, .. } = statement.limits;
    let is_apart = is_inner && !has_functions && limit == 0 && offset == 0;
    let mut groups = group::groups(inputs, statement, &schema);
    let fields = if has_functions {
        results::read_fields(&columns, &asked)
    } else {
        rows::selected_fields(&columns, statement, &schema)
    };
    group::limit(&mut groups, statement.limits, &fields, range);
    if is_apart {
        groups = groups.into_iter().flat_map(group::apart).collect();
    }
    let reverses_groups = !has_functions || windows.is_some() || results::streams_points(&columns);
    if is_descending && reverses_groups {
        groups.reverse();
    }
    let mut tables = Vec::new();
    for group in groups {
        let mut rows = if has_functions {
            results::rows(&group, &columns, &asked)?
        } else {
            rows::rows(&group, &columns, statement, &asked)
        };
        cut(&mut rows, statement.limits);
        if !rows.is_empty() && !range.is_empty() {
            tables.push(table(group, &columns, rows));
        }
    }
    Ok(Answer { tables, is_apart, shard_starts })
}

fn table(group: Group, columns: &Columns, rows: Vec<Vec<Value>>) -> Table {
    Table { name: group.measurement, tags: group.tags, columns: columns.names(), rows }
}

/// Leaves out the first OFFSET rows and all after LIMIT more. Transcribes `select.limit.1`.
fn cut(rows: &mut Vec<Vec<Value>>, limits: Limits) {
    rows.drain(..rows.len().min(limits.offset as usize));
    if limits.limit != 0 {
        rows.truncate(limits.limit as usize);
    }
}
