//! The one error of this crate.

/// Why bytes cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end too early.
    #[error("the bytes end too early")]
    Truncated,
    /// The bytes announce more values or bytes than the caller accepts.
    #[error("{count} announced, but only {max} allowed")]
    TooMany {
        /// The announced number.
        count: u64,
        /// The limit.
        max: usize,
    },
    /// Something that no encoder writes.
    #[error("{0}")]
    Malformed(&'static str),
}
