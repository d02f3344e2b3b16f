//! The units in which clients count time: of the timestamps they write, and of those they want to read. How a request names
//! a unit is left to the HTTP API.

use super::time::Nanos;

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "units of time")]
pub enum TimeUnit {
    #[default]
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
}

impl TimeUnit {
    /// Nanoseconds in one unit.
    pub fn nanos(self) -> i64 {
        match self {
            TimeUnit::Nanosecond => 1,
            TimeUnit::Microsecond => Nanos::MICROSECOND.0,
            TimeUnit::Millisecond => Nanos::MILLISECOND.0,
            TimeUnit::Second => Nanos::SECOND.0,
            TimeUnit::Minute => Nanos::MINUTE.0,
            TimeUnit::Hour => Nanos::HOUR.0,
        }
    }
}
