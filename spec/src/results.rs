//! Rows that are results of functions: calls, arithmetic on them, and how columns are joined.

use fluxstone_influxql::ast::{BinaryOp, Expr, ExprKind, Fill};
use fluxstone_model::{FieldType, Text, TimeRange, Timestamp};
use fluxstone_query::Value;

use crate::answer::Refused;
use crate::columns::{Columns, has_call, ranking_names};
use crate::constants::constant;
use crate::fill::filled;
use crate::functions::{
    Argument, Call, Function, Origin, TimedValue, WindowValues, predictors, result_type, transformations,
};
use crate::group::Group;
use crate::operands::operand;
use crate::rows::{evaluate, fields_of, in_turn, lists, merged};
use crate::schema::{Meaning, Row};
use crate::scope::Scope;
use crate::value::{Division, arithmetic};

/// Refuses columns that cannot be computed, whether there is data or not. Returns the error that the statement has if there is a
/// series to read, if any.
///
/// Transcribes `functions.types.1`, `functions.types.3`, `select.arithmetic.5`.
pub fn check(columns: &Columns, scope: &Scope<'_>) -> Result<Option<Refused>, Refused> {
    for column in &columns.list {
        let Err(refused) = operand(&column.expr, scope, &result_type) else { continue };
        for call in calls(&column.expr) {
            if Call::read(call, scope)?.refused.as_ref() == Some(&refused) {
                return Ok(Some(refused));
            }
        }
        return Err(refused);
    }
    Ok(None)
}

/// Returns the outermost calls of an expression.
fn calls(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Call { .. } | ExprKind::Distinct(_) => vec![expr],
        ExprKind::Paren(inner) => calls(inner),
        ExprKind::Binary { lhs, rhs, .. } => [calls(lhs), calls(rhs)].concat(),
        _ => Vec::new(),
    }
}

/// Returns the fields that the functions read.
pub fn read_fields(columns: &Columns, scope: &Scope<'_>) -> Vec<Meaning> {
    let mut fields = Vec::new();
    for call in columns.list.iter().flat_map(|column| calls(&column.expr)) {
        let mut next = Call::read(call, scope).ok();
        while let Some(call) = next {
            next = match call.argument {
                Argument::Points(expr) => {
                    fields.extend(fields_of(&expr, scope.schema));
                    None
                }
                Argument::Call(inner) => Some(*inner),
                Argument::Nothing => None,
            };
        }
    }
    fields
}

/// Whether some function returns a stream of results rather than one for each group or window.
///
/// Transcribes `select.order.2`.
pub fn streams_points(columns: &Columns) -> bool {
    let streams = |expr: &Expr| match &expr.kind {
        ExprKind::Call { name, .. } => [
            "derivative",
            "non_negative_derivative",
            "difference",
            "elapsed",
            "cumulative_sum",
            "moving_average",
            "holt_winters",
            "holt_winters_with_fit",
        ]
        .contains(&name.as_str()),
        _ => false,
    };
    columns.list.iter().flat_map(|column| calls(&column.expr)).any(streams)
}

/// One group while its calls are evaluated.
struct GroupRun<'a> {
    group: &'a Group,
    scope: &'a Scope<'a>,
    /// Whether the statement has only one call.
    is_lone: bool,
    /// Whether the latest results come first.
    is_descending: bool,
}

/// Returns the rows of one group. The k-th result of a column at a time is in the k-th row of that time.
///
/// Transcribes `functions.rows.1`, `functions.companions.1`, `functions.top.2`.
pub fn rows(group: &Group, columns: &Columns, scope: &Scope<'_>) -> Result<Vec<Vec<Value>>, Refused> {
    let is_lone = columns.list.iter().flat_map(|column| calls(&column.expr)).count() == 1;
    let is_descending = scope.is_descending && (scope.windows.is_some() || streams_points(columns));
    let run = GroupRun { group, scope, is_lone, is_descending };
    let mut cells = Vec::new();
    for column in &columns.list {
        if has_call(&column.expr) {
            cells.push(Cells::Results(run.results(&column.expr)?));
        } else {
            cells.push(Cells::OfChosen(column.expr.clone()));
        }
        cells.extend(ranking_names(&column.expr).into_iter().map(|name| Cells::OfChosen(name.clone())));
    }
    let mut rows = Vec::new();
    loop {
        let next = cells.iter().filter_map(|column| match column {
            Cells::Results(results) => results.first().map(|point| point.time),
            Cells::OfChosen(_) => None,
        });
        let Some(time) = (if is_descending { next.max() } else { next.min() }) else { return Ok(rows) };
        let mut taken = Vec::new();
        for column in &mut cells {
            taken.push(match column {
                Cells::Results(results) => take_at(results, time),
                Cells::OfChosen(_) => None,
            });
        }
        let origin = taken.iter().flatten().find_map(|point| point.origin.clone());
        let chosen = origin.and_then(|origin| run.row(&origin));
        let mut row = vec![Value::Time(time)];
        for (column, taken) in cells.iter().zip(taken) {
            row.push(match (column, taken, &chosen) {
                (Cells::Results(_), Some(point), _) => point.value,
                (Cells::OfChosen(expr), _, Some(chosen)) => beside_selector(expr, chosen, scope),
                _ => Value::Null,
            });
        }
        rows.push(row);
    }
}

