//! Block codecs: pure encoders and decoders of columns. Each format is described to the bit in `spec/storage.md`.
//!
//! Every codec has the same shape: `encode(&values, &mut bytes)` takes any values and picks the form that is smallest, which
//! the first byte names; `decode(&bytes, count)` takes any bytes. How many values there are is known from elsewhere.
//! Decoding never panics and allocates no more than `count` values plus what the bytes account for.

pub mod booleans;
pub mod floats;
mod frames;
pub mod integers;
pub mod strings;
pub mod times;
pub mod varint;

/// Why bytes are no encoded values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end too early.
    #[error("the bytes end too early")]
    Truncated,
    /// More values or bytes are promised than the caller accepts.
    #[error("{count} are promised, {max} allowed")]
    TooMany {
        /// How many.
        count: u64,
        /// The limit.
        max: usize,
    },
    /// Something that no encoder writes.
    #[error("{0}")]
    Malformed(&'static str),
}

/// Ends a decoder: everything must have been read.
fn finish<T>(reader: varint::Reader<'_>, values: T) -> Result<T, CodecError> {
    if reader.is_empty() { Ok(values) } else { Err(CodecError::Malformed("bytes follow the last value")) }
}
