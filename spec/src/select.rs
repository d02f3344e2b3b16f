//! The meaning of a SELECT: the rows that FROM names, those of them that WHERE keeps, in groups, each of which becomes a table.

use fluxstone_influxql::ast::{Fill, Limits, Order, Select};
use fluxstone_model::Timestamp;
use fluxstone_query::Value;

pub use crate::answer::{Answer, Refused, Table};
use crate::columns::{self, Columns};
use crate::from;
use crate::group::{self, Group};
use crate::policies::Policies;
use crate::results;
use crate::rows;
use crate::scope::Scope;
use crate::time::{self, Bounds, Windows};

/// Answers a statement at the time `now`.
pub fn select(policies: &Policies, statement: &Select, now: Timestamp) -> Result<Vec<Table>, Refused> {
    let own_dimensions = statement.group_by.dimensions.len();
    Ok(answer(policies, statement, now, (Bounds::default(), own_dimensions), false)?.tables)
}

/// Answers a statement of which only the times in `outer` are wanted. The first `own_dimensions` of its dimensions are its own, the
/// others those of a statement around it. If `is_inner`, rows are points, and there is no LIMIT or
/// OFFSET, each series makes a table of its own.
///
/// Transcribes `select.rows.3`, `select.time.range.2`, `statements.into.3`, `select.sub.3`, `select.sub.6`.
pub fn answer(
    policies: &Policies,
    statement: &Select,
    now: Timestamp,
    (outer, own_dimensions): (Bounds, usize),
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
    let inner_bounds = Bounds { max: bounds.max.or(windows.map(|_| range.max)), ..bounds };
    let inner_answer = |inner: &Select, own: usize| answer(policies, inner, now, (inner_bounds, own), true);
    let inputs = from::inputs(policies, statement, range, &inner_answer)?;
    let schema = from::schema(&inputs);
    let shard_starts = inputs.iter().flat_map(|input| input.shard_starts.clone()).collect();
    let own_dimensions = &statement.group_by.dimensions[..own_dimensions];
    let columns = columns::columns(statement, own_dimensions, &schema)?;
    let fill = match statement.fill.unwrap_or(Fill::Null) {
        Fill::Null if statement.into.is_some() => Fill::None,
        fill => fill,
    };
    let is_descending = statement.order == Some(Order::Descending);
    let scope = Scope { schema: &schema, bounds, range, windows, fill, is_descending, shard_starts: &shard_starts };
    let refused = results::check(&columns, &scope)?;

    let has_functions = columns.list.iter().any(|column| columns::has_call(&column.expr));
    let Limits { limit, offset, .. } = statement.limits;
    let is_apart = is_inner && !has_functions && limit == 0 && offset == 0;
    let mut groups = group::groups(inputs, statement, &schema);
    let fields = if has_functions {
        results::read_fields(&columns, &scope)
    } else {
        rows::selected_fields(&columns, statement, &schema)
    };
    group::limit(&mut groups, statement.limits, (refused.is_none()).then_some(&fields), range);
    if let Some(refused) = refused.filter(|_| !groups.is_empty() && !range.is_empty()) {
        return Err(refused);
    }
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
            results::rows(&group, &columns, &scope)?
        } else {
            rows::rows(&group, &columns, statement, &scope)
        };
        cut(&mut rows, statement.limits);
        if !rows.is_empty() && !range.is_empty() {
            tables.push(table(group, &columns, rows));
        }
    }
    let tag_columns = columns.tag_columns(&schema);
    let own_dimensions = group::grouped_tags(own_dimensions, &schema);
    Ok(Answer { tables, tag_columns, own_dimensions, is_apart, shard_starts })
}

fn table(group: Group, columns: &Columns, rows: Vec<Vec<Value>>) -> Table {
    Table { name: group.measurement, tags: group.tags, columns: columns.names(), rows }
}

/// Drops the first OFFSET rows and keeps the next LIMIT rows. Transcribes `select.limit.1`.
fn cut(rows: &mut Vec<Vec<Value>>, limits: Limits) {
    rows.drain(..rows.len().min(limits.offset as usize));
    if limits.limit != 0 {
        rows.truncate(limits.limit as usize);
    }
}
