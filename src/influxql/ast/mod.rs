//! The syntax tree of InfluxQL: immutable values that say what was written.
//!
//! Spans are carried for messages and ignored by comparison: two trees are equal when they mean the same text.
//! Invariant: a [`Select`] has passed the static validation of `validate.rs`.

mod expression;
mod select;
mod statement;

use std::fmt;

use fluxstone_model::Nanos;

pub use fluxstone_go::Regex;
pub use fluxstone_model::{Privilege, RetentionOptions, SubscriptionMode};

pub use expression::{BinaryOp, Cast, Expr, ExprKind, Span, VarRef, WildcardKind};
pub use select::{Select, SelectClauses};
pub use statement::{Query, Statement};

/// What the SHOW statements of the schema have in common. Parts that a statement's grammar lacks are empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Show {
    /// `ON name`.
    pub database: Option<String>,
    /// `FROM ...`.
    pub sources: Vec<Measurement>,
    /// `WHERE ...`.
    pub condition: Option<Expr>,
    /// `ORDER BY time`, which has no effect, as written.
    pub order: Option<Order>,
    /// LIMIT, OFFSET, SLIMIT, SOFFSET.
    pub limits: Limits,
}

/// `WITH MEASUREMENT = name` or `=~ /regex/`: the kind of source decides, not the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasurementFilter {
    /// The operator as written.
    pub op: BinaryOp,
    /// The name or regex.
    pub source: Measurement,
}

/// `WITH KEY ...` of SHOW TAG VALUES.
#[derive(Debug, Clone, PartialEq)]
pub enum TagKeyFilter {
    /// `= name`.
    Equal(String),
    /// `!= name`.
    NotEqual(String),
    /// `=~ /regex/`.
    Match(Regex),
    /// `!~ /regex/`.
    NotMatch(Regex),
    /// `IN (a, b)`.
    In(Vec<String>),
}

/// A password, which never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// `RESAMPLE EVERY d FOR d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resample {
    /// `EVERY d`.
    pub every: Option<Nanos>,
    /// `FOR d`.
    pub for_: Option<Nanos>,
}

/// One projection.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// What to compute.
    pub expr: Expr,
    /// `AS name`; empty is no alias.
    pub alias: String,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A measurement, or several by regex.
    Measurement(Measurement),
    /// `(SELECT ...)`.
    Subquery(Box<Select>),
}

/// A measurement name with its database and retention policy; empty parts mean the defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The database, or empty.
    pub database: String,
    /// The retention policy, or empty.
    pub policy: String,
    /// The name or a regex.
    pub name: MeasurementName,
}

/// The last part of a measurement's name.
#[derive(Debug, Clone, PartialEq)]
pub enum MeasurementName {
    /// One measurement.
    Name(String),
    /// All that match.
    Regex(Regex),
}

/// `INTO` target; empty parts mean the defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The database, or empty.
    pub database: String,
    /// The retention policy, or empty.
    pub policy: String,
    /// The measurement; `None` is `:MEASUREMENT`, the measurement that each series came from.
    pub measurement: Option<String>,
}

/// `GROUP BY` dimensions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupBy {
    /// All dimensions in the order written.
    pub dimensions: Vec<Dimension>,
}

impl GroupBy {
    /// `time(interval, offset)`, if the first one has a positive length.
    pub fn window(&self) -> Option<&Window> {
        let first = self.dimensions.iter().find_map(|d| match d {
            Dimension::Time(window) => Some(window),
            _ => None,
        });
        first.filter(|window| window.interval.0 > 0)
    }
}

/// One dimension.
#[derive(Debug, Clone, PartialEq)]
pub enum Dimension {
    /// `time(interval[, offset])`.
    Time(Window),
    /// A tag.
    Tag(String),
    /// `*`.
    Wildcard,
    /// `/regex/`.
    Regex(Regex),
}

/// `time(interval, offset)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The length; zero or negative is no window.
    pub interval: Nanos,
    /// What follows the comma.
    pub offset: Option<WindowOffset>,
}

/// The offset of windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowOffset {
    /// A duration literal.
    Duration(Nanos),
    /// `now()`: windows end now.
    Now,
}

/// `fill(...)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill {
    /// Null in empty windows, 0 for count.
    Null,
    /// No rows for empty windows.
    None,
    /// The value before.
    Previous,
    /// A line between the values before and after.
    Linear,
    /// A number, written as an integer.
    Integer(i64),
    /// A number, written with a dot.
    Number(f64),
}

/// `ORDER BY time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Limits; zero is "not set".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// `LIMIT n`: rows of each series.
    pub limit: u64,
    /// `OFFSET n`.
    pub offset: u64,
    /// `SLIMIT n`: series.
    pub slimit: u64,
    /// `SOFFSET n`.
    pub soffset: u64,
}
