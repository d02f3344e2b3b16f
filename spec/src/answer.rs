//! The answer to a statement, or the reason why it is refused.

use std::collections::BTreeSet;

use fluxstone_model::{Text, Timestamp};
use fluxstone_query::Value;

/// Why a statement is refused: the text that clients see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The measurement.
    pub name: Text,
    /// The grouped tags in key order.
    pub tags: Vec<(Text, Text)>,
    /// The column names.
    pub columns: Vec<Text>,
    /// The cells of each row.
    pub rows: Vec<Vec<Value>>,
}

/// The answer to a statement, which may be a sub-query.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The series, in order.
    pub tables: Vec<Table>,
    /// The columns that show tags.
    pub tag_columns: BTreeSet<Text>,
    /// The tags that the statement groups by itself.
    pub own_dimensions: BTreeSet<Text>,
    /// Whether rows of equal times have no defined order. Each table then has the points of a single series.
    pub is_apart: bool,
    /// When the shards of the sources begin.
    pub shard_starts: BTreeSet<Timestamp>,
}
