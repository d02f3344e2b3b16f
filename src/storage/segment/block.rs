//! The encoding of blocks. A block has up to [`BLOCK_VALUES_MAX`] values of one field of one series, in two parts: the times,
//! which the fields of a series mostly share, and the values. Each part has its own checksum.

use fluxstone_codec::{CodecError, booleans, floats, integers, strings, times};
use fluxstone_columns::{Column, NumberSummary};
use fluxstone_model::FieldType;

/// The maximum number of values in a block.
pub const BLOCK_VALUES_MAX: usize = 2048;

/// Appends times and their CRC-32C.
pub fn encode_times(times: &[i64], out: &mut Vec<u8>) {
    let start = out.len();
    times::encode(times, out);
    put_crc(start, out);
}

/// Appends values and their CRC-32C.
pub fn encode_values(values: &Column, out: &mut Vec<u8>) {
    let start = out.len();
    match values {
        Column::Float(values) => floats::encode(values, out),
        Column::Integer(values) => integers::encode(values, out),
        Column::String(values) => strings::encode(values, out),
        Column::Boolean(values) => booleans::encode(values, out),
    }
    put_crc(start, out);
}

/// Decodes `count` times, which must be strictly ascending.
pub fn decode_times(bytes: &[u8], count: usize) -> Result<Vec<i64>, CodecError> {
    let times = times::decode(checked(bytes)?, count)?;
    if times.is_sorted_by(|a, b| a < b) {
        Ok(times)
    } else {
        Err(CodecError::Malformed("the times of a block are not ascending"))
    }
}

/// Decodes `count` values of one type.
pub fn decode_values(bytes: &[u8], field_type: FieldType, count: usize) -> Result<Column, CodecError> {
    let content = checked(bytes)?;
    Ok(match field_type {
        FieldType::Float => Column::Float(floats::decode(content, count)?),
        FieldType::Integer => Column::Integer(integers::decode(content, count)?),
        FieldType::String => Column::String(strings::decode(content, count)?),
        FieldType::Boolean => Column::Boolean(booleans::decode(content, count)?),
    })
}

fn put_crc(start: usize, out: &mut Vec<u8>) {
    let crc = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// Verifies the checksum at the end of `bytes` and returns what precedes it.
pub(super) fn checked(bytes: &[u8]) -> Result<&[u8], CodecError> {
    let (content, crc) = bytes.split_last_chunk::<4>().ok_or(CodecError::Truncated)?;
    if u32::from_le_bytes(*crc) == crc32c::crc32c(content) {
        Ok(content)
    } else {
        Err(CodecError::Malformed("the checksum is wrong"))
    }
}

/// Returns the minimum, maximum, first, last and, for integers, sum of a column of numbers. Returns `None` for other types, and
/// for floats with a NaN.
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
