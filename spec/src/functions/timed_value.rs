//! The values that functions take and return.

use fluxstone_model::Timestamp;
use fluxstone_query::Value;

/// A value with a time: what functions take, and what they return.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedValue {
    /// The time.
    pub time: Timestamp,
    /// The value; null where there is a row without a value.
    pub value: Value,
    /// The point that this is, if it is a point of the input.
    pub origin: Option<Origin>,
}

/// Identifies a point within a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The number of its series in the group.
    pub series: usize,
    /// Its time.
    pub time: Timestamp,
}

impl TimedValue {
    /// A result that is not a point of the input.
    pub fn new(time: Timestamp, value: Value) -> TimedValue {
        TimedValue { time, value, origin: None }
    }

    /// The same with a changed value.
    #[must_use]
    pub fn with(self, change: &impl Fn(&Value) -> Value) -> TimedValue {
        TimedValue { value: change(&self.value), ..self }
    }
}

/// The points of one group in one window, in the three orders in which functions take them.
pub struct WindowValues {
    /// The points of each series that has any, in order of time; the series in the order of their keys.
    pub by_series: Vec<Vec<TimedValue>>,
    /// All points in the order of the query.
    pub merged: Vec<TimedValue>,
    /// All points, one series after another.
    pub in_turn: Vec<TimedValue>,
    /// Whether the latest results come first.
    pub is_descending: bool,
    /// Whether the points are those of a window.
    pub has_window: bool,
}
