//! Constant folding: computes everything that does not depend on data, including `now()`.
//!
//! Folding does not change the meaning of a query, with one exception that InfluxQL makes: constants divide exactly (`7 / 2` is
//! 3.5), while conditions on points divide integers toward zero.

use std::cmp::Ordering;

use fluxstone_influxql::ast::{BinaryOp, Expr, ExprKind};
use fluxstone_model::{Nanos, Scalar, Timestamp};

use super::scalar::{self, Division};
use super::time_literal;

/// Returns `expr` with its constant parts computed. Without `now`, calls of `now()` stay.
pub(super) fn fold(expr: &Expr, now: Option<Timestamp>) -> Expr {
    let kind = match &expr.kind {
        ExprKind::Binary { op, lhs, rhs } => fold_binary(*op, fold(lhs, now), fold(rhs, now)),
        ExprKind::Paren(inner) => match fold(inner, now) {
            inner @ Expr { kind: ExprKind::Binary { .. }, .. } => ExprKind::Paren(Box::new(inner)),
            inner => inner.kind,
        },
        ExprKind::Call { name, args } => match now {
            Some(now) if name == "now" && args.is_empty() => ExprKind::Time(now),
            _ => ExprKind::Call { name: name.clone(), args: args.iter().map(|arg| fold(arg, now)).collect() },
        },
        other => other.clone(),
    };
    Expr { kind, span: expr.span }
}

fn fold_binary(op: BinaryOp, lhs: Expr, rhs: Expr) -> ExprKind {
    if op.is_logical() {
        match (&lhs.kind, &rhs.kind) {
            // Bounds on time decide which shards are read, and therefore which types fields have, even if the condition is false.
            (ExprKind::Boolean(false), _) if op == BinaryOp::And && names_time(&rhs) => {}
            (_, ExprKind::Boolean(false)) if op == BinaryOp::And && names_time(&lhs) => {}
            (ExprKind::Boolean(known), _) => return short_circuit(op, *known, rhs),
            (_, ExprKind::Boolean(known)) => return short_circuit(op, *known, lhs),
            _ => {}
        }
    }
    match fold_times(op, &lhs.kind, &rhs.kind).or_else(|| fold_values(op, &lhs.kind, &rhs.kind)) {
        Some(folded) => folded,
        None => ExprKind::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) },
    }
}

fn names_time(expr: &Expr) -> bool {
    expr.any(|expr| matches!(&expr.kind, ExprKind::Var(var) if var.name.eq_ignore_ascii_case("time")))
}

/// Computes `known op other` for AND and OR.
fn short_circuit(op: BinaryOp, known: bool, other: Expr) -> ExprKind {
    if known == (op == BinaryOp::And) { other.kind } else { ExprKind::Boolean(known) }
}

/// Folds numbers, strings and booleans.
fn fold_values(op: BinaryOp, lhs: &ExprKind, rhs: &ExprKind) -> Option<ExprKind> {
    if let (ExprKind::String(a), ExprKind::String(b)) = (lhs, rhs)
        && op == BinaryOp::Add
    {
        return Some(ExprKind::String(format!("{a}{b}")));
    }
    let (left, right) = (literal(lhs)?, literal(rhs)?);
    if op.is_comparison() {
        let comparable = is_number(left) && is_number(right)
            || matches!(op, BinaryOp::Equal | BinaryOp::NotEqual)
                && std::mem::discriminant(&left) == std::mem::discriminant(&right);
        return comparable.then(|| ExprKind::Boolean(scalar::compare(op, Some(left), Some(right))));
    }
    match scalar::arithmetic(op, Some(left), Some(right), Division::Exact)? {
        Scalar::Integer(v) => Some(ExprKind::Integer(v)),
        Scalar::Float(v) => Some(ExprKind::Number(v)),
        Scalar::String(_) | Scalar::Boolean(_) => None,
    }
}

