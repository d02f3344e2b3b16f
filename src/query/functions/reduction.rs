//! Functions that keep a small state for each window: the states, how they take columns, and how those of several series are
//! combined.
//!
//! Each series is reduced on its own in order of time, and the results are combined in the order of the series. Sums and means
//! of floats depend on this order (clause `functions.order.1`), so it is the same no matter how the work is divided.

use fluxstone_columns::{NumberSummary, Summary};
use fluxstone_model::FieldType;

use super::aggregates::{Extremes, Mean, Sum};
use super::selectors::{Choice, Rule};
use super::timed_value::{Origin, TimedValue};
use crate::column_slice::ColumnSlice;
use crate::value::Value;

/// A function of this shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reduction {
    Count,
    Sum,
    Mean,
    Spread,
    First,
    Last,
    Min,
    Max,
}

/// The state of one window.
#[derive(Debug, Clone)]
pub(crate) enum Partial {
    Count(i64),
    Sum(Sum),
    Mean(Mean),
    Spread(Extremes),
    Choice(Choice),
}

impl Reduction {
    /// The state before any value. `last_series` says which of several series with equal points selectors choose.
    pub(crate) fn start(self, input: FieldType, last_series: bool) -> Partial {
        match self {
            Reduction::Count => Partial::Count(0),
            Reduction::Sum => Partial::Sum(Sum::new(input)),
            Reduction::Mean => Partial::Mean(Mean::new(input)),
            Reduction::Spread => Partial::Spread(Extremes::new(input)),
            Reduction::First => Partial::Choice(Choice::new(Rule::First, last_series)),
            Reduction::Last => Partial::Choice(Choice::new(Rule::Last, last_series)),
            Reduction::Min => Partial::Choice(Choice::new(Rule::Min, last_series)),
            Reduction::Max => Partial::Choice(Choice::new(Rule::Max, last_series)),
        }
    }
}

impl Partial {
    /// The bytes of the string that it holds, if it holds one.
    #[inline]
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Partial::Choice(choice) => choice.text_bytes(),
            Partial::Count(_) | Partial::Sum(_) | Partial::Mean(_) | Partial::Spread(_) => 0,
        }
    }

    /// Adds values of series number `series`, in order of time.
    pub(crate) fn add(&mut self, series: usize, times: &[i64], values: ColumnSlice<'_>) {
        match self {
            Partial::Count(count) => *count += times.len() as i64,
            Partial::Sum(sum) => sum.add(values),
            Partial::Mean(mean) => mean.add(values),
            Partial::Spread(extremes) => extremes.add(values),
            Partial::Choice(choice) => choice.add(series, times, values),
        }
    }

    /// Adds a block of series number `series` by its summary, if the summary suffices. `needs_time` says that the time of a chosen
    /// point matters. Returns whether the block was added.
    pub(crate) fn add_summary(&mut self, series: usize, summary: &Summary, needs_time: bool) -> bool {
        match (self, summary.numbers) {
            (Partial::Count(count), _) => *count += i64::from(summary.count),
            (Partial::Sum(sum), Some(NumberSummary::Integer { sum: Some(block_sum), .. })) => {
                sum.add_integer(block_sum);
            }
            (Partial::Mean(mean), Some(NumberSummary::Integer { sum: Some(block_sum), .. })) => {
                mean.add_block(block_sum, summary.count);
            }
            (Partial::Spread(extremes), Some(numbers)) => extremes.add_block(numbers),
            (Partial::Choice(choice), Some(numbers)) => {
                return choice.add_block(series, summary.range, numbers, needs_time);
            }
            _ => return false,
        }
        true
    }

    /// Ends the reduction of one series and returns its contribution to the group.
    pub(crate) fn close(self) -> Partial {
        match self {
            Partial::Mean(mean) => Partial::Mean(mean.close()),
            other => other,
        }
    }

    /// Adds the contribution of a later series.
    pub(crate) fn combine(&mut self, later: Partial) {
        match (self, later) {
            (Partial::Count(count), Partial::Count(more)) => *count += more,
            (Partial::Sum(sum), Partial::Sum(more)) => sum.combine(&more),
            (Partial::Mean(mean), Partial::Mean(more)) => mean.combine(&more),
            (Partial::Spread(extremes), Partial::Spread(more)) => extremes.combine(&more),
            (Partial::Choice(choice), Partial::Choice(more)) => choice.combine(more),
            // All states of one call are of the same kind.
            _ => {}
        }
    }

    /// Returns the result, at `time`; `None` if there were no values.
    pub(crate) fn result(self, time: i64) -> Option<TimedValue> {
        let (value, origin) = match self {
            Partial::Count(count) => ((count > 0).then_some(Value::Integer(count))?, None),
            Partial::Sum(sum) => (sum.result()?, None),
            Partial::Mean(mean) => (mean.result()?, None),
            Partial::Spread(extremes) => (extremes.spread()?, None),
            Partial::Choice(choice) => {
                let (value, series, time) = choice.result()?;
                (value, Some(Origin { series, time }))
            }
        };
        Some(TimedValue { time, value, origin })
    }
}
