//! SELECT of functions: a table for each group, one row of it for the whole range or for each window.

use fluxstone::influxql::ast::{Fill, Order, Select, Window, WindowOffset};
use fluxstone::model::{FieldValue, Text, Timestamp};
use fluxstone::query::Value;

use crate::condition::Bounds;
use crate::select::{Group, Table, Unspecified, call, cell, column_names};

/// The functions that these semantics cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    First,
    Last,
}

impl Function {
    fn named(name: &str) -> Option<Function> {
        Some(match name {
            "count" => Function::Count,
            "sum" => Function::Sum,
            "mean" => Function::Mean,
            "min" => Function::Min,
            "max" => Function::Max,
            "first" => Function::First,
            "last" => Function::Last,
            _ => return None,
        })
    }

    /// Whether the result is one of the points.
    fn is_selector(self) -> bool {
        matches!(self, Function::Min | Function::Max | Function::First | Function::Last)
    }
}

/// A function of a field.
struct Call {
    function: Function,
    field: Text,
}

/// The values of one field in a group: for each series, in the order of the keys, its values in time order.
type Values = Vec<Vec<(Timestamp, FieldValue)>>;

/// The tables of the groups that have any point that a function counts.
///
/// Transcribes `functions.empty.1`, `select.order.2`.
pub fn tables(
    statement: &Select,
    name: &Text,
    groups: Vec<Group>,
    bounds: Bounds,
    now: Timestamp,
) -> Result<Vec<Table>, Unspecified> {
    let mut calls = Vec::new();
    let mut names = Vec::new();
    for field in &statement.fields {
        let (function, argument) = call(&field.expr).ok_or(Unspecified("anything beside functions of one field"))?;
        names.push((field.alias.as_str(), Text::from(function)));
        let function = Function::named(function).ok_or(Unspecified("this function"))?;
        calls.push(Call { function, field: Text::from(argument) });
    }
    let columns = column_names(names.iter().map(|(alias, own)| (*alias, own)));
    let is_descending = statement.order == Some(Order::Descending);
    let mut tables = Vec::new();
    for group in groups {
        let values: Vec<Values> = calls.iter().map(|call| values(&group, &call.field)).collect();
        let rows = match statement.group_by.window() {
            None => whole_range(&calls, &values, bounds)?,
            Some(window) => {
                let starts = window_starts(window, bounds, now, is_descending)?;
                windows(&calls, &values, window, &starts, statement.fill.unwrap_or(Fill::Null))?
            }
        };
        tables.push(Table { name: name.clone(), tags: group.tags, columns: columns.clone(), rows });
    }
    if is_descending && statement.group_by.window().is_some() {
        tables.reverse();
    }
    Ok(tables)
}

fn values(group: &Group, field: &Text) -> Values {
    let of_series = group.series.values().map(|rows| {
        let values = rows.iter().filter_map(|row| Some((row.time, row.fields.get(field)?.clone())));
        values.collect::<Vec<_>>()
    });
    of_series.filter(|values| !values.is_empty()).collect()
}

/// One row at the lower bound of the range, or at the time of the point that a lone selector chose; none without a value.
///
/// Transcribes `functions.time.1`, `functions.time.2`.
fn whole_range(calls: &[Call], values: &[Values], bounds: Bounds) -> Result<Vec<Vec<Value>>, Unspecified> {
    let mut time = bounds.min.unwrap_or(Timestamp::EPOCH);
    let mut cells = Vec::new();
    for (call, values) in calls.iter().zip(values) {
        let result = result(call.function, values)?;
        if let (Some((at, _)), true, 1) = (&result, call.function.is_selector(), calls.len()) {
            time = *at;
        }
        cells.push(result.map_or(Value::Null, |(_, value)| cell(&value)));
    }
    if cells.iter().all(|cell| *cell == Value::Null) {
        return Ok(Vec::new());
    }
    cells.insert(0, Value::Time(time));
    Ok(vec![cells])
}

