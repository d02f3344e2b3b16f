//! The names of streams of values in InfluxDB's error texts: the names of its Go types.

use fluxstone_model::FieldType;

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
