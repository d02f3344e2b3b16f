//! The names that InfluxDB's error texts give to parts of a query: those of its Go types.

use fluxstone_influxql::ast::ExprKind;
use fluxstone_model::FieldType;

/// The type of an expression.
pub(super) fn expression(kind: &ExprKind) -> &'static str {
    match kind {
        ExprKind::Binary { .. } => "*influxql.BinaryExpr",
        ExprKind::Paren(_) => "*influxql.ParenExpr",
        ExprKind::Call { .. } => "*influxql.Call",
        ExprKind::Distinct(_) => "*influxql.Distinct",
        ExprKind::Var(_) => "*influxql.VarRef",
        ExprKind::Wildcard(_) => "*influxql.Wildcard",
        ExprKind::Regex(_) => "*influxql.RegexLiteral",
        ExprKind::Integer(_) => "*influxql.IntegerLiteral",
        ExprKind::Number(_) => "*influxql.NumberLiteral",
        ExprKind::String(_) => "*influxql.StringLiteral",
        ExprKind::Boolean(_) => "*influxql.BooleanLiteral",
        ExprKind::Duration(_) => "*influxql.DurationLiteral",
        ExprKind::Time(_) => "*influxql.TimeLiteral",
    }
}

/// A stream of values of a column of raw rows.
pub(super) fn column(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Float => "*influxql.floatChanIterator",
        FieldType::Integer => "*influxql.integerChanIterator",
        FieldType::String => "*influxql.stringChanIterator",
        FieldType::Boolean => "*influxql.booleanChanIterator",
    }
}

/// A stream of values that a function reads or makes.
pub(super) fn stream(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Float => "*influxql.floatInterruptIterator",
        FieldType::Integer => "*influxql.integerInterruptIterator",
        FieldType::String => "*influxql.stringInterruptIterator",
        FieldType::Boolean => "*influxql.booleanInterruptIterator",
    }
}