/// The start of the window that `time` falls into. Transcribes `select.group.time.1`.
fn window_start(window: &Window, time: Timestamp) -> Result<Timestamp, Unspecified> {
    let interval = window.interval.0;
    let offset = match window.offset {
        None => 0,
        Some(WindowOffset::Duration(offset)) => offset.0 % interval,
        Some(WindowOffset::Now) => return Err(Unspecified("windows that end now")),
    };
    Ok(Timestamp(offset + (time.0 - offset).div_euclid(interval) * interval))
}

/// The windows from the first time asked for to the last, in the order of the answer. Transcribes `select.group.time.2`.
fn window_starts(
    window: &Window,
    bounds: Bounds,
    now: Timestamp,
    is_descending: bool,
) -> Result<Vec<Timestamp>, Unspecified> {
    let min = bounds.min.ok_or(Unspecified("windows without a lower bound"))?;
    let first = window_start(window, min)?;
    let last = window_start(window, bounds.max.unwrap_or(now))?;
    let mut starts: Vec<Timestamp> = (first.0..=last.0).step_by(window.interval.0 as usize).map(Timestamp).collect();
    if is_descending {
        starts.reverse();
    }
    Ok(starts)
}

/// A row for each window, with gaps filled; no row at all without a value in any window.
///
/// Transcribes `functions.time.3`, `select.group.time.2`, `select.fill.1`.
fn windows(
    calls: &[Call],
    values: &[Values],
    window: &Window,
    starts: &[Timestamp],
    fill: Fill,
) -> Result<Vec<Vec<Value>>, Unspecified> {
    let mut columns: Vec<Vec<Option<Value>>> = Vec::new();
    for (call, values) in calls.iter().zip(values) {
        let mut column = Vec::new();
        for start in starts {
            let result = result(call.function, &inside(values, window, *start)?)?;
            column.push(result.map(|(_, value)| cell(&value)));
        }
        columns.push(column);
    }
    let has_value = |column: &Vec<Option<Value>>| column.iter().any(Option::is_some);
    if !columns.iter().any(has_value) {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    for (at, start) in starts.iter().enumerate() {
        if fill == Fill::None && columns.iter().all(|column| column[at].is_none()) {
            continue;
        }
        let mut row = vec![Value::Time(*start)];
        for (call, column) in calls.iter().zip(&columns) {
            row.push(filled(call.function, column, at, fill)?);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The values that lie in the window that begins at `start`.
fn inside(values: &Values, window: &Window, start: Timestamp) -> Result<Values, Unspecified> {
    let mut inside = Vec::new();
    for series in values {
        let mut kept = Vec::new();
        for (time, value) in series {
            if window_start(window, *time)? == start {
                kept.push((*time, value.clone()));
            }
        }
        if !kept.is_empty() {
            inside.push(kept);
        }
    }
    Ok(inside)
}

/// The cell of one window. A column that has no value in any window is not filled.
///
/// Transcribes `functions.empty.1`, `select.fill.1`, `select.fill.2`.
fn filled(function: Function, column: &[Option<Value>], at: usize, fill: Fill) -> Result<Value, Unspecified> {
    if let Some(value) = &column[at] {
        return Ok(value.clone());
    }
    let Some(example) = column.iter().flatten().next() else { return Ok(Value::Null) };
    Ok(match fill {
        Fill::Null if function == Function::Count => Value::Integer(0),
        Fill::Null | Fill::None => Value::Null,
        Fill::Previous => column[..at].iter().flatten().next_back().cloned().unwrap_or(Value::Null),
        Fill::Integer(number) => constant(number as f64, number, example),
        Fill::Number(number) => constant(number, number as i64, example),
        Fill::Linear => return Err(Unspecified("fill(linear)")),
    })
}

/// A number as a value of the column's type.
fn constant(float: f64, integer: i64, example: &Value) -> Value {
    match example {
        Value::Float(_) => Value::Float(float),
        Value::Integer(_) => Value::Integer(integer),
        Value::String(_) => Value::String(Text::default()),
        _ => Value::Boolean(false),
    }
}

/// What a function makes of values, and when that was. Transcribes `functions.count.1`.
fn result(function: Function, values: &Values) -> Result<Option<(Timestamp, FieldValue)>, Unspecified> {
    let Some((time, _)) = values.iter().flatten().next().cloned() else { return Ok(None) };
    let value = match function {
        Function::Count => FieldValue::Integer(values.iter().flatten().count() as i64),
        Function::Sum => sum(values)?,
        Function::Mean => mean(values)?,
        Function::Min | Function::Max | Function::First | Function::Last => return chosen(function, values).map(Some),
    };
    Ok(Some((time, value)))
}

/// The values of each series are added in time order, then the sums of the series in the order of their keys. Integers wrap.
///
/// Transcribes `functions.sum.1`, `functions.order.1`.
fn sum(values: &Values) -> Result<FieldValue, Unspecified> {
    let mut total = None;
    for series in values {
        let mut partial = None;
        for (_, value) in series {
            partial = Some(add(partial, value)?);
        }
        if let Some(partial) = partial {
            total = Some(add(total, &partial)?);
        }
    }
    total.ok_or(Unspecified("a sum of nothing"))
}

fn add(sum: Option<FieldValue>, value: &FieldValue) -> Result<FieldValue, Unspecified> {
    Ok(match (sum, value) {
        (None, FieldValue::Float(value)) => FieldValue::Float(0.0 + value),
        (None, FieldValue::Integer(value)) => FieldValue::Integer(*value),
        (Some(FieldValue::Float(sum)), FieldValue::Float(value)) => FieldValue::Float(sum + value),
        (Some(FieldValue::Integer(sum)), FieldValue::Integer(value)) => FieldValue::Integer(sum.wrapping_add(*value)),
        _ => return Err(Unspecified("numbers made of something else")),
    })
}

/// The mean of the series' means, each weighted by its number of values. Transcribes `functions.mean.1`.
fn mean(values: &Values) -> Result<FieldValue, Unspecified> {
    let mut sum_of_means = 0.0;
    let mut count = 0;
    for series in values {
        let sum_of_series = match sum(&vec![series.clone()])? {
            FieldValue::Float(sum) => sum,
            FieldValue::Integer(sum) => sum as f64,
            FieldValue::String(_) | FieldValue::Boolean(_) => return Err(Unspecified("the mean of no numbers")),
        };
        let mean = sum_of_series / series.len() as f64;
        // A weight of one is left out; the others round.
        sum_of_means += if series.len() >= 2 { mean * series.len() as f64 } else { mean };
        count += series.len();
    }
    Ok(FieldValue::Float(sum_of_means / count as f64))
}

/// The point that a selector chooses.
///
/// `min` and `max`: the extreme value; of equal ones the earliest, of those the first in the order of the series keys. `first` and `last`: the
/// earliest or latest point; of several at that time the greatest value, but for booleans `first` takes false.
///
/// Transcribes `functions.minmax.1`, `functions.firstlast.1`.
fn chosen(function: Function, values: &Values) -> Result<(Timestamp, FieldValue), Unspecified> {
    let is_text = values.iter().flatten().any(|(_, value)| matches!(value, FieldValue::String(_)));
    if is_text && matches!(function, Function::Min | Function::Max) {
        return Err(Unspecified("the least or greatest text"));
    }
    let mut best: Option<(Timestamp, FieldValue)> = None;
    for (time, value) in values.iter().flatten() {
        let is_better = match &best {
            None => true,
            Some((best_time, best_value)) => match function {
                Function::Min => less(value, best_value) || value == best_value && time < best_time,
                Function::Max => less(best_value, value) || value == best_value && time < best_time,
                Function::First if matches!(value, FieldValue::Boolean(_)) => {
                    time < best_time || time == best_time && less(value, best_value)
                }
                Function::First => time < best_time || time == best_time && less(best_value, value),
                _ => time > best_time || time == best_time && less(best_value, value),
            },
        };
        if is_better {
            best = Some((*time, value.clone()));
        }
    }
    best.ok_or(Unspecified("a choice among nothing"))
}

/// Whether `a` is less than `b`; false is less than true.
fn less(a: &FieldValue, b: &FieldValue) -> bool {
    match (a, b) {
        (FieldValue::Float(a), FieldValue::Float(b)) => a < b,
        (FieldValue::Integer(a), FieldValue::Integer(b)) => a < b,
        (FieldValue::String(a), FieldValue::String(b)) => a < b,
        (FieldValue::Boolean(a), FieldValue::Boolean(b)) => a < b,
        _ => false,
    }
}
