//! The names of parts of a query in InfluxDB's error texts: the names of its Go types.

use fluxstone_influxql::ast::ExprKind;
use fluxstone_model::FieldType;

/// The name of an expression's type.
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

/// The name for the values of a column of points.
pub(super) fn column(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Float => "*influxql.floatChanIterator",
        FieldType::Integer => "*influxql.integerChanIterator",
        FieldType::String => "*influxql.stringChanIterator",
        FieldType::Boolean => "*influxql.booleanChanIterator",
    }
}

/// The name for the values that a function reads or returns.
pub(super) fn stream(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Float => "*influxql.floatInterruptIterator",
        FieldType::Integer => "*influxql.integerInterruptIterator",
        FieldType::String => "*influxql.stringInterruptIterator",
        FieldType::Boolean => "*influxql.booleanInterruptIterator",
    }
}
