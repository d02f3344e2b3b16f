//! WHERE: the rows that are kept.

use std::collections::BTreeMap;

use fluxstone_influxql::ast::{BinaryOp, Cast, Expr, ExprKind, VarRef};
use fluxstone_model::{SeriesKey, Text, Timestamp};
use fluxstone_query::Value;

use crate::constants::{is_constant, literal};
use crate::schema::{Meaning, Row, Schema};
use crate::time::is_time;
use crate::value::{Division, arithmetic, compare};

/// Whether a row is kept, regardless of its time. The whole condition is evaluated at the row; everything but true counts as false.
///
/// Transcribes `select.where.1`, `select.where.logic.1`, `select.where.time.1`, `select.where.constant.1`,
/// `select.where.constant.2`.
pub fn holds(condition: &Expr, row: &Row, schema: &Schema) -> bool {
    match &condition.kind {
        ExprKind::Paren(inner) => holds(inner, row, schema),
        ExprKind::Binary { op: BinaryOp::And, lhs, rhs } => holds(lhs, row, schema) & holds(rhs, row, schema),
        ExprKind::Binary { op: BinaryOp::Or, lhs, rhs } => holds(lhs, row, schema) | holds(rhs, row, schema),
        ExprKind::Binary { lhs, rhs, .. } if is_time(lhs) || is_time(rhs) => true,
        ExprKind::Binary { op, lhs, rhs } if op.is_comparison() => comparison(*op, lhs, rhs, row, schema),
        ExprKind::Binary { .. } => keeps_all(condition, schema),
        ExprKind::Boolean(known) => *known,
        ExprKind::Var(var) if is_field(var, schema) => schema.meaning(var).of(row) == Value::Boolean(true),
        _ => false,
    }
}

/// Whether a condition is arithmetic of a field and a literal or another field, which keeps every row.
///
/// Transcribes `select.where.arithmetic.1`.
fn keeps_all(condition: &Expr, schema: &Schema) -> bool {
    let ExprKind::Binary { lhs, rhs, .. } = &condition.kind else { return false };
    let is_plain = |side: &Expr| !matches!(side.kind, ExprKind::Binary { .. } | ExprKind::Paren(_));
    let reads_field = |side: &Expr| matches!(&side.kind, ExprKind::Var(var) if is_field(var, schema));
    is_plain(lhs) && is_plain(rhs) && (reads_field(lhs) || reads_field(rhs))
}

/// Whether a name is a field. Every other name is a tag, whether the sources have it or not.
fn is_field(var: &VarRef, schema: &Schema) -> bool {
    match var.cast {
        None => schema.fields.contains_key(var.name.as_bytes()),
        Some(cast) => cast != Cast::Tag,
    }
}

/// Returns the key of a side that is just a tag.
fn tag<'a>(side: &'a Expr, schema: &Schema) -> Option<&'a str> {
    match &side.kind {
        ExprKind::Var(var) if !is_field(var, schema) => Some(&var.name),
        _ => None,
    }
}

fn comparison(op: BinaryOp, lhs: &Expr, rhs: &Expr, row: &Row, schema: &Schema) -> bool {
    match (tag(lhs, schema), tag(rhs, schema)) {
        (Some(left), Some(right)) => two_tags(op, left, right, row),
        (Some(key), None) if is_literal(rhs) => tag_and_literal(op, key, rhs, row),
        (None, Some(key)) if is_literal(lhs) => tag_and_literal(op, key, lhs, row),
        _ => {
            let left = operand(lhs, row, schema);
            match (&rhs.kind, left) {
                (ExprKind::Regex(regex), Value::String(text)) => regex.is_match(&text) == (op == BinaryOp::Match),
                (ExprKind::Regex(_), _) => false,
                (_, left) => compare(op, &left, &operand(rhs, row, schema)),
            }
        }
    }
}

/// Whether a condition can be true for some row of a series. Comparisons of tags depend on the series; those of fields are open.
///
/// Transcribes `select.where.logic.1`.
pub fn may_hold(condition: &Expr, series: &SeriesKey, schema: &Schema) -> bool {
    match &condition.kind {
        ExprKind::Paren(inner) => may_hold(inner, series, schema),
        ExprKind::Binary { op: BinaryOp::And, lhs, rhs } => {
            may_hold(lhs, series, schema) & may_hold(rhs, series, schema)
        }
        ExprKind::Binary { op: BinaryOp::Or, lhs, rhs } => {
            may_hold(lhs, series, schema) | may_hold(rhs, series, schema)
        }
        ExprKind::Binary { op, lhs, rhs } if op.is_comparison() && is_open(lhs, schema) | is_open(rhs, schema) => true,
        ExprKind::Var(var) => is_field(var, schema),
        _ => {
            let nothing = Row { series: series.clone(), time: Timestamp::EPOCH, fields: BTreeMap::new() };
            holds(condition, &nothing, schema)
        }
    }
}

/// Whether a side of a comparison is known only at a row.
fn is_open(side: &Expr, schema: &Schema) -> bool {
    match &side.kind {
        ExprKind::Var(var) => is_field(var, schema) && !is_time(side),
        ExprKind::Paren(_) | ExprKind::Binary { .. } => !is_constant(side),
        _ => false,
    }
}

fn is_literal(side: &Expr) -> bool {
    !matches!(side.kind, ExprKind::Var(_) | ExprKind::Binary { .. } | ExprKind::Paren(_))
}

/// Two tags are equal if both are present with the same value. Transcribes `select.where.tag.3`.
fn two_tags(op: BinaryOp, left: &str, right: &str, row: &Row) -> bool {
    let value = |key: &str| row.series.tags.get(key.as_bytes());
    let is_same = value(left).is_some() && value(left) == value(right);
    match op {
        BinaryOp::Equal => is_same,
        BinaryOp::NotEqual => !is_same,
        _ => false,
    }
}

/// An absent tag is the empty text; `_name` is the measurement. A tag never equals anything but text.
///
/// Transcribes `select.where.tag.1`, `select.where.tag.2`, `select.where.tag.4`, `select.where.tag.5`.
fn tag_and_literal(op: BinaryOp, key: &str, literal: &Expr, row: &Row) -> bool {
    let value = match key {
        "_name" => row.series.measurement.clone(),
        _ => row.series.tags.get(key.as_bytes()).cloned().unwrap_or_default(),
    };
    let is_same = match &literal.kind {
        ExprKind::String(text) => value == text.as_str(),
        ExprKind::Regex(regex) => regex.is_match(&value),
        _ => false,
    };
    match op {
        BinaryOp::Equal | BinaryOp::Match => is_same,
        BinaryOp::NotEqual | BinaryOp::NotMatch => !is_same,
        _ => false,
    }
}

/// The value of one side of a comparison. Beside a field, an absent tag is null.
///
/// Transcribes `select.where.arithmetic.1`, `select.where.tag.6`.
fn operand(side: &Expr, row: &Row, schema: &Schema) -> Value {
    match &side.kind {
        ExprKind::Paren(inner) => operand(inner, row, schema),
        ExprKind::Var(var) if is_field(var, schema) => schema.meaning(var).of(row),
        ExprKind::Var(var) => Meaning::Tag(Text::from(var.name.as_str())).of(row),
        ExprKind::Binary { op, lhs, rhs } => {
            let division = if is_constant(side) { Division::Exact } else { Division::TowardZero };
            arithmetic(*op, &operand(lhs, row, schema), &operand(rhs, row, schema), division)
        }
        other => literal(other),
    }
}
