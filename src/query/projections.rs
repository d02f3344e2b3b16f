//! Arithmetic in SELECT: which operands can be combined, and the errors for those that cannot.
//!
//! The rules are the same for columns of points and for results of functions, but the error texts name them differently.

use fluxstone_influxql::ast::{BinaryOp, Expr, ExprKind};
use fluxstone_model::{Clause, FieldType, Text};

use super::error::QueryError;
use super::go_names;
use super::point_expr::{ColumnKind, PointCompiler, PointExpr};
use super::scalar::Division;
use super::value::Value;

/// One side of an arithmetic operator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operand {
    /// The type of its values; `None` for literals that no field can hold.
    pub(super) field_type: Option<FieldType>,
    pub(super) is_literal: bool,
    /// Its name in error texts.
    pub(super) go_name: &'static str,
}

impl Operand {
    /// The operand for a literal; `None` if the expression is not one.
    pub(super) fn literal(kind: &ExprKind) -> Option<Operand> {
        let field_type = match kind {
            ExprKind::Integer(_) => Some(FieldType::Integer),
            ExprKind::Number(_) => Some(FieldType::Float),
            ExprKind::String(_) => Some(FieldType::String),
            ExprKind::Boolean(_) => Some(FieldType::Boolean),
            ExprKind::Duration(_) | ExprKind::Time(_) | ExprKind::Regex(_) => None,
            _ => return None,
        };
        Some(Operand { field_type, is_literal: true, go_name: kind.go_type_name() })
    }

    /// The operand for values of a type.
    pub(super) fn stream(field_type: FieldType, go_name: &'static str) -> Operand {
        Operand { field_type: Some(field_type), is_literal: false, go_name }
    }
}

/// Returns the type of `lhs op rhs`.
///
/// # Errors
/// The operands cannot be combined.
pub(super) fn arithmetic_type(op: BinaryOp, lhs: Operand, rhs: Operand) -> Result<FieldType, QueryError> {
    let mismatch = |wanted: &str| {
        let text = format!("type mismatch on RHS, unable to use {} as {wanted}", rhs.go_name);
        Err(QueryError::Invalid(Clause::new("select.arithmetic.5"), text))
    };
    let is_integer = |side: Operand| side.field_type == Some(FieldType::Integer);
    let is_number = |side: Operand| is_integer(side) || side.field_type == Some(FieldType::Float);
    if lhs.is_literal && rhs.is_literal {
        let (lhs, rhs) = (lhs.go_name, rhs.go_name);
        let text = format!("unable to construct an iterator from two literals: LHS: {lhs}, RHS: {rhs}");
        return Err(QueryError::Invalid(Clause::new("select.arithmetic.5"), text));
    }
    if !is_number(lhs) {
        let side = match (lhs.is_literal, rhs.is_literal) {
            (true, _) => "lhs ",
            (_, true) => "rhs ",
            _ => "",
        };
        let text = format!("unable to construct {side}transform iterator from {} and {}", lhs.go_name, rhs.go_name);
        return Err(QueryError::Invalid(Clause::new("select.arithmetic.5"), text));
    }
    match (is_integer(lhs) && rhs.field_type != Some(FieldType::Float), is_number(rhs)) {
        (true, true) if op == BinaryOp::Divide => Ok(FieldType::Float),
        (true, true) => Ok(FieldType::Integer),
        (false, true) => Ok(FieldType::Float),
        (true, false) if rhs.is_literal => mismatch("an IntegerLiteral"),
        (true, false) if lhs.is_literal => mismatch("an IntegerIterator"),
        (true, false) => mismatch("a IntegerIterator"),
        (false, false) if rhs.is_literal => mismatch("a NumberLiteral"),
        (false, false) => mismatch("a FloatIterator"),
    }
}

/// Compiles a typed projection without calls. A literal alone is not a projection.
pub(super) fn point_projection(expr: &Expr, compiler: &mut PointCompiler<'_>) -> Result<PointExpr, QueryError> {
    match &expr.kind {
        ExprKind::Var(_) | ExprKind::Binary { .. } => Ok(point_operand(expr, compiler)?.0),
        ExprKind::Paren(inner) => point_projection(inner, compiler),
        other => Err(QueryError::Invalid(
            Clause::new("select.arithmetic.5"),
            format!("invalid expression type: {}", other.go_type_name()),
        )),
    }
}

/// Compiles an operand of arithmetic over columns.
pub(super) fn point_operand(expr: &Expr, compiler: &mut PointCompiler<'_>) -> Result<(PointExpr, Operand), QueryError> {
    if let Some(operand) = Operand::literal(&expr.kind) {
        return Ok((PointExpr::Literal(literal_value(&expr.kind)), operand));
    }
    match &expr.kind {
        ExprKind::Paren(inner) => point_operand(inner, compiler),
        ExprKind::Var(var) => {
            let field_type = match (compiler.kind_of)(var) {
                ColumnKind::Field(field_type) => field_type,
                ColumnKind::Tag => FieldType::String,
                // A column that does not exist is null, whatever it is combined with.
                ColumnKind::Unknown => FieldType::Float,
            };
            Ok((compiler.column(var), Operand::stream(field_type, go_names::column(field_type))))
        }
        ExprKind::Binary { op, lhs, rhs } => {
            let (left, left_operand) = point_operand(lhs, compiler)?;
            let (right, right_operand) = point_operand(rhs, compiler)?;
            let field_type = arithmetic_type(*op, left_operand, right_operand)?;
            let (lhs, rhs) = (Box::new(left), Box::new(right));
            let arithmetic = PointExpr::Arithmetic { op: *op, lhs, rhs, division: Division::Exact };
            Ok((arithmetic, Operand::stream(field_type, go_names::column(field_type))))
        }
        other => Err(QueryError::Invalid(
            Clause::new("select.arithmetic.5"),
            format!("invalid expression type: {}", other.go_type_name()),
        )),
    }
}

/// Returns the value of a literal; null for those that no field can hold.
pub(super) fn literal_value(kind: &ExprKind) -> Value {
    match kind {
        ExprKind::Integer(v) => Value::Integer(*v),
        ExprKind::Number(v) => Value::Float(*v),
        ExprKind::String(v) => Value::String(Text::from(v.as_str())),
        ExprKind::Boolean(v) => Value::Boolean(*v),
        _ => Value::Null,
    }
}
