//! Sources in memory from line protocol.

use std::sync::Arc;

use fluxstone_columns::{MemorySource, MemorySourceBuilder, Source};
use fluxstone_line_protocol::{self as line_protocol, Precision};
use fluxstone_model::{FieldValue, Scalar, SeriesKey, Text, Timestamp};

/// Parses line protocol with times in seconds; blocks have at most `block_values_max` values.
pub(super) fn memory_source(points: &str, block_values_max: usize) -> Arc<MemorySource> {
    let body = line_protocol::parse(points.as_bytes(), Precision::Second, Timestamp(0));
    assert_eq!(body.errors, [], "bad test data");
    let mut builder = MemorySourceBuilder::new(block_values_max);
    for point in &body.points {
        let series = SeriesKey::parse(point.series);
        for field in body.fields_of(point) {
            let value = match field.value {
                Scalar::String(raw) => FieldValue::String(Text::from(&*line_protocol::unescape_string(raw))),
                value => FieldValue::from(value),
            };
            let name = Text::from(&*line_protocol::unescape_field_key(field.key));
            builder.add_value(&series, name, point.time, value);
        }
    }
    Arc::new(builder.build())
}

/// The same as the only source of a query.
pub(super) fn source(points: &str, block_values_max: usize) -> Arc<dyn Source> {
    memory_source(points, block_values_max)
}
