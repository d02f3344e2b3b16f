//! What all parts of a statement share.

use std::collections::BTreeSet;

use fluxstone_influxql::ast::Fill;
use fluxstone_model::{TimeRange, Timestamp};

use crate::schema::Schema;
use crate::time::{Bounds, Windows};

/// What the parts of a statement need to know about it.
pub struct Scope<'a> {
    /// The meaning of names.
    pub schema: &'a Schema,
    /// The bounds of time, which may be open.
    pub bounds: Bounds,
    /// The times that are read.
    pub range: TimeRange,
    /// The windows, if there are any.
    pub windows: Option<Windows>,
    /// The values for empty windows.
    pub fill: Fill,
    /// Whether later rows come first.
    pub is_descending: bool,
    /// When the shards of the sources begin.
    pub shard_starts: &'a BTreeSet<Timestamp>,
}
