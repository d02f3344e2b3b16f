//! Line protocol: bytes to points that borrow from them. Knows nothing of databases.

use crate::model::Timestamp;

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
    /// The unit that the `precision` parameter names: `u`, `ms`, `s`, `m`, `h`; anything else is nanoseconds.
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

    /// Nanoseconds in one unit.
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

/// The points of a request body, in flat arrays that borrow from it.
#[derive(Debug, Default, PartialEq)]
pub struct ParsedBody<'a> {
    /// The good lines in order.
    pub points: Vec<Point<'a>>,
    /// The fields of all points; each point has a range of them.
    pub fields: Vec<Field<'a>>,
    /// The bad lines in order.
    pub errors: Vec<LineError>,
}

/// One good line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point<'a> {
    /// The line up to the space before the fields: measurement and tags as spelt, tags in the order written. This is what
    /// a known series is looked up by.
    pub series: &'a [u8],
    /// Where its fields stand in [`ParsedBody::fields`].
    pub fields: std::ops::Range<u32>,
    /// The time, in nanoseconds; the request's default time cut to the precision where the line has none.
    pub time: Timestamp,
}

/// One field of a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Field<'a> {
    /// The key as spelt; [`unescape_field_key`] gives the name.
    pub key: &'a [u8],
    /// The value.
    pub value: Value<'a>,
}

/// The value of a field, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `1.5`
    Float(f64),
    /// `15i`
    Integer(i64),
    /// The bytes between the outer quotes, escapes as spelt; [`unescape_string`] gives the value.
    String(&'a [u8]),
    /// `true`
    Boolean(bool),
}

/// A line that is no point. Displays as `unable to parse 'LINE': REASON`, as bytes in `text` since a line may be no UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// The whole message.
    pub text: Vec<u8>,
}
