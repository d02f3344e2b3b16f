//! [`ParsedBody`]: the points and the bad lines of a request body.

use std::ops::Range;

use fluxstone_model::{Clause, Scalar, Timestamp};

use super::fault::Fault;

/// The points of a request body, in flat arrays that borrow from it.
///
/// Nothing is unescaped: names and strings are the bytes of the body. Points that have the same field keys in the same
/// order mostly share them as a *layout*, a range of `keys`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ParsedBody<'a> {
    /// The good lines in order.
    pub points: Vec<Point<'a>>,
    /// The field keys of all layouts, with their escapes; [`super::unescape_field_key`] gives the name.
    pub keys: Vec<&'a [u8]>,
    /// The layouts, as ranges of `keys`. Ranges may overlap.
    pub layouts: Vec<Range<u32>>,
    /// The values of all points. A string is the bytes between its outer quotes, with their escapes;
    /// [`super::unescape_string`] gives the value.
    pub values: Vec<Scalar<'a>>,
    /// Which of `values` are strings with a backslash in them, in ascending order. All other values need no unescaping.
    pub escaped: Vec<u32>,
    /// The first bad lines, in order: at most [`LINE_ERRORS_MAX`](crate::LINE_ERRORS_MAX), and no more once their messages have
    /// [`LINE_ERROR_BYTES_MAX`](crate::LINE_ERROR_BYTES_MAX) bytes.
    pub errors: Vec<LineError>,
    /// The number of the other bad lines.
    pub more_errors: usize,
}

/// One good line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point<'a> {
    /// The line up to the space before the fields: measurement and tags as written, in the order written.
    /// [`fluxstone_model::SeriesKey::parse`] reads it.
    pub series: &'a [u8],
    /// The number of the series. Points of a body have the same number exactly if they have the same `series`; numbers
    /// are given in the order of first occurrence, from 0 on.
    pub series_number: u32,
    /// The index of its field keys in [`ParsedBody::layouts`].
    pub layout: u32,
    /// The index of its first value in [`ParsedBody::values`]. There is one value for each key of the layout.
    pub first_value: u32,
    /// The time; the request's default time, truncated to the precision, if the line has none.
    pub time: Timestamp,
}

impl Point<'_> {
    /// Where the line begins in `body`, in bytes; `body` is the one that was parsed.
    ///
    /// Each point borrows the beginning of its own line, so parsing need not count bytes for this.
    ///
    /// ```
    /// use fluxstone_line_protocol::{Precision, parse};
    /// use fluxstone_model::Timestamp;
    ///
    /// let body = b"# a comment\n  cpu idle=91.5\ncpu idle=7";
    /// let parsed = parse(body, Precision::Second, Timestamp::EPOCH);
    /// let starts: Vec<_> = parsed.points.iter().map(|point| point.starts_at(body)).collect();
    /// assert_eq!(starts, [Some(14), Some(28)]);
    /// ```
    pub fn starts_at(&self, body: &[u8]) -> Option<usize> {
        let at = self.series.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
        body.get(at..)?.starts_with(self.series).then_some(at)
    }
}

/// One field of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field<'a> {
    /// The key, with its escapes; [`super::unescape_field_key`] gives the name.
    pub key: &'a [u8],
    /// The value. A string still has its escapes; [`super::unescape_string`] gives the value.
    pub value: Scalar<'a>,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Where the line begins in the body, in bytes.
    pub at: usize,
    /// The whole message: `unable to parse 'LINE': REASON`. Bytes, because the line may not be UTF-8.
    pub text: Vec<u8>,
    /// The clause that the line does not keep.
    pub clause: Clause,
}

impl<'a> ParsedBody<'a> {
    /// Returns the fields of one of the points, in the order written.
    pub fn fields_of(&self, point: &Point<'a>) -> impl ExactSizeIterator<Item = Field<'a>> + '_ {
        let layout = self.layout(point.layout);
        let first = point.first_value as usize;
        let keys = self.keys.get(layout.clone()).unwrap_or_default();
        let values = self.values.get(first..first + layout.len()).unwrap_or_default();
        keys.iter().zip(values).map(|(key, value)| Field { key, value: *value })
    }

    /// The range of `keys` that a layout covers.
    #[inline]
    pub(super) fn layout(&self, number: u32) -> Range<usize> {
        self.layouts.get(number as usize).map_or(0..0, |keys| keys.start as usize..keys.end as usize)
    }

    /// The current lengths of the arrays, to return to when a line turns out to be bad.
    pub(super) fn mark(&self) -> Mark {
        Mark { keys: self.keys.len(), layouts: self.layouts.len(), values: self.values.len() }
    }

    /// Removes everything added to the arrays of fields since `mark`.
    pub(super) fn truncate(&mut self, mark: &Mark) {
        self.keys.truncate(mark.keys);
        self.layouts.truncate(mark.layouts);
        self.values.truncate(mark.values);
        while self.escaped.last().is_some_and(|at| *at as usize >= mark.values) {
            self.escaped.pop();
        }
    }
}

/// Lengths of the arrays of fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    keys: usize,
    layouts: usize,
    values: usize,
}

/// Converts an index to the form in which points hold it. Needing more than 32 bits takes a body of 16 GiB, which no server
/// accepts.
pub(super) fn index<'a>(at: usize) -> Result<u32, Fault<'a>> {
    u32::try_from(at).map_err(|_| Fault::PointIsInvalid)
}
