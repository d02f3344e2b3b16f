//! The values of streams, which functions take and return.

use crate::value::Value;

/// A value with a time: what a function takes, and what it returns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimedValue {
    /// Nanoseconds since the epoch.
    pub(crate) time: i64,
    /// The value; may be null.
    pub(crate) value: Value,
    /// The point that this is, if it is a point of a series.
    pub(crate) origin: Option<Origin>,
}

/// Identifies a point within a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The number of its series in the group.
    pub(crate) series: usize,
    /// Its own time.
    pub(crate) time: i64,
}
