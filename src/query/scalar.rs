//! Arithmetic and comparison of InfluxQL, on single values. A value is an `Option<Scalar>`; `None` is null.
//!
//! SELECT, WHERE and constant folding share these functions, so they differ only where the specification says so.

use fluxstone_influxql::ast::BinaryOp;
use fluxstone_model::Scalar;

/// How two integers are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Division {
    /// To a float: projections and constants.
    Exact,
    /// Toward zero: conditions on points.
    Truncating,
}

/// Returns a number as a float.
#[inline]
pub(super) fn as_float(value: Option<Scalar<'_>>) -> Option<f64> {
    match value {
        Some(Scalar::Float(v)) => Some(v),
        Some(Scalar::Integer(v)) => Some(v as f64),
        Some(Scalar::String(_) | Scalar::Boolean(_)) | None => None,
    }
}

/// Computes `left op right` for `+ - * /`: null unless both are numbers. Integers wrap; division by zero is zero.
#[inline]
pub(super) fn arithmetic(
    op: BinaryOp,
    left: Option<Scalar<'_>>,
    right: Option<Scalar<'_>>,
    division: Division,
) -> Option<Scalar<'static>> {
    if let (Some(Scalar::Integer(a)), Some(Scalar::Integer(b))) = (left, right) {
        return Some(match op {
            BinaryOp::Add => Scalar::Integer(a.wrapping_add(b)),
            BinaryOp::Subtract => Scalar::Integer(a.wrapping_sub(b)),
            BinaryOp::Multiply => Scalar::Integer(a.wrapping_mul(b)),
            BinaryOp::Divide if division == Division::Truncating => {
                Scalar::Integer(if b == 0 { 0 } else { a.wrapping_div(b) })
            }
            BinaryOp::Divide => Scalar::Float(if b == 0 { 0.0 } else { a as f64 / b as f64 }),
            _ => return None,
        });
    }
    let (a, b) = (as_float(left)?, as_float(right)?);
    Some(Scalar::Float(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide if b == 0.0 => 0.0,
        BinaryOp::Divide => a / b,
        _ => return None,
    }))
}

/// Computes `left op right` for the six comparisons. False where types do not match, even for `!=`; two integers are compared
/// exactly. Regular expressions are matched elsewhere.
#[inline]
pub(super) fn compare(op: BinaryOp, left: Option<Scalar<'_>>, right: Option<Scalar<'_>>) -> bool {
    match (left, right) {
        (Some(Scalar::Integer(a)), Some(Scalar::Integer(b))) => ordered(op, &a, &b),
        (Some(Scalar::String(a)), Some(Scalar::String(b))) => equality(op, a == b),
        (Some(Scalar::Boolean(a)), Some(Scalar::Boolean(b))) => equality(op, a == b),
        _ => match (as_float(left), as_float(right)) {
            (Some(a), Some(b)) => ordered(op, &a, &b),
            _ => false,
        },
    }
}

#[inline]
fn ordered<T: PartialOrd>(op: BinaryOp, a: &T, b: &T) -> bool {
    match op {
        BinaryOp::Equal => a == b,
        BinaryOp::NotEqual => a != b,
        BinaryOp::Less => a < b,
        BinaryOp::LessOrEqual => a <= b,
        BinaryOp::Greater => a > b,
        BinaryOp::GreaterOrEqual => a >= b,
        _ => false,
    }
}

#[inline]
fn equality(op: BinaryOp, equal: bool) -> bool {
    match op {
        BinaryOp::Equal => equal,
        BinaryOp::NotEqual => !equal,
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::unnecessary_wraps, reason = "operands may be null")]
mod tests {
    use super::*;

    fn integer(value: i64) -> Option<Scalar<'static>> {
        Some(Scalar::Integer(value))
    }

    fn float(value: f64) -> Option<Scalar<'static>> {
        Some(Scalar::Float(value))
    }

    // spec: select.arithmetic.1, select.arithmetic.2
    #[test]
    fn integers_stay_integers_except_in_division() {
        let compute = |op, a, b| arithmetic(op, integer(a), integer(b), Division::Exact);
        assert_eq!(compute(BinaryOp::Add, i64::MAX, 1), integer(i64::MIN));
        assert_eq!(compute(BinaryOp::Multiply, 6, 7), integer(42));
        assert_eq!(compute(BinaryOp::Divide, 7, 2), float(3.5));
        assert_eq!(compute(BinaryOp::Divide, 7, 0), float(0.0));
        assert_eq!(arithmetic(BinaryOp::Subtract, integer(1), float(0.5), Division::Exact), float(0.5));
        assert_eq!(arithmetic(BinaryOp::Subtract, integer(1), None, Division::Exact), None);
    }

    // spec: select.where.arithmetic.1
    #[test]
    fn conditions_divide_integers_toward_zero() {
        let divide = |a, b| arithmetic(BinaryOp::Divide, integer(a), integer(b), Division::Truncating);
        assert_eq!(divide(7, 2), integer(3));
        assert_eq!(divide(-7, 2), integer(-3));
        assert_eq!(divide(7, 0), integer(0));
    }

    // spec: select.where.field.1, select.where.field.2
    #[test]
    fn values_of_different_types_are_neither_equal_nor_unequal() {
        for op in [BinaryOp::Equal, BinaryOp::NotEqual] {
            assert!(!compare(op, Some(Scalar::String(b"1")), integer(1)));
            assert!(!compare(op, Some(Scalar::Boolean(true)), integer(1)));
        }
        assert!(compare(BinaryOp::Equal, float(1.0), integer(1)));
        assert!(!compare(BinaryOp::Equal, integer(i64::MAX), integer(i64::MAX - 1)));
        assert!(compare(BinaryOp::Equal, float(i64::MAX as f64), integer(i64::MAX - 1)));
    }
}
