//! What the streams of one group share, and what a stream is.

use fluxstone_model::Timestamp;

use super::calls::CallPlan;
use super::error::QueryError;
use super::execution::Execution;
use super::functions::TimedValue;
use super::groups::{Group, Member};
use super::plan::Plan;

/// The results of a function in the order of the answer.
pub(super) type Stream<'r> = Box<dyn Iterator<Item = Result<TimedValue, QueryError>> + 'r>;

/// One group of a query of functions while it is evaluated.
#[derive(Clone, Copy)]
pub(super) struct GroupRun<'r> {
    pub(super) plan: &'r Plan,
    pub(super) calls: &'r CallPlan,
    pub(super) group: &'r Group,
    pub(super) execution: &'r Execution<'r>,
}

impl<'r> GroupRun<'r> {
    /// The series of the group with their numbers, in the order of the query.
    pub(super) fn series_in_order(self) -> impl Iterator<Item = (usize, &'r Member)> {
        let count = self.group.series.len();
        let number = move |at: usize| if self.plan.descending { count - 1 - at } else { at };
        (0..count).map(move |at| (number(at), &self.group.series[number(at)]))
    }

    /// The time of results that have none of their own: the lower bound, or the epoch.
    pub(super) fn result_time(self) -> i64 {
        self.plan.bounds.min.unwrap_or(Timestamp::EPOCH).0
    }

    /// Whether results come in descending order of time.
    pub(super) fn is_descending(self) -> bool {
        self.plan.descending && (self.plan.windows.is_some() || self.calls.streams_points())
    }
}
