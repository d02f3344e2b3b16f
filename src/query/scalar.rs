//! One value while an expression is evaluated: borrowed, cheap to copy, and null where nothing is stored.
//!
//! Arithmetic and comparison of InfluxQL live here, so that SELECT, WHERE and constant folding differ only where the
//! specification says so.

use fluxstone_influxql::ast::BinaryOp;
use fluxstone_model::Text;

use super::Value;

/// A value or null.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Float(f64),
    Integer(i64),
    String(&'a Text),
    Boolean(bool),
}

/// How two integers are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Division {
    /// To a float: projections and constants.
    Exact,
    /// Toward zero: conditions on points.
    Truncating,
}

impl<'a> Scalar<'a> {
    /// The cell that shows the value.
    pub(super) fn to_value(self) -> Value {
        match self {
            Scalar::Null => Value::Null,
            Scalar::Float(v) => Value::Float(v),
            Scalar::Integer(v) => Value::Integer(v),
            Scalar::String(v) => Value::String(v.clone()),
            Scalar::Boolean(v) => Value::Boolean(v),
        }
    }

    /// The value of a cell; times, ids and lists, which no field holds, read as null.
    pub(super) fn of(value: &'a Value) -> Scalar<'a> {
        match value {
            Value::Float(v) => Scalar::Float(*v),
            Value::Integer(v) => Scalar::Integer(*v),
            Value::String(v) => Scalar::String(v),
            Value::Boolean(v) => Scalar::Boolean(*v),
            Value::Null | Value::Time(_) | Value::Ordinal(_) | Value::List(_) => Scalar::Null,
        }
    }

    /// A number as a float.
    pub(super) fn as_float(self) -> Option<f64> {
        match self {
            Scalar::Float(v) => Some(v),
            Scalar::Integer(v) => Some(v as f64),
            _ => None,
        }
    }
}

/// `left op right` for `+ - * /`: null unless both are numbers. Integers wrap; division by zero is zero.
pub(super) fn arithmetic<'a>(op: BinaryOp, left: Scalar<'_>, right: Scalar<'_>, division: Division) -> Scalar<'a> {
    if let (Scalar::Integer(a), Scalar::Integer(b)) = (left, right) {
        return match op {
            BinaryOp::Add => Scalar::Integer(a.wrapping_add(b)),
            BinaryOp::Subtract => Scalar::Integer(a.wrapping_sub(b)),
            BinaryOp::Multiply => Scalar::Integer(a.wrapping_mul(b)),
            BinaryOp::Divide if division == Division::Truncating => {
                Scalar::Integer(if b == 0 { 0 } else { a.wrapping_div(b) })
            }
            BinaryOp::Divide => Scalar::Float(if b == 0 { 0.0 } else { a as f64 / b as f64 }),
            _ => Scalar::Null,
        };
    }
    let (Some(a), Some(b)) = (left.as_float(), right.as_float()) else { return Scalar::Null };
    match op {
        BinaryOp::Add => Scalar::Float(a + b),
        BinaryOp::Subtract => Scalar::Float(a - b),
        BinaryOp::Multiply => Scalar::Float(a * b),
        BinaryOp::Divide => Scalar::Float(if b == 0.0 { 0.0 } else { a / b }),
        _ => Scalar::Null,
    }
}

/// `left op right` for the six comparisons. False where types do not fit, `!=` included; integers compare exactly with
/// integers. Regular expressions are matched elsewhere.
pub(super) fn compare(op: BinaryOp, left: Scalar<'_>, right: Scalar<'_>) -> bool {
    match (left, right) {
        (Scalar::Integer(a), Scalar::Integer(b)) => ordered(op, &a, &b),
        (Scalar::String(a), Scalar::String(b)) => equality(op, a == b),
        (Scalar::Boolean(a), Scalar::Boolean(b)) => equality(op, a == b),
        _ => match (left.as_float(), right.as_float()) {
            (Some(a), Some(b)) => ordered(op, &a, &b),
            _ => false,
        },
    }
}

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

fn equality(op: BinaryOp, equal: bool) -> bool {
    match op {
        BinaryOp::Equal => equal,
        BinaryOp::NotEqual => !equal,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: select.arithmetic.1, select.arithmetic.2
    #[test]
    fn integers_stay_integers_except_in_division() {
        let int = |op, a, b| arithmetic(op, Scalar::Integer(a), Scalar::Integer(b), Division::Exact);
        assert_eq!(int(BinaryOp::Add, i64::MAX, 1), Scalar::Integer(i64::MIN));
        assert_eq!(int(BinaryOp::Multiply, 6, 7), Scalar::Integer(42));
        assert_eq!(int(BinaryOp::Divide, 7, 2), Scalar::Float(3.5));
        assert_eq!(int(BinaryOp::Divide, 7, 0), Scalar::Float(0.0));
        let mixed = arithmetic(BinaryOp::Subtract, Scalar::Integer(1), Scalar::Float(0.5), Division::Exact);
        assert_eq!(mixed, Scalar::Float(0.5));
    }

    // spec: select.where.arithmetic.1
    #[test]
    fn conditions_divide_integers_toward_zero() {
        let divide = |a, b| arithmetic(BinaryOp::Divide, Scalar::Integer(a), Scalar::Integer(b), Division::Truncating);
        assert_eq!(divide(7, 2), Scalar::Integer(3));
        assert_eq!(divide(-7, 2), Scalar::Integer(-3));
        assert_eq!(divide(7, 0), Scalar::Integer(0));
    }

    // spec: select.where.field.1, select.where.field.2
    #[test]
    fn values_of_different_types_are_neither_equal_nor_different() {
        let text = Text::from("1");
        for op in [BinaryOp::Equal, BinaryOp::NotEqual] {
            assert!(!compare(op, Scalar::String(&text), Scalar::Integer(1)));
            assert!(!compare(op, Scalar::Boolean(true), Scalar::Integer(1)));
        }
        assert!(compare(BinaryOp::Equal, Scalar::Float(1.0), Scalar::Integer(1)));
        assert!(!compare(BinaryOp::Equal, Scalar::Integer(i64::MAX), Scalar::Integer(i64::MAX - 1)));
        assert!(compare(BinaryOp::Equal, Scalar::Float(i64::MAX as f64), Scalar::Integer(i64::MAX - 1)));
    }
}
