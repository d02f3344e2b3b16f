//! Conditions of SHOW statements, where they differ from those of SELECT: what is refused, and what a condition means for a whole
//! measurement.

use std::ops::ControlFlow;

use fluxstone_columns::{SeriesPredicate, Source};
use fluxstone_compat::ListingSemantics;
use fluxstone_go::GoQuote;
use fluxstone_influxql::ast::{BinaryOp, Expr, ExprKind, VarRef};
use fluxstone_model::{Clause, Text};

use super::execute::StatementContext;
use super::found_series::for_each_series;
use super::statement_error::StatementError;

/// Refuses a condition that compares `time`, on either side. InfluxDB 1.2.4 checked only the left side.
pub(super) fn refuse_time(
    statement: &str,
    condition: Option<&Expr>,
    semantics: ListingSemantics,
) -> Result<(), StatementError> {
    let either_side = !semantics.time_on_the_right;
    if condition.is_some_and(|c| compares_time(c, either_side)) {
        let text = format!("{statement} doesn't support time in WHERE clause");
        return Err(StatementError::before_running(Clause::new("statements.schema.8"), text));
    }
    Ok(())
}

fn compares_time(condition: &Expr, either_side: bool) -> bool {
    match &condition.kind {
        ExprKind::Paren(inner) => compares_time(inner, either_side),
        ExprKind::Binary { op, lhs, rhs } if op.is_logical() => {
            compares_time(lhs, either_side) || compares_time(rhs, either_side)
        }
        ExprKind::Binary { lhs, rhs, .. } => lhs.is_time() || (either_side && rhs.is_time()),
        _ => false,
    }
}

/// The error for an operator that has no meaning for series.
fn invalid_operator() -> StatementError {
    StatementError::running(Clause::new("statements.schema.4"), "invalid tag comparison operator")
}

/// Refuses every operator that has no meaning for series, on any side of another: <, <=, > and >=, and arithmetic, which is what
/// an unquoted tag key with a dash looks like. Arithmetic of numbers alone is a number.
pub(super) fn refuse_other_operators(condition: Option<&Expr>) -> Result<(), StatementError> {
    let Some(condition) = condition else { return Ok(()) };
    match &condition.kind {
        ExprKind::Paren(inner) => refuse_other_operators(Some(inner)),
        ExprKind::Binary { op, lhs, rhs } if op.is_logical() || is_tag_operator(*op) => {
            refuse_other_operators(Some(lhs))?;
            refuse_other_operators(Some(rhs))
        }
        ExprKind::Binary { .. } if !is_number(condition) => Err(invalid_operator()),
        _ => Ok(()),
    }
}

fn is_number(expression: &Expr) -> bool {
    match &expression.kind {
        ExprKind::Paren(inner) => is_number(inner),
        ExprKind::Binary { op, lhs, rhs } => {
            !op.is_logical() && !op.is_comparison() && is_number(lhs) && is_number(rhs)
        }
        ExprKind::Integer(_) | ExprKind::Number(_) => true,
        _ => false,
    }
}

/// A condition without what `true` and `false` decide in AND and OR.
pub(super) fn without_literals(condition: &Expr) -> Expr {
    match &condition.kind {
        ExprKind::Paren(inner) => without_literals(inner),
        ExprKind::Binary { op, lhs, rhs } if op.is_logical() => {
            let (lhs, rhs) = (without_literals(lhs), without_literals(rhs));
            let decisive = *op == BinaryOp::Or;
            match (&lhs.kind, &rhs.kind) {
                (ExprKind::Boolean(value), _) if *value == decisive => lhs,
                (_, ExprKind::Boolean(value)) if *value == decisive => rhs,
                (ExprKind::Boolean(_), _) => rhs,
                (_, ExprKind::Boolean(_)) => lhs,
                _ => ExprKind::Binary { op: *op, lhs: Box::new(lhs), rhs: Box::new(rhs) }.into(),
            }
        }
        _ => condition.clone(),
    }
}

fn is_tag_operator(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Equal | BinaryOp::NotEqual | BinaryOp::Match | BinaryOp::NotMatch)
}

/// Whether a measurement as a whole satisfies a condition of SHOW MEASUREMENTS or SHOW TAG KEYS: for `key = 'value'`, any of its
/// series has the tag; for `key != 'value'`, it has the key and none of its series has the tag. `None` if the condition does not
/// apply to it.
pub(super) fn measurement_satisfies(
    condition: &Expr,
    measurement: &Text,
    source: &dyn Source,
    semantics: ListingSemantics,
    context: &StatementContext<'_>,
) -> Result<Option<bool>, StatementError> {
    match &condition.kind {
        ExprKind::Paren(inner) => measurement_satisfies(inner, measurement, source, semantics, context),
        ExprKind::Binary { op, lhs, rhs } if op.is_logical() => {
            let lhs = measurement_satisfies(lhs, measurement, source, semantics, context)?;
            let rhs = measurement_satisfies(rhs, measurement, source, semantics, context)?;
            Ok(match (lhs, rhs) {
                (Some(a), Some(b)) if *op == BinaryOp::And => Some(a && b),
                (Some(a), Some(b)) => Some(a || b),
                (one, other) => one.or(other),
            })
        }
        ExprKind::Binary { op, lhs, rhs } if is_tag_operator(*op) => {
            compared_measurement(*op, (lhs, rhs), measurement, source, context)
        }
        ExprKind::Binary { .. } => Err(invalid_operator()),
        _ => Err(no_comparison(condition, semantics)),
    }
}

