//! Constant folding: what can be computed before any data is read, `now()` included.
//!
//! Folding changes how a query is run, never what it means, with one exception that InfluxQL has: constants divide
//! exactly (`7 / 2` is 3.5) where conditions on points divide integers toward zero.

use fluxstone_influxql::ast::{BinaryOp, Expr, ExprKind};
use fluxstone_model::{Nanos, Text, Timestamp};

use super::scalar::{self, Division, Scalar};
use super::time_literal;

/// `expr` with its constant parts computed. Without `now`, calls of `now()` stay.
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
            // Bounds on time decide which shards are looked at, and with them which types there are, even where nothing is true.
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

/// `known op other` of AND and OR.
fn short_circuit(op: BinaryOp, known: bool, other: Expr) -> ExprKind {
    if known == (op == BinaryOp::And) { other.kind } else { ExprKind::Boolean(known) }
}

/// Numbers, strings and booleans.
fn fold_values(op: BinaryOp, lhs: &ExprKind, rhs: &ExprKind) -> Option<ExprKind> {
    if let (ExprKind::String(a), ExprKind::String(b)) = (lhs, rhs)
        && op == BinaryOp::Add
    {
        return Some(ExprKind::String(format!("{a}{b}")));
    }
    let (left, right) = (Constant::of(lhs)?, Constant::of(rhs)?);
    if op.is_comparison() {
        let comparable = left.is_number() && right.is_number()
            || matches!(op, BinaryOp::Equal | BinaryOp::NotEqual)
                && std::mem::discriminant(&left) == std::mem::discriminant(&right);
        return comparable.then(|| ExprKind::Boolean(scalar::compare(op, left.scalar(), right.scalar())));
    }
    match scalar::arithmetic(op, left.scalar(), right.scalar(), Division::Exact) {
        Scalar::Integer(v) => Some(ExprKind::Integer(v)),
        Scalar::Float(v) => Some(ExprKind::Number(v)),
        _ => None,
    }
}

/// A literal that is an ordinary value.
enum Constant {
    Integer(i64),
    Number(f64),
    String(Text),
    Boolean(bool),
}

impl Constant {
    fn of(kind: &ExprKind) -> Option<Constant> {
        match kind {
            ExprKind::Integer(v) => Some(Constant::Integer(*v)),
            ExprKind::Number(v) => Some(Constant::Number(*v)),
            ExprKind::String(v) => Some(Constant::String(Text::from(v.as_str()))),
            ExprKind::Boolean(v) => Some(Constant::Boolean(*v)),
            _ => None,
        }
    }

    fn scalar(&self) -> Scalar<'_> {
        match self {
            Constant::Integer(v) => Scalar::Integer(*v),
            Constant::Number(v) => Scalar::Float(*v),
            Constant::String(v) => Scalar::String(v),
            Constant::Boolean(v) => Scalar::Boolean(*v),
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Constant::Integer(_) | Constant::Number(_))
    }
}

/// A literal that takes part in time arithmetic.
#[derive(Clone, Copy)]
enum Moment {
    Time(i64),
    Duration(i64),
    /// A plain number: nanoseconds beside a time, a factor beside a duration.
    Integer(i64),
    Number(f64),
}

impl Moment {
    fn of(kind: &ExprKind) -> Option<Moment> {
        match kind {
            ExprKind::Time(t) => Some(Moment::Time(t.0)),
            ExprKind::Duration(d) => Some(Moment::Duration(d.0)),
            ExprKind::Integer(v) => Some(Moment::Integer(*v)),
            ExprKind::Number(v) => Some(Moment::Number(*v)),
            ExprKind::String(text) => time_literal::parse(text).and_then(|t| i64::try_from(t).ok()).map(Moment::Time),
            _ => None,
        }
    }
}

