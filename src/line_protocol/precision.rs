//! The unit of timestamps.

/// The unit of the timestamps of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "units of time")]
pub enum Precision {
    #[default]
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
}

impl Precision {
    /// Returns the unit that the `precision` parameter of a request names: `u`, `ms`, `s`, `m` or `h`. Any other text
    /// means nanoseconds.
    pub fn from_parameter(text: &[u8]) -> Precision {
        match text {
            b"u" => Precision::Microsecond,
            b"ms" => Precision::Millisecond,
            b"s" => Precision::Second,
            b"m" => Precision::Minute,
            b"h" => Precision::Hour,
            _ => Precision::Nanosecond,
        }
    }

    /// The number of nanoseconds in one unit.
    pub fn nanos(self) -> i64 {
        match self {
            Precision::Nanosecond => 1,
            Precision::Microsecond => 1_000,
            Precision::Millisecond => 1_000_000,
            Precision::Second => 1_000_000_000,
            Precision::Minute => 60_000_000_000,
            Precision::Hour => 3_600_000_000_000,
        }
    }
}
