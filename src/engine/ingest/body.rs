//! Turns a parsed body of line protocol into a batch of points.
//!
//! Values are moved, not copied; only strings with escapes need memory of their own. Field keys are unescaped once for each
//! layout.

use std::borrow::Cow;

use fluxstone_columns::{PointBatch, PointRow};
use fluxstone_line_protocol::{ParsedBody, unescape_field_key, unescape_string};
use fluxstone_model::Scalar;

/// The strings of a body that have escapes, without them. A batch made of the body borrows them.
#[derive(Debug, Default)]
pub struct UnescapedStrings(Vec<Vec<u8>>);

impl UnescapedStrings {
    /// Unescapes the strings of `body`.
    pub fn of(body: &ParsedBody<'_>) -> Self {
        let unescaped = |at: &u32| match body.values.get(*at as usize) {
            Some(Scalar::String(raw)) => unescape_string(raw).into_owned(),
            _ => Vec::new(),
        };
        UnescapedStrings(body.escaped.iter().map(unescaped).collect())
    }

    /// Makes a batch of the points of `body`, of which these are the strings.
    pub fn batch<'a>(&'a self, body: ParsedBody<'a>) -> PointBatch<'a> {
        let ParsedBody { points, keys, layouts, mut values, escaped, errors: _, more_errors: _ } = body;
        for (at, string) in escaped.into_iter().zip(&self.0) {
            if let Some(value) = values.get_mut(at as usize) {
                *value = Scalar::String(string);
            }
        }
        let mut series = Vec::new();
        let row = |point: fluxstone_line_protocol::Point<'a>| {
            // Series are numbered in the order of their first points.
            if point.series_number as usize == series.len() {
                series.push(point.series);
            }
            let (series, layout, first_value) = (point.series_number, point.layout, point.first_value);
            PointRow { series, layout, first_value, time: point.time }
        };
        let rows = points.into_iter().map(row).collect();
        let keys: Vec<Cow<'a, [u8]>> = keys.into_iter().map(unescape_field_key).collect();
        PointBatch::new(rows, series, keys, layouts, values)
    }
}
