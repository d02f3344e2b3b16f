//! Which operands arithmetic takes, and what is said about others.

use fluxstone_influxql::ast::{BinaryOp, Expr, ExprKind};
use fluxstone_model::FieldType;
use fluxstone_query::Value;

use crate::columns::has_call;
use crate::condition::literal;
use crate::functions::Call;
use crate::schema::Meaning;
use crate::select::{Asked, Refused};
use crate::value::{Division, arithmetic};

/// One side of an operator, or a whole column.
#[derive(Debug, Clone, Copy)]
pub struct Operand {
    /// The type of its values; `None` for literals that no field can hold.
    pub field_type: Option<FieldType>,
    /// What messages call it.
    called: &'static str,
    is_literal: bool,
}

/// An expression as an operand, if all arithmetic in it is possible.
///
/// Transcribes `select.arithmetic.1`, `select.arithmetic.5`, `functions.types.1`.
pub fn operand(expr: &Expr, asked: &Asked<'_>) -> Result<Operand, Refused> {
    if is_constant(expr) {
        let value = constant(expr);
        let (field_type, called) = match &value {
            Value::Integer(_) => (Some(FieldType::Integer), "*influxql.IntegerLiteral"),
            Value::Float(_) => (Some(FieldType::Float), "*influxql.NumberLiteral"),
            Value::String(_) => (Some(FieldType::String), "*influxql.StringLiteral"),
            Value::Boolean(_) => (Some(FieldType::Boolean), "*influxql.BooleanLiteral"),
            _ => (None, "*influxql.DurationLiteral"),
        };
        return Ok(Operand { field_type, called, is_literal: true });
    }
    let field_type = match &expr.kind {
        ExprKind::Paren(inner) => return operand(inner, asked),
        ExprKind::Var(var) => match asked.schema.meaning(var) {
            Meaning::Field(_, field_type) => field_type,
            Meaning::Tag(_) => FieldType::String,
            Meaning::Nothing => FieldType::Float,
        },
        ExprKind::Binary { op, lhs, rhs } => result(*op, operand(lhs, asked)?, operand(rhs, asked)?)?,
        _ => Call::read(expr, asked)?.result_type,
    };
    let called = if has_call(expr) { of_results(field_type) } else { of_column(field_type) };
    Ok(Operand { field_type: Some(field_type), called, is_literal: false })
}

/// The type of `left op right`. Transcribes `select.arithmetic.1`, `select.arithmetic.5`.
fn result(op: BinaryOp, left: Operand, right: Operand) -> Result<FieldType, Refused> {
    let is_number = |side: Operand| matches!(side.field_type, Some(FieldType::Float | FieldType::Integer));
    if left.is_literal && right.is_literal {
        let (a, b) = (left.called, right.called);
        return Err(Refused(format!("unable to construct an iterator from two literals: LHS: {a}, RHS: {b}")));
    }
    if !is_number(left) {
        let side = match (left.is_literal, right.is_literal) {
            (true, _) => "lhs ",
            (_, true) => "rhs ",
            _ => "",
        };
        let (a, b) = (left.called, right.called);
        return Err(Refused(format!("unable to construct {side}transform iterator from {a} and {b}")));
    }
    let is_integer = left.field_type == Some(FieldType::Integer);
    if !is_number(right) {
        let wanted = match (is_integer, left.is_literal, right.is_literal) {
            (true, _, true) => "an IntegerLiteral",
            (true, true, _) => "an IntegerIterator",
            (true, false, false) => "a IntegerIterator",
            (false, _, true) => "a NumberLiteral",
            (false, _, false) => "a FloatIterator",
        };
        return Err(Refused(format!("type mismatch on RHS, unable to use {} as {wanted}", right.called)));
    }
    let stays = is_integer && right.field_type == Some(FieldType::Integer) && op != BinaryOp::Divide;
    Ok(if stays { FieldType::Integer } else { FieldType::Float })
}

/// What messages call a column.
fn of_column(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Float => "*influxql.floatChanIterator",
        FieldType::Integer => "*influxql.integerChanIterator",
        FieldType::String => "*influxql.stringChanIterator",
        FieldType::Boolean => "*influxql.booleanChanIterator",
    }
}

/// What messages call the input and the results of functions.
pub fn of_results(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Float => "*influxql.floatInterruptIterator",
        FieldType::Integer => "*influxql.integerInterruptIterator",
        FieldType::String => "*influxql.stringInterruptIterator",
        FieldType::Boolean => "*influxql.booleanInterruptIterator",
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
