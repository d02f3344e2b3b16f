//! InfluxDB line protocol: bytes to points that borrow from them.
//!
//! ```
//! use fluxstone_line_protocol::{Precision, parse};
//! use fluxstone_model::{Scalar, SeriesKey, Timestamp};
//!
//! let body = parse(b"cpu,host=a idle=91.5 1\ncpu,host=b idle=7i 2", Precision::Second, Timestamp::EPOCH);
//! let point = &body.points[1];
//! assert_eq!(*SeriesKey::parse(point.series).tags.get(b"host").unwrap(), "b");
//! assert_eq!(body.fields_of(point).next().unwrap().value, Scalar::Integer(7));
//! ```
//!
//! [`parse()`] accepts and rejects what InfluxDB 1.2 does, with its messages; the rules are the clauses `lp.*` of the
//! specification. It cannot fail as a whole: each bad line becomes an error, and other lines are unaffected. Nothing here
//! knows databases, shards or types of stored fields.
//!
//! A body is cut into `lines`, and each line is parsed strictly from left to right: `series`, `fields`, `timestamp`. The
//! first `fault` of a line is its error. Names and strings keep the escapes that they were sent with, so that nothing is
//! copied; the functions `unescape_*` remove them where a name or value is needed.
//!
//! # Why the parser is written by hand
//!
//! A parser combinator library would describe the grammar, but here the grammar is the smaller part. InfluxDB reports the
//! fault that it meets first, and it looks for separators before it looks at values, so the order of checks is part of
//! the contract. And most of the speed comes from not parsing: a line whose series, field keys or number format are
//! those of an earlier line is recognised with a hash look-up or a comparison of bytes. Both need plain slices
//! and explicit positions; combinators would wrap every one of these steps without making any of them clearer.

mod body;
mod cursor;
mod fault;
mod fields;
mod lines;
mod memory;
mod number;
mod parse;
mod repetition;
mod series;
mod timestamp;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use body::{Field, LineError, ParsedBody, Point};
/// The unit of the timestamps of a request.
pub use fluxstone_model::TimeUnit as Precision;
pub use fluxstone_model::escape::{
    escape_field_key, escape_measurement, escape_string, escape_tag, unescape_field_key, unescape_measurement,
    unescape_string, unescape_tag,
};
pub use memory::{LINE_ERROR_BYTES_MAX, LINE_ERRORS_MAX, parsed_bytes_max};
pub use parse::{parse, parse_as};