/// Times and durations. At least one side must be one; a string counts as a time only beside another kind.
#[expect(clippy::match_same_arms, reason = "one arm for each rule reads as the table that it is")]
fn fold_times(op: BinaryOp, lhs: &ExprKind, rhs: &ExprKind) -> Option<ExprKind> {
    if matches!((lhs, rhs), (ExprKind::String(_), ExprKind::String(_))) && !op.is_comparison() {
        return None;
    }
    let time = |t: Option<i64>| t.map(|t| ExprKind::Time(Timestamp(t)));
    let duration = |d: i64| Some(ExprKind::Duration(Nanos(d)));
    match (Moment::of(lhs)?, op, Moment::of(rhs)?) {
        (Moment::Time(t), BinaryOp::Add, Moment::Duration(d) | Moment::Integer(d))
        | (Moment::Duration(d) | Moment::Integer(d), BinaryOp::Add, Moment::Time(t)) => time(t.checked_add(d)),
        (Moment::Time(t), BinaryOp::Subtract, Moment::Duration(d) | Moment::Integer(d)) => time(t.checked_sub(d)),
        (Moment::Integer(t), BinaryOp::Add, Moment::Duration(d)) => time(t.checked_add(d)),
        (Moment::Integer(t), BinaryOp::Subtract, Moment::Duration(d)) => time(t.checked_sub(d)),
        (Moment::Time(a), BinaryOp::Subtract, Moment::Time(b)) => duration(a.saturating_sub(b)),
        (Moment::Duration(a), BinaryOp::Add, Moment::Duration(b)) => duration(a.saturating_add(b)),
        (Moment::Duration(a), BinaryOp::Subtract, Moment::Duration(b)) => duration(a.saturating_sub(b)),
        (Moment::Duration(d), BinaryOp::Multiply, Moment::Integer(by)) => duration(d.saturating_mul(by)),
        (Moment::Duration(d), BinaryOp::Multiply, Moment::Number(by)) => duration((d as f64 * by) as i64),
        (Moment::Duration(d), BinaryOp::Divide, Moment::Integer(by)) => {
            duration(if by == 0 { 0 } else { d.wrapping_div(by) })
        }
        (Moment::Duration(d), BinaryOp::Divide, Moment::Number(by)) => {
            duration(if by == 0.0 { 0 } else { (d as f64 / by) as i64 })
        }
        (Moment::Time(a), op, Moment::Time(b)) | (Moment::Duration(a), op, Moment::Duration(b))
            if op.is_comparison() && !matches!(op, BinaryOp::Match | BinaryOp::NotMatch) =>
        {
            Some(ExprKind::Boolean(scalar::compare(op, Scalar::Integer(a), Scalar::Integer(b))))
        }
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
    fn durations_and_plain_numbers_of_nanoseconds_move_times() {
        let ns = |t| ExprKind::Time(Timestamp(t));
        check(BinaryOp::Subtract, now(), ExprKind::Duration(Nanos(400)), &ns(600));
        check(BinaryOp::Subtract, now(), ExprKind::Integer(5), &ns(995));
        check(BinaryOp::Add, ExprKind::String("1970-01-01".into()), ExprKind::Duration(Nanos(7)), &ns(7));
        check(BinaryOp::Add, ExprKind::Duration(Nanos(7)), now(), &ns(1_007));
        check(BinaryOp::Add, ExprKind::Integer(3), ExprKind::Duration(Nanos(7)), &ns(10));
        check(BinaryOp::Subtract, now(), now(), &ExprKind::Duration(Nanos(0)));
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
    fn known_truth_disappears_from_and_and_or() {
        let open = || binary(BinaryOp::Equal, ExprKind::Integer(1), ExprKind::String("a".into())).kind;
        check(BinaryOp::And, ExprKind::Boolean(true), open(), &open());
        check(BinaryOp::And, open(), ExprKind::Boolean(false), &ExprKind::Boolean(false));
        check(BinaryOp::Or, open(), ExprKind::Boolean(false), &open());
        check(BinaryOp::Or, ExprKind::Boolean(true), open(), &ExprKind::Boolean(true));
        check(BinaryOp::Equal, ExprKind::Integer(1), ExprKind::Number(1.0), &ExprKind::Boolean(true));
        check(BinaryOp::Equal, ExprKind::String("a".into()), ExprKind::String("b".into()), &ExprKind::Boolean(false));
    }
}