/// The value of an expression at the point that a selector chose. A tag that a sub-query groups by and that has no value is null.
///
/// Transcribes `select.sub.9`.
fn beside_selector(expr: &Expr, chosen: &Row, scope: &Scope<'_>) -> Value {
    let value = evaluate(expr, chosen, scope.schema);
    let is_tag = matches!(&expr.kind, ExprKind::Var(var) if matches!(scope.schema.meaning(var), Meaning::Tag(_)));
    if is_tag && value == Value::String(Text::default()) { Value::Null } else { value }
}

/// The cells of a column that are still to be shown.
enum Cells {
    /// Results of functions.
    Results(Vec<TimedValue>),
    /// An expression at the point that the selector chose.
    OfChosen(Expr),
}

/// Takes the first result if it has this time.
fn take_at(results: &mut Vec<TimedValue>, time: Timestamp) -> Option<TimedValue> {
    let is_due = results.first().is_some_and(|point| point.time == time);
    is_due.then(|| results.remove(0))
}

impl GroupRun<'_> {
    /// The whole row of a chosen point.
    fn row(&self, origin: &Origin) -> Option<Row> {
        let rows = &self.group.series[origin.series].all_rows;
        rows.iter().find(|row| row.time == origin.time).cloned()
    }

    /// Returns the results of an expression over calls.
    ///
    /// Transcribes `select.arithmetic.3`, `select.arithmetic.4`.
    fn results(&self, expr: &Expr) -> Result<Vec<TimedValue>, Refused> {
        match &expr.kind {
            ExprKind::Paren(inner) => self.results(inner),
            ExprKind::Binary { op, lhs, rhs } if !has_call(lhs) => {
                let left = constant(lhs);
                let change = |value: &Value| arithmetic(*op, &left, value, Division::Exact);
                Ok(self.results(rhs)?.into_iter().map(|point| point.with(&change)).collect())
            }
            ExprKind::Binary { op, lhs, rhs } if !has_call(rhs) => {
                let right = constant(rhs);
                let change = |value: &Value| arithmetic(*op, value, &right, Division::Exact);
                Ok(self.results(lhs)?.into_iter().map(|point| point.with(&change)).collect())
            }
            ExprKind::Binary { op, lhs, rhs } => {
                let side_type = |side: &Expr| Ok(operand(side, self.scope, &result_type)?.field_type);
                let is_float = [side_type(lhs)?, side_type(rhs)?].contains(&Some(FieldType::Float));
                Ok(self.joined(*op, is_float, self.results(lhs)?, self.results(rhs)?))
            }
            _ => self.call(&Call::read(expr, self.scope)?, self.scope.range),
        }
    }

    /// Joins two sides by time. Where one side has no value, the fill provides one, of the type in which the operator computes.
    ///
    /// Transcribes `select.arithmetic.4`.
    fn joined(
        &self,
        op: BinaryOp,
        is_float: bool,
        mut left: Vec<TimedValue>,
        mut right: Vec<TimedValue>,
    ) -> Vec<TimedValue> {
        let number = match self.scope.fill {
            Fill::Integer(number) if is_float => Value::Float(number as f64),
            Fill::Integer(number) => Value::Integer(number),
            Fill::Number(number) if is_float => Value::Float(number),
            Fill::Number(number) => Value::Integer(number as i64),
            _ => Value::Null,
        };
        let mut substitutes = [number.clone(), number];
        let mut joined = Vec::new();
        loop {
            let next = left.first().into_iter().chain(right.first()).map(|point| point.time);
            let Some(time) = (if self.is_descending { next.max() } else { next.min() }) else { return joined };
            let sides = [take_at(&mut left, time), take_at(&mut right, time)];
            let mut sides = sides.map(|side| side.map_or(Value::Null, |point| point.value));
            if matches!(self.scope.fill, Fill::None | Fill::Linear) && sides.contains(&Value::Null) {
                continue;
            }
            for (side, substitute) in sides.iter_mut().zip(&mut substitutes) {
                if *side == Value::Null {
                    *side = substitute.clone();
                } else if self.scope.fill == Fill::Previous {
                    *substitute = side.clone();
                }
            }
            joined.push(TimedValue::new(time, arithmetic(op, &sides[0], &sides[1], Division::Exact)));
        }
    }

    /// Returns the results of a call over the points in `range`, in the order of the answer.
    fn call(&self, call: &Call, range: TimeRange) -> Result<Vec<TimedValue>, Refused> {
        if let Function::HoltWinters(forecast) = &call.function {
            let (Argument::Call(inner), Some(windows)) = (&call.argument, self.scope.windows) else {
                return Ok(Vec::new());
            };
            let mut points = self.call(inner, range)?;
            points.sort_by_key(|point| point.time);
            let mut predicted = predictors::predict(forecast, &points, windows.interval);
            if self.is_descending {
                predicted.reverse();
            }
            return Ok(predicted);
        }
        if let Function::Transformation(transformation) = &call.function {
            let points = match &call.argument {
                Argument::Nothing => Vec::new(),
                Argument::Points(expr) => self.points(expr, range),
                Argument::Call(inner) => self.call(inner, self.widened(transformation, range))?,
            };
            let values = points.into_iter().filter(|point| point.value != Value::Null).collect();
            return Ok(transformations::apply(transformation, values, self.scope.is_descending));
        }
        let Argument::Points(expr) = &call.argument else { return Ok(Vec::new()) };
        let results = self.by_window(call, expr, range);
        match self.scope.windows {
            Some(windows) if !matches!(call.function, Function::Distinct | Function::Sample(_)) => {
                let is_count = matches!(call.function, Function::Count | Function::CountDistinct);
                Ok(filled(results, (call.result_type, is_count), windows, range, self.scope))
            }
            _ => Ok(results),
        }
    }

    /// Extends the range for an inner call: most transformations see one more window at the side where the query begins.
    ///
    /// Transcribes `functions.transform.5`.
    fn widened(&self, transformation: &transformations::Transformation, range: TimeRange) -> TimeRange {
        match self.scope.windows {
            Some(windows) if *transformation != transformations::Transformation::CumulativeSum => {
                if self.scope.is_descending {
                    TimeRange { max: Timestamp(range.max.0.saturating_add(windows.interval)), ..range }
                } else {
                    TimeRange { min: Timestamp(range.min.0.saturating_sub(windows.interval)), ..range }
                }
            }
            _ => range,
        }
    }

    /// Returns the values of an expression at the points of the group, in the order of the query.
    fn points(&self, expr: &Expr, range: TimeRange) -> Vec<TimedValue> {
        let lists = lists(self.group, &fields_of(expr, self.scope.schema), range);
        merged(&lists, self.scope).into_iter().map(|(series, row)| self.point(expr, series, &row)).collect()
    }

    fn point(&self, expr: &Expr, series: usize, row: &Row) -> TimedValue {
        let value = evaluate(expr, row, self.scope.schema);
        TimedValue { time: row.time, value, origin: Some(Origin { series, time: row.time }) }
    }

    /// Returns the results of an aggregate or selector for each window that has points, or for the whole range.
    ///
    /// Transcribes `functions.empty.1`, `functions.time.1`, `functions.time.2`, `functions.time.3`.
    fn by_window(&self, call: &Call, expr: &Expr, range: TimeRange) -> Vec<TimedValue> {
        let lists = lists(self.group, &fields_of(expr, self.scope.schema), range);
        let start = |time: Timestamp| self.scope.windows.map(|windows| windows.start(time));
        let mut starts: Vec<Option<Timestamp>> = Vec::new();
        for row in lists.iter().flat_map(|list| &list.rows) {
            if !starts.contains(&start(row.time)) {
                starts.push(start(row.time));
            }
        }
        starts.sort();
        if self.scope.is_descending {
            starts.reverse();
        }
        let (merged, in_turn) = (merged(&lists, self.scope), in_turn(&lists, self.scope));
        let mut results = Vec::new();
        for window in starts {
            let inside = |rows: &[(usize, Row)]| -> Vec<TimedValue> {
                let rows = rows.iter().filter(|(_, row)| start(row.time) == window);
                rows.map(|(series, row)| self.point(expr, *series, row)).collect()
            };
            let by_series = lists.iter().map(|list| {
                let rows: Vec<_> = list.rows.iter().map(|row| (list.number, row.clone())).collect();
                inside(&rows)
            });
            let values = WindowValues {
                by_series: by_series.filter(|points| !points.is_empty()).collect(),
                merged: inside(&merged),
                in_turn: inside(&in_turn),
                is_descending: self.scope.is_descending,
                has_window: window.is_some(),
            };
            let keys = |origin: &Origin| -> Vec<Value> {
                let row = self.row(origin);
                let value = |key: &Expr| row.as_ref().map_or(Value::Null, |row| evaluate(key, row, self.scope.schema));
                call.keys.iter().map(value).collect()
            };
            let mut found = call.function.results(&values, &keys);
            if !self.keeps_time(&call.function) {
                let time = window.or(self.scope.bounds.min).unwrap_or(Timestamp::EPOCH);
                for point in &mut found {
                    point.time = time;
                }
            } else if matches!(call.function, Function::Top(_) | Function::Bottom(_)) {
                found.sort_by_key(|point| point.time);
            }
            results.extend(found);
        }
        results
    }

    /// Whether results keep the times of their points.
    ///
    /// Transcribes `functions.time.2`, `functions.time.3`.
    fn keeps_time(&self, function: &Function) -> bool {
        match function {
            Function::Sample(_) => true,
            Function::Top(_) | Function::Bottom(_) => self.scope.windows.is_none(),
            Function::First | Function::Last | Function::Min | Function::Max | Function::Percentile(_) => {
                self.scope.windows.is_none() && self.is_lone
            }
            _ => false,
        }
    }
}
