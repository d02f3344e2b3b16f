//! The memory that parsing takes, known before it begins, so that a server can refuse what does not fit.

use fluxstone_model::Scalar;
use memchr::memchr_iter;

use super::body::Point;

/// Above this, arrays are made for the most points and fields that a body can have, since growing them would take more. Most
/// bodies are smaller; counting first would only delay them.
const COUNTED_FROM_BYTES: usize = 1 << 20;

/// Of an array that doubles as it grows: twice what it needs, and half of that while it is copied.
const GROWTH: usize = 3;

/// The least that an array makes room for.
const ARRAY_MIN: usize = 4;

/// An entry of a hash table of series texts, with what such a table leaves empty.
const SERIES_TEXT_BYTES: usize = 48;

/// A message about a bad line is made, joined to the others, and encoded.
const ERROR_COPIES: usize = 3;

/// The most bad lines of a body that are reported one by one.
pub const LINE_ERRORS_MAX: usize = 100;

/// The most bytes of messages about the bad lines of a body. The message that reaches it is cut there.
pub const LINE_ERROR_BYTES_MAX: usize = 1 << 20;

/// A point, and a row that is made of it.
const POINT_BYTES: usize = 2 * size_of::<Point<'_>>();

/// A value, and its key where it is new.
const FIELD_BYTES: usize = size_of::<Scalar<'_>>() + size_of::<&[u8]>();

/// Returns an estimate of the bytes that the points of `body` take, without the body: high enough for all bodies but those in
/// which most lines have field keys that no other line has. A server can refuse what does not fit before it is parsed.
pub fn parsed_bytes_max(body: &[u8]) -> usize {
    let (points, fields) = most(body);
    let is_counted = body.len() > COUNTED_FROM_BYTES;
    let growth = if is_counted { 1 } else { GROWTH };
    let (least_points, least_fields) = if is_counted { (points, fields) } else { guesses(body) };
    let (points, fields) = (points.max(least_points) + ARRAY_MIN, fields.max(least_fields) + ARRAY_MIN);
    let points = points.saturating_mul(growth * POINT_BYTES + SERIES_TEXT_BYTES);
    let fields = fields.saturating_mul(growth * FIELD_BYTES);
    points.saturating_add(fields).saturating_add(ERROR_COPIES * body.len().min(LINE_ERROR_BYTES_MAX))
}

/// How many points and fields to make room for.
pub(super) fn capacities(body: &[u8]) -> (usize, usize) {
    if body.len() > COUNTED_FROM_BYTES { most(body) } else { guesses(body) }
}

/// Guesses that fit usual bodies; wrong ones only cost a reallocation.
fn guesses(body: &[u8]) -> (usize, usize) {
    (body.len() / 128, body.len() / 32)
}

/// The most points and fields of a body: a point has a line, and a field has an equals sign.
fn most(body: &[u8]) -> (usize, usize) {
    let lines = memchr_iter(b'\n', body).count() + 1;
    let fields = memchr_iter(b'=', body).count();
    (lines.min(fields), fields)
}
