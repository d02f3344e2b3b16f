//! The names that InfluxDB's error texts give to streams of values: those of its Go types.

use fluxstone_model::FieldType;

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
