//! Points from lines of text, written to a shard without any rules: every point is kept, except those with a value of
//! another type than its field.

use fluxstone_model::{FieldValue, RawSeriesKey, Timestamp};

use super::*;

/// The number of points that were written and left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Outcome {
    pub(super) stored: u64,
    pub(super) dropped: u64,
}

/// Writes `lines` to a shard of [`DB`]: each is `series key=value,... time`, with spaces and commas only in quotes.
pub(super) fn put(transaction: &mut Transaction<'_>, shard: ShardId, lines: &str) -> Result<Outcome, StorageError> {
    let mut writer = transaction.shard(DB, shard)?;
    let mut outcome = Outcome::default();
    for line in lines.lines() {
        let (series, rest) = line.split_once(' ').unwrap();
        let (fields, time) = rest.rsplit_once(' ').unwrap();
        let series = writer.add_series(&RawSeriesKey::new(series.as_bytes())).unwrap();
        let mut row = Vec::new();
        for (at, (key, value)) in split_fields(fields).into_iter().enumerate() {
            let known = writer.field(series, at, key.as_bytes());
            let field = known.unwrap_or_else(|| writer.add_field(series, at, key.as_bytes(), value.field_type()));
            row.push((field, value));
        }
        if row.iter().any(|(field, value)| field.field_type != value.field_type()) {
            outcome.dropped += 1;
            continue;
        }
        outcome.stored += 1;
        writer.count_series(series, row.len());
        writer.count_second_row();
        writer.begin_row(series, Timestamp(time.parse().unwrap()), row.len() as u32);
        for (field, value) in &row {
            writer.put_value(field.id, value.as_scalar());
        }
    }
    writer.keep()?;
    Ok(outcome)
}

/// Cuts `key=value,key=value` at the commas outside quotes.
fn split_fields(text: &str) -> Vec<(&str, FieldValue)> {
    let (mut fields, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().chain([b',']).enumerate() {
        quoted ^= byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        if byte == b',' && !quoted {
            let (key, value) = text[start..at].split_once('=').unwrap();
            fields.push((key, value_of(value)));
            start = at + 1;
        }
    }
    fields
}

fn value_of(text: &str) -> FieldValue {
    if let Some(string) = text.strip_prefix('"') {
        let string = string.strip_suffix('"').unwrap();
        return FieldValue::String(string.replace("\\\"", "\"").into());
    }
    match text {
        "t" | "true" => FieldValue::Boolean(true),
        "f" | "false" => FieldValue::Boolean(false),
        _ => match text.strip_suffix('i') {
            Some(integer) => FieldValue::Integer(integer.parse().unwrap()),
            None => FieldValue::Float(text.parse().unwrap()),
        },
    }
}
