//! Block codecs: pure encoders and decoders of columns of times and values.
//!
//! Every codec has the same shape: `encode(&values, &mut bytes)` accepts any values and picks the smallest of several forms,
//! which the first byte names; `decode(&bytes, count)` accepts any bytes. The number of values is not encoded: the caller
//! knows it. Decoding never panics, and allocates no more than `count` values plus what the bytes account for.
//!
//! The formats are specified to the bit in `spec/storage.md`. This crate knows nothing of files and checksums.

pub mod booleans;
mod error;
pub mod floats;
pub mod integers;
mod packs;
pub mod strings;
pub mod times;
pub mod varint;

pub use error::CodecError;