/// Returns the value of a literal, if it is one that a field can hold.
fn literal(kind: &ExprKind) -> Option<Scalar<'_>> {
    match kind {
        ExprKind::Integer(v) => Some(Scalar::Integer(*v)),
        ExprKind::Number(v) => Some(Scalar::Float(*v)),
        ExprKind::String(v) => Some(Scalar::String(v.as_bytes())),
        ExprKind::Boolean(v) => Some(Scalar::Boolean(*v)),
        _ => None,
    }
}

fn is_number(value: Scalar<'_>) -> bool {
    matches!(value, Scalar::Integer(_) | Scalar::Float(_))
}

/// An operand of time arithmetic.
#[derive(Clone, Copy)]
enum TimeOperand {
    /// Nanoseconds since the epoch, which may exceed 64 bits.
    Time(i128),
    Duration(i64),
    /// A number: nanoseconds when combined with a time, a factor when combined with a duration.
    Integer(i64),
    Number(f64),
}

impl TimeOperand {
    fn of(kind: &ExprKind) -> Option<TimeOperand> {
        match kind {
            ExprKind::Time(t) => Some(TimeOperand::Time(i128::from(t.0))),
            ExprKind::Duration(d) => Some(TimeOperand::Duration(d.0)),
            ExprKind::Integer(v) => Some(TimeOperand::Integer(*v)),
            ExprKind::Number(v) => Some(TimeOperand::Number(*v)),
            ExprKind::String(_) | ExprKind::Binary { .. } | ExprKind::Paren(_) => {
                wide_time(kind).map(TimeOperand::Time)
            }
            _ => None,
        }
    }
}

/// Folds times and durations, at least one of which must be present. The sum of two strings is a string, even if both are dates.
/// A sum or difference that is not within the range of times stays as it is; [`wide_time`] computes it.
fn fold_times(op: BinaryOp, lhs: &ExprKind, rhs: &ExprKind) -> Option<ExprKind> {
    if matches!((lhs, rhs), (ExprKind::String(_), ExprKind::String(_))) && op == BinaryOp::Add {
        return None;
    }
    let time = |t: i128| i64::try_from(t).ok().map(|t| ExprKind::Time(Timestamp(t)));
    let wide = |length: i64| i128::from(length);
    let duration = |d: i64| Some(ExprKind::Duration(Nanos(d)));
    match (TimeOperand::of(lhs)?, op, TimeOperand::of(rhs)?) {
        (TimeOperand::Time(t), BinaryOp::Add, TimeOperand::Duration(d) | TimeOperand::Integer(d))
        | (TimeOperand::Duration(d) | TimeOperand::Integer(d), BinaryOp::Add, TimeOperand::Time(t)) => {
            time(t.checked_add(wide(d))?)
        }
        (TimeOperand::Time(t), BinaryOp::Subtract, TimeOperand::Duration(d) | TimeOperand::Integer(d)) => {
            time(t.checked_sub(wide(d))?)
        }
        (TimeOperand::Integer(t), BinaryOp::Add, TimeOperand::Duration(d)) => time(wide(t) + wide(d)),
        (TimeOperand::Integer(t), BinaryOp::Subtract, TimeOperand::Duration(d)) => time(wide(t) - wide(d)),
        (TimeOperand::Time(a), BinaryOp::Subtract, TimeOperand::Time(b)) => {
            duration(a.saturating_sub(b).clamp(wide(i64::MIN), wide(i64::MAX)) as i64)
        }
        (TimeOperand::Duration(a), BinaryOp::Add, TimeOperand::Duration(b)) => duration(a.saturating_add(b)),
        (TimeOperand::Duration(a), BinaryOp::Subtract, TimeOperand::Duration(b)) => duration(a.saturating_sub(b)),
        (TimeOperand::Duration(d), BinaryOp::Multiply, TimeOperand::Integer(by)) => duration(d.saturating_mul(by)),
        (TimeOperand::Duration(d), BinaryOp::Multiply, TimeOperand::Number(by)) => duration((d as f64 * by) as i64),
        (TimeOperand::Duration(d), BinaryOp::Divide, TimeOperand::Integer(by)) => {
            duration(if by == 0 { 0 } else { d.wrapping_div(by) })
        }
        (TimeOperand::Duration(d), BinaryOp::Divide, TimeOperand::Number(by)) => {
            duration(if by == 0.0 { 0 } else { (d as f64 / by) as i64 })
        }
        (TimeOperand::Time(a), op, TimeOperand::Time(b)) => compared(op, a.cmp(&b)),
        (TimeOperand::Duration(a), op, TimeOperand::Duration(b)) => compared(op, a.cmp(&b)),
        _ => None,
    }
}

