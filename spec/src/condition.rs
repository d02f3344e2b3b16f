//! WHERE: which times are asked for, and which rows are kept.

use fluxstone::influxql::ast::{BinaryOp, Expr, ExprKind, Regex};
use fluxstone::model::{FieldValue, Timestamp};

use crate::select::{Row, Schema, Unspecified};

/// The times that the comparisons with `time` leave; a side without a comparison is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// The first time.
    pub min: Option<Timestamp>,
    /// The last time.
    pub max: Option<Timestamp>,
}

impl Bounds {
    /// Whether `time` is asked for.
    pub fn contain(self, time: Timestamp) -> bool {
        self.min.is_none_or(|min| min <= time) && self.max.is_none_or(|max| time <= max)
    }
}

/// The bounds of a condition. Comparisons with `time` have to be joined to the rest by AND, outside all parentheses with OR.
///
/// Transcribes `select.time.range.1`, `select.time.range.3`.
pub fn bounds(condition: &Expr) -> Result<Bounds, Unspecified> {
    match &condition.kind {
        ExprKind::Paren(inner) => bounds(inner),
        ExprKind::Binary { op: BinaryOp::And, lhs, rhs } => {
            let (left, right) = (bounds(lhs)?, bounds(rhs)?);
            let narrower = |a: Option<Timestamp>, b: Option<Timestamp>, pick: fn(Timestamp, Timestamp) -> Timestamp| {
                match (a, b) {
                    (Some(a), Some(b)) => Some(pick(a, b)),
                    (one, other) => one.or(other),
                }
            };
            Ok(Bounds {
                min: narrower(left.min, right.min, Timestamp::max),
                max: narrower(left.max, right.max, Timestamp::min),
            })
        }
        ExprKind::Binary { op, lhs, rhs } if is_time(lhs) => {
            let ExprKind::Integer(nanos) = rhs.kind else { return Err(Unspecified("a time that is no integer")) };
            let (at, after, before) = (Timestamp(nanos), Timestamp(nanos + 1), Timestamp(nanos - 1));
            match op {
                BinaryOp::Equal => Ok(Bounds { min: Some(at), max: Some(at) }),
                BinaryOp::Greater => Ok(Bounds { min: Some(after), max: None }),
                BinaryOp::GreaterOrEqual => Ok(Bounds { min: Some(at), max: None }),
                BinaryOp::Less => Ok(Bounds { min: None, max: Some(before) }),
                BinaryOp::LessOrEqual => Ok(Bounds { min: None, max: Some(at) }),
                _ => Err(Unspecified("this operator with time")),
            }
        }
        _ if mentions_time(condition) => Err(Unspecified("time under OR, or on the right")),
        _ => Ok(Bounds::default()),
    }
}

fn is_time(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Var(var) if var.name.eq_ignore_ascii_case("time"))
}

fn mentions_time(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Paren(inner) => mentions_time(inner),
        ExprKind::Binary { lhs, rhs, .. } => mentions_time(lhs) || mentions_time(rhs),
        _ => is_time(expr),
    }
}

/// Whether a row that lies in the bounds is kept. A comparison with an absent field is false.
///
/// Transcribes `select.where.1`, `select.where.logic.1`, `select.where.time.1`.
pub fn holds(condition: &Expr, row: &Row, schema: &Schema) -> Result<bool, Unspecified> {
    match &condition.kind {
        ExprKind::Paren(inner) => holds(inner, row, schema),
        ExprKind::Binary { op: BinaryOp::And, lhs, rhs } => Ok(holds(lhs, row, schema)? & holds(rhs, row, schema)?),
        ExprKind::Binary { op: BinaryOp::Or, lhs, rhs } => Ok(holds(lhs, row, schema)? | holds(rhs, row, schema)?),
        ExprKind::Binary { lhs, .. } if is_time(lhs) => Ok(true),
        ExprKind::Binary { op, lhs, rhs } if op.is_comparison() => {
            let (left, right) = (operand(lhs, row, schema)?, operand(rhs, row, schema)?);
            let tag_against_other = |a, b| is_tag(a, schema) && !matches!(b, Operand::String(_) | Operand::Regex(_));
            if tag_against_other(lhs, right) || tag_against_other(rhs, left) {
                return Err(Unspecified("a tag compared with something that is no text"));
            }
            Ok(compare(*op, left, right))
        }
        _ => Err(Unspecified("a condition that compares nothing")),
    }
}

