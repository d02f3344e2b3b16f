//! Line protocol: bytes to points that borrow from them. Knows nothing of databases.
//!
//! A body is cut into `lines`, and each line is parsed strictly from left to right: `series`, `fields`, `timestamp`.
//! The first `fault` of a line is its error; other lines are not touched by it. Names and strings keep the escapes that
//! they were sent with, so that nothing is copied; `escape` takes the escapes off where a name is new.
//!
//! The rules are the clauses `lp.*` of the specification.

mod escape;
mod fault;
mod fields;
mod lines;
mod memory;
mod number;
mod repetition;
mod series;
mod timestamp;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use escape::{
    escape_field_key, escape_measurement, escape_string, escape_tag, unescape_field_key, unescape_measurement,
    unescape_string, unescape_tag,
};
pub use series::{SpeltSeries, series_key};

use fault::Fault;
use fields::{Keys, StringTail};
use fluxstone_compat::LineProtocolSemantics;
/// The unit of the timestamps of a request.
pub use fluxstone_model::TimeUnit as Precision;
use fluxstone_model::Timestamp;
use lines::Lines;
use repetition::SeriesTexts;
use series::TagKeys;
use winnow::stream::Stream;

/// The points of a request body, in flat arrays that borrow from it.
#[derive(Debug, Default, PartialEq)]
pub struct ParsedBody<'a> {
    /// The good lines in order.
    pub points: Vec<Point<'a>>,
    /// The fields of all points; each point has a range of them.
    pub fields: Vec<Field<'a>>,
    /// The first bad lines in order: at most [`LINE_ERRORS_MAX`], and no more once their messages have
    /// [`LINE_ERROR_BYTES_MAX`] bytes.
    pub errors: Vec<LineError>,
    /// The number of the other bad lines.
    pub more_errors: usize,
}

/// The most bad lines of a body that are reported one by one.
pub const LINE_ERRORS_MAX: usize = 100;

/// The most bytes of messages about the bad lines of a body. The message that reaches it is cut there.
pub const LINE_ERROR_BYTES_MAX: usize = 1 << 20;

impl<'a> ParsedBody<'a> {
    /// The fields of one of the points.
    pub fn fields_of(&self, point: &Point<'a>) -> &[Field<'a>] {
        self.fields.get(point.fields.start as usize..point.fields.end as usize).unwrap_or_default()
    }
}

/// One good line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point<'a> {
    /// The line up to the space before the fields: measurement and tags as spelt, tags in the order written. This is what
    /// a known series is looked up by; [`series_key`] takes it apart.
    pub series: &'a [u8],
    /// Points of a body with the same number have the same `series`.
    pub series_number: u32,
    /// Where its fields stand in [`ParsedBody::fields`].
    pub fields: std::ops::Range<u32>,
    /// Points of a body with the same number have the same field keys in the same order.
    pub keys_number: u32,
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

/// Parses a request body as documented. Never fails as a whole: bad lines are in [`ParsedBody::errors`].
///
/// Timestamps are in units of `precision`; lines without one get `now`, cut down to the precision.
///
/// ```
/// use fluxstone_line_protocol::{Precision, Value, parse};
/// use fluxstone_model::Timestamp;
///
/// let body = parse(b"cpu,host=a idle=91.5,load=3i 10\ncpu idle=9O", Precision::Second, Timestamp::EPOCH);
/// assert_eq!(body.points[0].series, b"cpu,host=a");
/// assert_eq!(body.points[0].time, Timestamp(10_000_000_000));
/// assert_eq!(body.fields[1].value, Value::Integer(3));
/// assert_eq!(body.errors[0].text, b"unable to parse 'cpu idle=9O': invalid number");
/// ```
pub fn parse(body: &[u8], precision: Precision, now: Timestamp) -> ParsedBody<'_> {
    parse_as(body, precision, now, LineProtocolSemantics::DOCUMENTED)
}

