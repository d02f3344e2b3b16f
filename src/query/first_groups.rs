//! The first groups of a measurement, for SLIMIT: no more groups are made than are wanted, however many series there are.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::SeriesRef;
use fluxstone_model::{SeriesKey, Text};

use super::budget::Reservation;
use super::error::QueryError;
use super::execution::Execution;
use super::plan::Plan;
use super::schema::Input;

/// The place of a group in the order in which SLIMIT counts: by the values of its tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// The values joined with bars, if that is the order.
    joined: Vec<u8>,
    pub(super) values: Arc<[Text]>,
}

/// The groups of the lowest ranks so far.
pub(super) struct FirstGroups<'p, M> {
    plan: &'p Plan,
    joins_with_bars: bool,
    /// Groups up to this rank are left out.
    after: Option<Rank>,
    count_max: usize,
    groups: BTreeMap<Rank, Vec<M>>,
    /// Whether there are groups of higher ranks.
    pub(super) has_more: bool,
}

impl<'p, M> FirstGroups<'p, M> {
    /// Starts the search for at most `count_max` groups that come after a rank.
    pub(super) fn new(plan: &'p Plan, joins_with_bars: bool, after: Option<Rank>, count_max: usize) -> Self {
        FirstGroups { plan, joins_with_bars, after, count_max, groups: BTreeMap::new(), has_more: false }
    }

    /// Looks at the series of an input. `member` makes a member of one, with the bytes that it takes, unless the series does not
    /// belong to the answer.
    pub(super) fn add(
        &mut self,
        input: &Input,
        execution: &Execution<'_>,
        memory: &mut Reservation,
        member: &dyn Fn(SeriesRef) -> Option<(M, usize)>,
    ) -> Result<(), QueryError> {
        let predicate = self.plan.condition.index_predicate();
        let mut failed = Ok(());
        let _ = input.source.for_each_series(&input.measurement, &predicate, &mut |series| {
            failed = execution.go_on();
            if let (Ok(()), Some(series)) = (&failed, series) {
                failed = self.add_series(series, memory, member);
            }
            if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        failed
    }

    fn add_series(
        &mut self,
        series: SeriesRef,
        memory: &mut Reservation,
        member: &dyn Fn(SeriesRef) -> Option<(M, usize)>,
    ) -> Result<(), QueryError> {
        let key = series.key.clone();
        if self.after.as_ref().is_some_and(|after| self.compare(&key, after).is_le()) {
            return Ok(());
        }
        let is_full = self.groups.len() >= self.count_max;
        if is_full && self.groups.last_key_value().is_some_and(|(last, _)| self.compare(&key, last).is_gt()) {
            // Whether the series belongs to the answer shows when its turn comes.
            self.has_more = true;
            return Ok(());
        }
        let Some((member, bytes)) = member(series) else { return Ok(()) };
        memory.grow(bytes)?;
        let rank = self.rank(&key);
        self.groups.entry(rank).or_default().push(member);
        if self.groups.len() > self.count_max {
            // What the group took stays charged; this happens rarely after the first groups.
            self.groups.pop_last();
            self.has_more = true;
        }
        Ok(())
    }

    /// Returns the groups in the order of their ranks.
    pub(super) fn into_groups(self) -> impl Iterator<Item = (Rank, Vec<M>)> {
        self.groups.into_iter()
    }

    fn values<'k>(&'k self, key: &'k SeriesKey) -> impl Iterator<Item = &'k [u8]> {
        self.plan.dimensions.iter().map(|tag| key.tags.get(tag).map_or(&[][..], Text::as_bytes))
    }

    fn rank(&self, key: &SeriesKey) -> Rank {
        let no_value = Text::default();
        let dimensions = self.plan.dimensions.iter();
        let values: Arc<[Text]> = dimensions.map(|tag| key.tags.get(tag).unwrap_or(&no_value).clone()).collect();
        let joined = if self.joins_with_bars { self.values(key).collect::<Vec<_>>().join(&b'|') } else { Vec::new() };
        Rank { joined, values }
    }

    /// Compares the rank of a series with another.
    fn compare(&self, key: &SeriesKey, other: &Rank) -> Ordering {
        let by_values = || self.values(key).cmp(other.values.iter().map(Text::as_bytes));
        if !self.joins_with_bars {
            return by_values();
        }
        let bars =
            self.values(key).enumerate().flat_map(|(at, value)| (at > 0).then_some(&b'|').into_iter().chain(value));
        bars.cmp(&other.joined).then_with(by_values)
    }
}