/// Computes a comparison of two times or two durations.
fn compared(op: BinaryOp, order: Ordering) -> Option<ExprKind> {
    let is_comparison = op.is_comparison() && !matches!(op, BinaryOp::Match | BinaryOp::NotMatch);
    let order = Scalar::Integer(order as i64);
    is_comparison.then(|| ExprKind::Boolean(scalar::compare(op, Some(order), Some(Scalar::Integer(0)))))
}

/// The time that a date or a folded sum or difference is, in nanoseconds since the epoch, which may exceed 64 bits. `None` if it is
/// not a time.
pub(super) fn wide_time(kind: &ExprKind) -> Option<i128> {
    let length = |expr: &Expr| match &expr.kind {
        ExprKind::Duration(length) => Some(i128::from(length.0)),
        ExprKind::Integer(length) => Some(i128::from(*length)),
        _ => None,
    };
    match kind {
        ExprKind::Paren(inner) => wide_time(&inner.kind),
        ExprKind::Time(time) => Some(i128::from(time.0)),
        ExprKind::String(text) => time_literal::parse(text),
        ExprKind::Binary { op, lhs, rhs } => match (op, &lhs.kind, &rhs.kind) {
            (BinaryOp::Add, ExprKind::Integer(a), ExprKind::Duration(b)) => Some(i128::from(*a) + i128::from(b.0)),
            (BinaryOp::Subtract, ExprKind::Integer(a), ExprKind::Duration(b)) => Some(i128::from(*a) - i128::from(b.0)),
            (BinaryOp::Add, ..) => match length(rhs) {
                Some(length) => wide_time(&lhs.kind)?.checked_add(length),
                None => length(lhs)?.checked_add(wide_time(&rhs.kind)?),
            },
            (BinaryOp::Subtract, ..) => wide_time(&lhs.kind)?.checked_sub(length(rhs)?),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(op: BinaryOp, lhs: ExprKind, rhs: ExprKind) -> Expr {
        ExprKind::Binary { op, lhs: Box::new(lhs.into()), rhs: Box::new(rhs.into()) }.into()
    }

    fn check(op: BinaryOp, lhs: ExprKind, rhs: ExprKind, want: &ExprKind) {
        assert_eq!(fold(&binary(op, lhs, rhs), Some(Timestamp(1_000))).kind, *want);
    }

    fn now() -> ExprKind {
        ExprKind::Call { name: "now".into(), args: vec![] }
    }

    // spec: select.time.arithmetic.1
    #[test]
    fn durations_and_numbers_of_nanoseconds_shift_times() {
        let ns = |t| ExprKind::Time(Timestamp(t));
        check(BinaryOp::Subtract, now(), ExprKind::Duration(Nanos(400)), &ns(600));
        check(BinaryOp::Subtract, now(), ExprKind::Integer(5), &ns(995));
        check(BinaryOp::Add, ExprKind::String("1970-01-01".into()), ExprKind::Duration(Nanos(7)), &ns(7));
        check(BinaryOp::Add, ExprKind::Duration(Nanos(7)), now(), &ns(1_007));
        check(BinaryOp::Add, ExprKind::Integer(3), ExprKind::Duration(Nanos(7)), &ns(10));
        check(BinaryOp::Subtract, now(), now(), &ExprKind::Duration(Nanos(0)));
        let date = |text: &str| ExprKind::String(text.into());
        let difference = &ExprKind::Duration(Nanos(365 * 86_400_000_000_000));
        check(BinaryOp::Subtract, date("2015-01-01"), date("2014-01-01"), difference);
        check(BinaryOp::Add, date("2015-01-01"), date("2014-01-01"), &date("2015-01-012014-01-01"));
        let apart = binary(BinaryOp::Subtract, date("2015-01-01"), date("x")).kind;
        check(BinaryOp::Subtract, date("2015-01-01"), date("x"), &apart);
    }

    // spec: select.time.arithmetic.1
    #[test]
    fn sums_beyond_the_range_are_computed_apart() {
        let wide = |op, lhs, rhs| wide_time(&fold(&binary(op, lhs, rhs), Some(Timestamp(i64::MAX - 3))).kind);
        let over = i128::from(i64::MAX) + 2;
        assert_eq!(wide(BinaryOp::Add, now(), ExprKind::Duration(Nanos(5))), Some(over));
        assert_eq!(wide(BinaryOp::Add, ExprKind::Integer(5), now()), Some(over));
        assert_eq!(wide(BinaryOp::Add, ExprKind::Integer(i64::MAX), ExprKind::Duration(Nanos(2))), Some(over));
        let end = ExprKind::String("9999-12-31".into());
        let end_ns = 2_932_896 * 86_400_000_000_000;
        assert_eq!(wide(BinaryOp::Subtract, end, ExprKind::Duration(Nanos(7))), Some(end_ns - 7));
        let later = binary(BinaryOp::Add, now(), ExprKind::Duration(Nanos(5)));
        let back = binary(BinaryOp::Subtract, later.kind, now());
        assert_eq!(fold(&back, Some(Timestamp(i64::MAX))).kind, ExprKind::Duration(Nanos(5)));
        let (early, late) = (ExprKind::String("2300-01-01".into()), ExprKind::String("2300-01-02".into()));
        check(BinaryOp::Subtract, late.clone(), early.clone(), &ExprKind::Duration(Nanos(86_400_000_000_000)));
        check(BinaryOp::Less, early, late, &ExprKind::Boolean(true));
        assert_eq!(wide(BinaryOp::Multiply, now(), ExprKind::Integer(2)), None);
        assert_eq!(wide(BinaryOp::Subtract, ExprKind::Integer(1), ExprKind::String("x".into())), None);
    }

    // spec: select.arithmetic.3
    #[test]
    fn constants_divide_exactly() {
        check(BinaryOp::Divide, ExprKind::Integer(7), ExprKind::Integer(2), &ExprKind::Number(3.5));
        check(BinaryOp::Divide, ExprKind::Integer(7), ExprKind::Integer(0), &ExprKind::Number(0.0));
        check(BinaryOp::Multiply, ExprKind::Integer(7), ExprKind::Integer(2), &ExprKind::Integer(14));
    }

    // spec: select.where.constant.1
    #[test]
    fn known_truth_values_disappear_from_and_and_or() {
        let open = || binary(BinaryOp::Equal, ExprKind::Integer(1), ExprKind::String("a".into())).kind;
        check(BinaryOp::And, ExprKind::Boolean(true), open(), &open());
        check(BinaryOp::And, open(), ExprKind::Boolean(false), &ExprKind::Boolean(false));
        check(BinaryOp::Or, open(), ExprKind::Boolean(false), &open());
        check(BinaryOp::Or, ExprKind::Boolean(true), open(), &ExprKind::Boolean(true));
        check(BinaryOp::Equal, ExprKind::Integer(1), ExprKind::Number(1.0), &ExprKind::Boolean(true));
        check(BinaryOp::Equal, ExprKind::String("a".into()), ExprKind::String("b".into()), &ExprKind::Boolean(false));
    }
}
