//! Reads a body line by line. A bad line becomes an error, and leaves no trace in the points.

use fluxstone_compat::LineProtocolSemantics;
use fluxstone_model::{TimeUnit as Precision, Timestamp};

use super::body::{LineError, ParsedBody, Point, index};
use super::cursor::take;
use super::fault::Fault;
use super::fields::{self, StringTail};
use super::lines::Lines;
use super::memory::{self, LINE_ERROR_BYTES_MAX, LINE_ERRORS_MAX};
use super::repetition::{Beginning, SeriesTexts};
use super::series::{self, TagKeys};
use super::timestamp;

/// Parses a request body as documented. Never fails as a whole: bad lines are in [`ParsedBody::errors`].
///
/// Timestamps are in units of `precision`; lines without one get `now`, truncated to the precision.
///
/// ```
/// use fluxstone_line_protocol::{Precision, parse};
/// use fluxstone_model::{Scalar, Timestamp};
///
/// let body = parse(b"cpu,host=a idle=91.5,load=3i 10\ncpu idle=9O", Precision::Second, Timestamp::EPOCH);
/// let point = &body.points[0];
/// assert_eq!(point.series, b"cpu,host=a");
/// assert_eq!(point.time, Timestamp(10_000_000_000));
/// let load = body.fields_of(point).nth(1).unwrap();
/// assert_eq!((load.key, load.value), (&b"load"[..], Scalar::Integer(3)));
/// assert_eq!(body.errors[0].text, b"unable to parse 'cpu idle=9O': invalid number");
/// ```
pub fn parse(body: &[u8], precision: Precision, now: Timestamp) -> ParsedBody<'_> {
    parse_as(body, precision, now, LineProtocolSemantics::DOCUMENTED)
}

/// Parses a request body like [`parse`], with the answers that `semantics` asks for where the documentation and
/// InfluxDB 1.2.4 disagree.
pub fn parse_as(body: &[u8], precision: Precision, now: Timestamp, semantics: LineProtocolSemantics) -> ParsedBody<'_> {
    let (points, values) = memory::capacities(body);
    let mut parsed =
        ParsedBody { points: Vec::with_capacity(points), values: Vec::with_capacity(values), ..ParsedBody::default() };
    let mut error_bytes_left = LINE_ERROR_BYTES_MAX;
    let mut reader = PointReader {
        precision,
        default_time: timestamp::truncate(now, precision),
        string_tail: if semantics.string_tails { StringTail::CutsLastByte } else { StringTail::RefusesCarriageReturns },
        tag_keys: TagKeys::default(),
        texts: SeriesTexts::default(),
    };
    for line in Lines::new(body, semantics) {
        let before = parsed.mark();
        match reader.point(line.text, &mut parsed) {
            Ok(point) => parsed.points.push(point),
            Err(fault) => {
                parsed.truncate(&before);
                if parsed.errors.len() == LINE_ERRORS_MAX || error_bytes_left == 0 {
                    parsed.more_errors += 1;
                } else {
                    let text = fault.message(&line.echo(), error_bytes_left);
                    error_bytes_left -= text.len();
                    // A line is a part of the body.
                    let at = line.text.as_ptr().addr() - body.as_ptr().addr();
                    parsed.errors.push(LineError { at, text, clause: fault.clause() });
                }
            }
        }
    }
    parsed
}

/// Reads lines one after another, and remembers from each what speeds up reading the next.
struct PointReader<'a> {
    precision: Precision,
    default_time: Timestamp,
    string_tail: StringTail,
    tag_keys: TagKeys<'a>,
    texts: SeriesTexts<'a>,
}

impl<'a> PointReader<'a> {
    /// Parses one line into a point; its values, and its keys if they are new, are appended to `parsed`.
    fn point(&mut self, line: &'a [u8], parsed: &mut ParsedBody<'a>) -> Result<Point<'a>, Fault<'a>> {
        let first_value = index(parsed.values.len())?;
        let mut input = line;
        let beginning = self.texts.find(line);
        // A series mostly has the same fields in each of its lines, and those of the line before may be right otherwise.
        let (series, model) = match beginning {
            Beginning::Known(known) => (take(&mut input, known.text.len()), Some(known.layout)),
            Beginning::New(_) | Beginning::Unclear => {
                let series = series::series(&mut input, &mut self.tag_keys)?;
                (series, parsed.points.last().map(|point| point.layout))
            }
        };
        let layout = fields::field_set(&mut input, parsed, model, self.string_tail)?;
        let time = timestamp::timestamp(&mut input, self.precision)?.unwrap_or(self.default_time);

        let series_number = self.texts.number(series, beginning, layout);
        self.texts.set_layout(series_number, layout);
        Ok(Point { series, series_number, layout, first_value, time })
    }
}