/// One side of a comparison.
#[derive(Clone, Copy)]
enum Operand<'a> {
    Absent,
    Float(f64),
    Integer(i64),
    String(&'a [u8]),
    Boolean(bool),
    Regex(&'a Regex),
}

fn is_tag(expr: &Expr, schema: &Schema) -> bool {
    matches!(&expr.kind, ExprKind::Var(var) if !schema.fields.contains_key(var.name.as_bytes()))
}

/// What a side stands for in a row. A name is a field if the measurement has one of that name, a tag otherwise; an absent
/// tag is the empty text. Transcribes `select.columns.kind.1`, `select.where.tag.1`.
fn operand<'a>(expr: &'a Expr, row: &'a Row, schema: &Schema) -> Result<Operand<'a>, Unspecified> {
    Ok(match &expr.kind {
        ExprKind::Paren(inner) => return operand(inner, row, schema),
        ExprKind::Var(var) if var.cast.is_some() => return Err(Unspecified("a cast")),
        ExprKind::Var(var) if schema.fields.contains_key(var.name.as_bytes()) => {
            match row.fields.get(var.name.as_bytes()) {
                None => Operand::Absent,
                Some(FieldValue::Float(value)) => Operand::Float(*value),
                Some(FieldValue::Integer(value)) => Operand::Integer(*value),
                Some(FieldValue::String(value)) => Operand::String(value),
                Some(FieldValue::Boolean(value)) => Operand::Boolean(*value),
            }
        }
        ExprKind::Var(var) => Operand::String(row.series.tags.get(var.name.as_bytes()).map_or(b"", |value| value)),
        ExprKind::Integer(value) => Operand::Integer(*value),
        ExprKind::Number(value) => Operand::Float(*value),
        ExprKind::String(value) => Operand::String(value.as_bytes()),
        ExprKind::Boolean(value) => Operand::Boolean(*value),
        ExprKind::Regex(regex) => Operand::Regex(regex),
        _ => return Err(Unspecified("arithmetic in a condition")),
    })
}

/// Integers are compared exactly, other numbers as floats. Texts and booleans know only equality. All else is false.
///
/// Transcribes `select.where.field.1`, `select.where.field.2`, `select.where.tag.2`.
fn compare(op: BinaryOp, left: Operand<'_>, right: Operand<'_>) -> bool {
    match (left, right) {
        (Operand::Integer(a), Operand::Integer(b)) => ordered(op, &a, &b),
        (Operand::Integer(a), Operand::Float(b)) => ordered(op, &(a as f64), &b),
        (Operand::Float(a), Operand::Integer(b)) => ordered(op, &a, &(b as f64)),
        (Operand::Float(a), Operand::Float(b)) => ordered(op, &a, &b),
        (Operand::String(a), Operand::String(b)) => equal(op, a, b),
        (Operand::Boolean(a), Operand::Boolean(b)) => equal(op, &a, &b),
        (Operand::String(text), Operand::Regex(regex)) => match op {
            BinaryOp::Match => regex.is_match(text),
            BinaryOp::NotMatch => !regex.is_match(text),
            _ => false,
        },
        _ => false,
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

fn equal<T: PartialEq + ?Sized>(op: BinaryOp, a: &T, b: &T) -> bool {
    match op {
        BinaryOp::Equal => a == b,
        BinaryOp::NotEqual => a != b,
        _ => false,
    }
}
