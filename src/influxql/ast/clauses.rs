//! The clauses that several statements share: measurements, targets, dimensions, fill, order and limits.

use fluxstone_go::Regex;
use fluxstone_model::Nanos;

use super::expression::Expr;

/// One projection of a SELECT.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectField {
    /// The value to compute.
    pub expr: Expr,
    /// `AS name`; empty without an alias.
    pub alias: String,
}

/// A measurement name with its database and retention policy; empty parts mean the defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The database, or empty.
    pub database: String,
    /// The retention policy, or empty.
    pub policy: String,
    /// The name or a regular expression.
    pub name: MeasurementName,
}

/// The last part of a measurement's name.
#[derive(Debug, Clone, PartialEq)]
pub enum MeasurementName {
    /// One measurement.
    Name(String),
    /// All measurements whose names match.
    Regex(Regex),
}

impl MeasurementName {
    /// Refuses the names under which InfluxDB keeps its own listings.
    ///
    /// # Errors
    /// The refused name, with the statement to use instead.
    pub fn refuse_system_source(&self) -> Result<(), SystemSource> {
        let MeasurementName::Name(name) = self else { return Ok(()) };
        let instead = match name.as_str() {
            "_fieldKeys" => "SHOW FIELD KEYS",
            "_measurements" => "SHOW MEASUREMENTS",
            "_series" => "SHOW SERIES",
            "_tagKeys" => "SHOW TAG KEYS",
            "_tags" => "SHOW TAG VALUES",
            _ => return Ok(()),
        };
        Err(SystemSource { name: name.clone(), instead })
    }
}

/// A measurement name that InfluxDB keeps for its own listings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unable to use system source '{name}': use {instead} instead")]
pub struct SystemSource {
    name: String,
    instead: &'static str,
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
    /// The first `time(interval, offset)`, if its interval is positive.
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
    /// The length of windows. Zero or negative means that there are none.
    pub interval: Nanos,
    /// The argument after the comma.
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
    /// Null for empty windows, 0 for count.
    Null,
    /// No rows for empty windows.
    None,
    /// The value of the previous window.
    Previous,
    /// Linear interpolation between the values before and after.
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

/// Limits; zero means "not set".
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
