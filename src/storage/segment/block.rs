//! Blocks: up to [`BLOCK_VALUES_MAX`] values of one field of one series with their times, encoded.

use crate::codec::varint::{Reader, put_varint};
use crate::codec::{CodecError, booleans, floats, integers, strings, times};
use crate::model::FieldType;
use crate::query::{Batch, Column, NumberSummary};

/// The most values in a block.
pub const BLOCK_VALUES_MAX: usize = 2048;

/// Appends a block: the length of the encoded times, these, the encoded values, CRC-32C of all these.
pub fn encode_block(batch: &Batch, out: &mut Vec<u8>) {
    let start = out.len();
    let mut encoded = Vec::new();
    times::encode(&batch.times, &mut encoded);
    put_varint(out, encoded.len() as u64);
    out.extend_from_slice(&encoded);
    match &batch.values {
        Column::Float(values) => floats::encode(values, out),
        Column::Integer(values) => integers::encode(values, out),
        Column::String(values) => strings::encode(values, out),
        Column::Boolean(values) => booleans::encode(values, out),
    }
    let crc = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// Reads a block of values of one type. Its times ascend strictly.
pub fn decode_block(bytes: &[u8], field_type: FieldType) -> Result<Batch, CodecError> {
    let (content, crc) = bytes.split_last_chunk::<4>().ok_or(CodecError::Truncated)?;
    if u32::from_le_bytes(*crc) != crc32c::crc32c(content) {
        return Err(CodecError::Malformed("the checksum of a block is wrong"));
    }
    let mut reader = Reader::new(content);
    let times = times::decode(reader.bytes()?, BLOCK_VALUES_MAX)?;
    let rest = reader.rest();
    let values = match field_type {
        FieldType::Float => Column::Float(floats::decode(rest, times.len())?),
        FieldType::Integer => Column::Integer(integers::decode(rest, times.len())?),
        FieldType::String => Column::String(strings::decode(rest, times.len())?),
        FieldType::Boolean => Column::Boolean(booleans::decode(rest, times.len())?),
    };
    if values.len() != times.len() {
        return Err(CodecError::Malformed("a block has more times than values"));
    }
    if !times.is_sorted_by(|a, b| a < b) {
        return Err(CodecError::Malformed("the times of a block do not ascend"));
    }
    Ok(Batch { times, values })
}

/// Extremes, ends and sum; `None` for values that have no order, or that are not all ordered (NaN).
pub(super) fn summarize(values: &Column) -> Option<NumberSummary> {
    match values {
        Column::Float(values) if !values.iter().any(|v| v.is_nan()) => Some(NumberSummary::Float {
            min: values.iter().copied().reduce(f64::min)?,
            max: values.iter().copied().reduce(f64::max)?,
            first: *values.first()?,
            last: *values.last()?,
        }),
        Column::Integer(values) => Some(NumberSummary::Integer {
            min: *values.iter().min()?,
            max: *values.iter().max()?,
            first: *values.first()?,
            last: *values.last()?,
            sum: i64::try_from(values.iter().map(|v| i128::from(*v)).sum::<i128>()).ok(),
        }),
        _ => None,
    }
}
