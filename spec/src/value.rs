//! Operators on two values.

use fluxstone_influxql::ast::BinaryOp;
use fluxstone_model::{FieldType, FieldValue};
use fluxstone_query::Value;

/// How an integer is divided by an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division {
    /// To a float: in projections, and between constants.
    Exact,
    /// Toward zero: in conditions.
    TowardZero,
}

/// Computes `a op b` for arithmetic. If an operand is not a number the result is null. Integers wrap; division by zero is zero.
///
/// Transcribes `select.arithmetic.1`, `select.arithmetic.2`, `select.where.arithmetic.1`.
pub fn arithmetic(op: BinaryOp, a: &Value, b: &Value, division: Division) -> Value {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => match op {
            BinaryOp::Add => Value::Integer(a.wrapping_add(*b)),
            BinaryOp::Subtract => Value::Integer(a.wrapping_sub(*b)),
            BinaryOp::Multiply => Value::Integer(a.wrapping_mul(*b)),
            BinaryOp::Divide if division == Division::Exact => float_arithmetic(op, *a as f64, *b as f64),
            BinaryOp::Divide if *b == 0 => Value::Integer(0),
            BinaryOp::Divide => Value::Integer(a.wrapping_div(*b)),
            _ => Value::Null,
        },
        _ => match (float(a), float(b)) {
            (Some(a), Some(b)) => float_arithmetic(op, a, b),
            _ => Value::Null,
        },
    }
}

fn float_arithmetic(op: BinaryOp, a: f64, b: f64) -> Value {
    match op {
        BinaryOp::Add => Value::Float(a + b),
        BinaryOp::Subtract => Value::Float(a - b),
        BinaryOp::Multiply => Value::Float(a * b),
        BinaryOp::Divide if b == 0.0 => Value::Float(0.0),
        BinaryOp::Divide => Value::Float(a / b),
        _ => Value::Null,
    }
}

/// A number as a float.
pub fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        Value::Integer(value) => Some(*value as f64),
        _ => None,
    }
}

/// Whether the comparison `a op b` is true. Integers are compared exactly, other numbers as floats. Texts and booleans can only be
/// equal or unequal. Everything else is false, including null.
///
/// Transcribes `select.where.field.1`, `select.where.field.2`.
pub fn compare(op: BinaryOp, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => ordered(op, a, b),
        (Value::String(a), Value::String(b)) => equal(op, a, b),
        (Value::Boolean(a), Value::Boolean(b)) => equal(op, a, b),
        _ => match (float(a), float(b)) {
            (Some(a), Some(b)) => ordered(op, &a, &b),
            _ => false,
        },
    }
}

fn ordered<T: PartialOrd>(op: BinaryOp, a: &T, b: &T) -> bool {
    match op {
        BinaryOp::Less => a < b,
        BinaryOp::LessOrEqual => a <= b,
        BinaryOp::Greater => a > b,
        BinaryOp::GreaterOrEqual => a >= b,
        _ => equal(op, a, b),
    }
}

fn equal<T: PartialEq>(op: BinaryOp, a: &T, b: &T) -> bool {
    match op {
        BinaryOp::Equal => a == b,
        BinaryOp::NotEqual => a != b,
        _ => false,
    }
}

/// The order of two values of one type: false before true, texts by their bytes.
pub fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal),
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        _ => std::cmp::Ordering::Equal,
    }
}

/// Reads a stored value as a type: integers and floats are converted to each other; values of other types are absent.
///
/// Transcribes `select.columns.kind.2`, `select.columns.kind.3`.
pub fn read_as(stored: &FieldValue, wanted: FieldType) -> Value {
    match (stored, wanted) {
        (FieldValue::Float(value), FieldType::Float) => Value::Float(*value),
        (FieldValue::Float(value), FieldType::Integer) => Value::Integer(*value as i64),
        (FieldValue::Integer(value), FieldType::Float) => Value::Float(*value as f64),
        (FieldValue::Integer(value), FieldType::Integer) => Value::Integer(*value),
        (FieldValue::String(value), FieldType::String) => Value::String(value.clone()),
        (FieldValue::Boolean(value), FieldType::Boolean) => Value::Boolean(*value),
        _ => Value::Null,
    }
}