/// Parses a request body like [`parse`], with the answers that `semantics` asks for.
pub fn parse_as(body: &[u8], precision: Precision, now: Timestamp, semantics: LineProtocolSemantics) -> ParsedBody<'_> {
    let (points, fields) = memory::capacities(body);
    let mut parsed = ParsedBody {
        points: Vec::with_capacity(points),
        fields: Vec::with_capacity(fields),
        errors: Vec::new(),
        more_errors: 0,
    };
    let mut error_bytes_left = LINE_ERROR_BYTES_MAX;
    let mut reader = PointReader {
        precision,
        default_time: timestamp::truncate(now, precision),
        string_tail: if semantics.string_tails { StringTail::CutsLastByte } else { StringTail::Refused },
        tag_keys: TagKeys::default(),
        texts: SeriesTexts::default(),
    };
    for line in Lines::new(body, semantics) {
        let fields_before = parsed.fields.len();
        match reader.point(line.text, &mut parsed) {
            Ok(point) => parsed.points.push(point),
            Err(fault) => {
                parsed.fields.truncate(fields_before);
                if parsed.errors.len() == LINE_ERRORS_MAX || error_bytes_left == 0 {
                    parsed.more_errors += 1;
                } else {
                    let text = fault.message(&line.echo(), error_bytes_left);
                    error_bytes_left -= text.len();
                    parsed.errors.push(LineError { text });
                }
            }
        }
    }
    parsed
}

/// The most bytes that the result of parsing `body` takes, without the body. A server can refuse what does not fit before it is
/// parsed.
pub fn parsed_bytes_max(body: &[u8]) -> usize {
    let (point, field) = (size_of::<Point<'_>>(), size_of::<Field<'_>>());
    memory::bytes_max(body, memory::Sizes { point, field, errors_max: LINE_ERROR_BYTES_MAX })
}

/// Reads lines one after the other, and remembers of them what helps to read the next.
struct PointReader<'a> {
    precision: Precision,
    default_time: Timestamp,
    string_tail: StringTail,
    tag_keys: TagKeys<'a>,
    texts: SeriesTexts<'a>,
}

impl<'a> PointReader<'a> {
    /// Parses one line into a point; its fields go to the end of those of `parsed`.
    fn point(&mut self, line: &'a [u8], parsed: &mut ParsedBody<'a>) -> Result<Point<'a>, Fault<'a>> {
        // A range of more than 2^32 fields takes a body of 16 GiB, which no server accepts.
        let index = |at: usize| u32::try_from(at).map_err(|_| Fault::PointIsInvalid);
        let first_field = index(parsed.fields.len())?;
        let before = parsed.points.last();
        let model = before.map_or(0..0, |point| point.fields.start as usize..point.fields.end as usize);

        let mut input = line;
        let known = self.texts.find(line);
        let series = match known {
            Some((series, _)) => input.next_slice(series.len()),
            None => series::series(&mut input, &mut self.tag_keys)?,
        };
        let keys = fields::field_set(&mut input, &mut parsed.fields, model, self.string_tail)?;
        let time = timestamp::timestamp(&mut input, self.precision)?.unwrap_or(self.default_time);

        let series_number = known.map_or_else(|| self.texts.number(series), |(_, number)| number);
        let keys_number = match (before, keys) {
            (None, _) => 0,
            (Some(before), Keys::OfModel) => before.keys_number,
            (Some(before), Keys::Others) => before.keys_number + 1,
        };
        Ok(Point { series, series_number, fields: first_field..index(parsed.fields.len())?, keys_number, time })
    }
}

/// Skips what may stand in front of a line, its fields and its timestamp: spaces, tabs and NULs.
fn skip_blanks(input: &mut &[u8]) {
    let blanks = input.iter().position(|b| !matches!(b, b' ' | b'\t' | 0)).unwrap_or(input.len());
    *input = input.get(blanks..).unwrap_or_default();
}