/// The error for a condition without a comparison. InfluxDB 1.2.4 showed the value as its implementation prints it.
fn no_comparison(condition: &Expr, semantics: ListingSemantics) -> StatementError {
    let internal = match &condition.kind {
        _ if !semantics.shown_literal => None,
        ExprKind::Var(VarRef { name, cast: None }) => {
            Some(format!("VarRef{{Val:{}, Type:0}}", GoQuote(name.as_bytes())))
        }
        ExprKind::Boolean(value) => Some(format!("BooleanLiteral{{Val:{value}}}")),
        ExprKind::Integer(value) => Some(format!("IntegerLiteral{{Val:{value}}}")),
        ExprKind::String(text) => Some(format!("StringLiteral{{Val:{}}}", GoQuote(text.as_bytes()))),
        _ => None,
    };
    StatementError::running(
        Clause::new("statements.schema.2"),
        match internal {
            Some(internal) => format!("&influxql.{internal}"),
            None => "invalid condition: a comparison of a tag is expected".to_owned(),
        },
    )
}

fn compared_measurement(
    op: BinaryOp,
    (lhs, rhs): (&Expr, &Expr),
    measurement: &Text,
    source: &dyn Source,
    context: &StatementContext<'_>,
) -> Result<Option<bool>, StatementError> {
    let symbol = op.symbol();
    let ExprKind::Var(VarRef { name, .. }) = &lhs.kind else {
        return Err(StatementError::running(
            Clause::new("statements.schema.2"),
            format!("left side of '{symbol}' must be a tag key"),
        ));
    };
    let key = Text::from(name.as_str());
    let (positive, predicate, name_matches) = match (op, &rhs.kind) {
        (BinaryOp::Match | BinaryOp::NotMatch, ExprKind::Regex(regex)) => {
            let predicate = SeriesPredicate::Match { key: key.clone(), regex: regex.clone() };
            (op == BinaryOp::Match, predicate, regex.is_match(measurement))
        }
        (BinaryOp::Match | BinaryOp::NotMatch, _) => {
            let text = format!("right side of '{symbol}' must be a regular expression");
            return Err(StatementError::running(Clause::new("statements.schema.2"), text));
        }
        (_, ExprKind::String(value)) => {
            let predicate = SeriesPredicate::Equal { key: key.clone(), value: Text::from(value.as_str()) };
            (op == BinaryOp::Equal, predicate, *measurement == **value)
        }
        _ => {
            return Err(StatementError::running(
                Clause::new("statements.schema.2"),
                format!("right side of '{symbol}' must be a tag value string"),
            ));
        }
    };
    if name == "_name" {
        return Ok(Some(name_matches == positive));
    }
    if is_system_name(name) {
        return Ok(None);
    }
    if !source.tag_keys(measurement).contains(&key) {
        return Ok(Some(false));
    }
    // If the empty value satisfies the predicate, series without the key match too, but don't count.
    let mut found = false;
    for_each_series(source, measurement, &predicate, context, &mut |series| {
        found = series.key.tags.get(&key).is_some();
        Ok(if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(Some(found == positive))
}

fn is_system_name(name: &str) -> bool {
    matches!(name, "_fieldKeys" | "_measurements" | "_series" | "_tagKeys" | "_tags")
}

/// Checks the condition of SHOW TAG VALUES. With the behaviour observed in InfluxDB 1.2.4, comparisons of keys that begin with an
/// underscore are removed from it.
pub(super) fn without_internal_names(
    condition: Option<&Expr>,
    semantics: ListingSemantics,
) -> Result<Option<Expr>, StatementError> {
    match condition {
        None => Ok(None),
        Some(condition) => reduced(condition, semantics.underscore_tags),
    }
}

fn reduced(condition: &Expr, leave_out: bool) -> Result<Option<Expr>, StatementError> {
    match &condition.kind {
        ExprKind::Paren(inner) => reduced(inner, leave_out),
        ExprKind::Binary { op, lhs, rhs } if op.is_logical() => {
            Ok(match (reduced(lhs, leave_out)?, reduced(rhs, leave_out)?) {
                (Some(lhs), Some(rhs)) => {
                    Some(ExprKind::Binary { op: *op, lhs: Box::new(lhs), rhs: Box::new(rhs) }.into())
                }
                (one, other) => one.or(other),
            })
        }
        ExprKind::Binary { op, lhs, .. } if is_tag_operator(*op) => match &lhs.kind {
            ExprKind::Var(VarRef { name, .. }) if leave_out && name.starts_with('_') => Ok(None),
            ExprKind::Var(_) => Ok(Some(condition.clone())),
            _ => Err(StatementError::running(
                Clause::new("statements.schema.2"),
                format!("left side of '{}' must be a tag key", op.symbol()),
            )),
        },
        ExprKind::Binary { .. } => Err(invalid_operator()),
        _ => Ok(Some(condition.clone())),
    }
}
