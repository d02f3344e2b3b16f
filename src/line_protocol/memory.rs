//! The memory that parsing takes, known before it begins, so that a server can refuse what does not fit.

use memchr::memchr_iter;

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

/// The size of what a body is parsed into, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) point: usize,
    pub(super) field: usize,
    /// The most of all messages.
    pub(super) errors_max: usize,
}

/// The most bytes that the result of parsing `body` takes, without the body.
pub(super) fn bytes_max(body: &[u8], sizes: Sizes) -> usize {
    let (points, fields) = most(body);
    let growth = if body.len() > COUNTED_FROM_BYTES { 1 } else { GROWTH };
    let (least_points, least_fields) = capacities(body);
    let (points, fields) = (points.max(least_points) + ARRAY_MIN, fields.max(least_fields) + ARRAY_MIN);
    let points = points.saturating_mul(growth * sizes.point + SERIES_TEXT_BYTES);
    let fields = fields.saturating_mul(growth * sizes.field);
    points.saturating_add(fields).saturating_add(ERROR_COPIES * body.len().min(sizes.errors_max))
}

/// How many points and fields to make room for.
pub(super) fn capacities(body: &[u8]) -> (usize, usize) {
    // Guesses that fit usual bodies; wrong ones only cost a reallocation.
    if body.len() > COUNTED_FROM_BYTES { most(body) } else { (body.len() / 128, body.len() / 32) }
}

/// The most points and fields of a body: a point has a line, and a field has an equals sign.
fn most(body: &[u8]) -> (usize, usize) {
    let lines = memchr_iter(b'\n', body).count() + 1;
    let fields = memchr_iter(b'=', body).count();
    (lines.min(fields), fields)
}
