//! The operands that arithmetic accepts, and the errors for others.

use fluxstone_influxql::ast::{BinaryOp, Expr, ExprKind};
use fluxstone_model::FieldType;
use fluxstone_query::Value;

use crate::answer::Refused;
use crate::columns::has_call;
use crate::constants::{constant, is_constant};
use crate::schema::Meaning;
use crate::scope::Scope;

/// Returns the type of the results of a call.
pub type CallType = dyn Fn(&Expr, &Scope<'_>) -> Result<FieldType, Refused>;

/// One side of an operator, or a whole column.
#[derive(Debug, Clone, Copy)]
pub struct Operand {
    /// The type of its values; `None` for literals that no field can hold.
    pub field_type: Option<FieldType>,
    /// Its name in messages.
    shown_name: &'static str,
    is_literal: bool,
}

/// Returns an expression as an operand, if all arithmetic in it is possible. `call_type` returns the type of a call.
///
/// Transcribes `select.arithmetic.1`, `select.arithmetic.5`, `functions.types.1`.
pub fn operand(expr: &Expr, scope: &Scope<'_>, call_type: &CallType) -> Result<Operand, Refused> {
    if is_constant(expr) {
        let value = constant(expr);
        let (field_type, shown_name) = match &value {
            Value::Integer(_) => (Some(FieldType::Integer), "*influxql.IntegerLiteral"),
            Value::Float(_) => (Some(FieldType::Float), "*influxql.NumberLiteral"),
            Value::String(_) => (Some(FieldType::String), "*influxql.StringLiteral"),
            Value::Boolean(_) => (Some(FieldType::Boolean), "*influxql.BooleanLiteral"),
            _ => (None, "*influxql.DurationLiteral"),
        };
        return Ok(Operand { field_type, shown_name, is_literal: true });
    }
    let field_type = match &expr.kind {
        ExprKind::Paren(inner) => return operand(inner, scope, call_type),
        ExprKind::Var(var) => match scope.schema.meaning(var) {
            Meaning::Field(_, field_type) => field_type,
            Meaning::Tag(_) => FieldType::String,
            Meaning::Nothing => FieldType::Float,
        },
        ExprKind::Binary { op, lhs, rhs } => {
            result(*op, operand(lhs, scope, call_type)?, operand(rhs, scope, call_type)?)?
        }
        _ => call_type(expr, scope)?,
    };
    let shown_name = if has_call(expr) { of_results(field_type) } else { of_column(field_type) };
    Ok(Operand { field_type: Some(field_type), shown_name, is_literal: false })
}

/// The type of `left op right`. Transcribes `select.arithmetic.1`, `select.arithmetic.5`.
fn result(op: BinaryOp, left: Operand, right: Operand) -> Result<FieldType, Refused> {
    let is_number = |side: Operand| matches!(side.field_type, Some(FieldType::Float | FieldType::Integer));
    if left.is_literal && right.is_literal {
        let (a, b) = (left.shown_name, right.shown_name);
        return Err(Refused(format!("unable to construct an iterator from two literals: LHS: {a}, RHS: {b}")));
    }
    if !is_number(left) {
        let side = match (left.is_literal, right.is_literal) {
            (true, _) => "lhs ",
            (_, true) => "rhs ",
            _ => "",
        };
        let (a, b) = (left.shown_name, right.shown_name);
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
        return Err(Refused(format!("type mismatch on RHS, unable to use {} as {wanted}", right.shown_name)));
    }
    let stays = is_integer && right.field_type == Some(FieldType::Integer) && op != BinaryOp::Divide;
    Ok(if stays { FieldType::Integer } else { FieldType::Float })
}

/// The name of a column in messages.
fn of_column(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Float => "*influxql.floatChanIterator",
        FieldType::Integer => "*influxql.integerChanIterator",
        FieldType::String => "*influxql.stringChanIterator",
        FieldType::Boolean => "*influxql.booleanChanIterator",
    }
}

/// The name of the input and the results of functions in messages.
pub fn of_results(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Float => "*influxql.floatInterruptIterator",
        FieldType::Integer => "*influxql.integerInterruptIterator",
        FieldType::String => "*influxql.stringInterruptIterator",
        FieldType::Boolean => "*influxql.booleanInterruptIterator",
    }
}
