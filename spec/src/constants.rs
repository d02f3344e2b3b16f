//! Expressions of literals.

use fluxstone_influxql::ast::{Expr, ExprKind};
use fluxstone_model::Text;
use fluxstone_query::Value;

use crate::value::{Division, arithmetic};

/// The value of a literal; null for those that no field can hold.
pub fn literal(kind: &ExprKind) -> Value {
    match kind {
        ExprKind::Integer(value) => Value::Integer(*value),
        ExprKind::Number(value) => Value::Float(*value),
        ExprKind::String(text) => Value::String(Text::from(text.as_str())),
        ExprKind::Boolean(value) => Value::Boolean(*value),
        _ => Value::Null,
    }
}

/// Whether an expression names no column and calls no function.
pub fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Paren(inner) => is_constant(inner),
        ExprKind::Binary { lhs, rhs, .. } => is_constant(lhs) && is_constant(rhs),
        ExprKind::Var(_) | ExprKind::Call { .. } | ExprKind::Distinct(_) => false,
        _ => true,
    }
}

/// The value of an expression of literals. Transcribes `select.arithmetic.3`.
pub fn constant(expr: &Expr) -> Value {
    match &expr.kind {
        ExprKind::Paren(inner) => constant(inner),
        ExprKind::Binary { op, lhs, rhs } => arithmetic(*op, &constant(lhs), &constant(rhs), Division::Exact),
        other => literal(other),
    }
}
