//! Why points are dropped, and which points of a write are: the first of them, with a bound on their number and on the size
//! of their texts.

use fluxstone_line_protocol::{LINE_ERROR_BYTES_MAX, LINE_ERRORS_MAX};
use fluxstone_model::{Clause, FieldType, Text};

/// The reason why a point was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parts of the message")]
pub enum DropReason {
    TypeConflict {
        measurement: Text,
        field: Text,
        new: FieldType,
        existing: FieldType,
    },
    /// The reason why no point of the shard is stored: the field is new and has got a type earlier in the request.
    TypeConflictInRequest {
        measurement: Text,
        field: Text,
        new: FieldType,
        existing: FieldType,
    },
    TimeTag {
        measurement: Text,
    },
    TimeField {
        measurement: Text,
    },
    SeriesLimit {
        series: u64,
        max: u64,
    },
    TagValueLimit {
        measurement: Text,
        key: Text,
        value: Text,
        values: u64,
        max: u64,
    },
}

impl DropReason {
    /// The clause that the point does not keep.
    pub fn clause(&self) -> Clause {
        match self {
            DropReason::TypeConflict { .. } => Clause::new("write.shard.2"),
            DropReason::TimeTag { .. } | DropReason::TimeField { .. } => Clause::new("write.shard.3"),
            DropReason::SeriesLimit { .. } | DropReason::TagValueLimit { .. } => Clause::new("write.shard.4"),
            DropReason::TypeConflictInRequest { .. } => Clause::new("write.shard.5"),
        }
    }

    /// The size of its texts.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            DropReason::TypeConflict { measurement, field, .. }
            | DropReason::TypeConflictInRequest { measurement, field, .. } => measurement.len() + field.len(),
            DropReason::TimeTag { measurement } | DropReason::TimeField { measurement } => measurement.len(),
            DropReason::SeriesLimit { .. } => 0,
            DropReason::TagValueLimit { measurement, key, value, .. } => measurement.len() + key.len() + value.len(),
        }
    }
}

/// The first points that were dropped, in the order of the request: as many as bad lines are reported.
///
/// Points may come in any order, since limits are checked before types and shards are written one after the other. Whatever
/// the order, no point is left out that is before one of those that are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DroppedPoints {
    /// In the order of the request, each point once.
    points: Vec<DroppedPoint>,
    /// The size of the texts of all reasons.
    bytes: usize,
    /// The first point that was left out; all after it are left out, too.
    left_out: Option<u32>,
}

/// A point that was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedPoint {
    /// The index of the point in its batch.
    pub index: u32,
    /// Why it was dropped; if it has several fields of another type, because of the first of them.
    pub reason: DropReason,
}

impl DroppedPoints {
    /// The points, in the order of the request.
    pub fn points(&self) -> &[DroppedPoint] {
        &self.points
    }

    /// Whether more points were dropped than these.
    pub fn has_more(&self) -> bool {
        self.left_out.is_some()
    }

    /// Adds the points of another shard.
    pub fn add(&mut self, other: DroppedPoints) {
        for DroppedPoint { index, reason } in other.points {
            self.insert(index, reason);
        }
        if let Some(first) = other.left_out {
            self.leave_out_from(first);
        }
    }

    /// Whether there is room for a point.
    pub(super) fn takes(&self, index: u32) -> bool {
        self.left_out.is_none_or(|first| index < first)
    }

    /// Adds a point, and leaves out others if there is no room for all.
    pub(super) fn insert(&mut self, index: u32, reason: DropReason) {
        if !self.takes(index) {
            return;
        }
        let Err(place) = self.points.binary_search_by_key(&index, |point| point.index) else { return };
        self.bytes += reason.text_bytes();
        self.points.insert(place, DroppedPoint { index, reason });
        while self.points.len() > LINE_ERRORS_MAX || (self.bytes > LINE_ERROR_BYTES_MAX && self.points.len() > 1) {
            self.pop();
        }
    }

    fn leave_out_from(&mut self, first: u32) {
        while self.points.last().is_some_and(|point| point.index >= first) {
            self.pop();
        }
        if self.takes(first) {
            self.left_out = Some(first);
        }
    }

    fn pop(&mut self) {
        if let Some(DroppedPoint { index, reason }) = self.points.pop() {
            self.bytes -= reason.text_bytes();
            self.left_out = Some(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reason(bytes: usize) -> DropReason {
        DropReason::TimeTag { measurement: vec![b'm'; bytes].into() }
    }

    fn indexes(dropped: &DroppedPoints) -> Vec<u32> {
        dropped.points().iter().map(|point| point.index).collect()
    }

    #[test]
    fn the_texts_of_reasons_are_bounded() {
        let mut dropped = DroppedPoints::default();
        dropped.insert(7, reason(2 * LINE_ERROR_BYTES_MAX));
        assert_eq!((indexes(&dropped), dropped.has_more()), (vec![7], false));
        // No later point is kept once one is left out, even if it is small.
        dropped.insert(9, reason(1));
        dropped.insert(10, reason(1));
        assert_eq!((indexes(&dropped), dropped.has_more()), (vec![7], true));
        dropped.insert(3, reason(LINE_ERROR_BYTES_MAX / 2));
        dropped.insert(4, reason(LINE_ERROR_BYTES_MAX / 2));
        dropped.insert(5, reason(1));
        assert_eq!(indexes(&dropped), [3, 4]);
    }

    proptest! {
        /// Points that come in any order, and in the order of several shards, are the first ones.
        #[test]
        fn the_first_points_are_kept(
            shards in prop::collection::vec(prop::collection::vec((0_u32..400, 0_usize..40_000), 0..150), 1..5),
        ) {
            let mut dropped = DroppedPoints::default();
            let mut all = std::collections::BTreeSet::new();
            for points in &shards {
                let mut shard = DroppedPoints::default();
                for &(index, bytes) in points {
                    shard.insert(index, reason(bytes));
                    all.insert(index);
                }
                dropped.add(shard);
            }
            let kept = indexes(&dropped);
            prop_assert!(kept.len() <= LINE_ERRORS_MAX);
            prop_assert_eq!(&kept, &all.iter().copied().take(kept.len()).collect::<Vec<_>>());
            prop_assert_eq!(dropped.has_more(), kept.len() < all.len());
            prop_assert!(dropped.bytes <= LINE_ERROR_BYTES_MAX || kept.len() == 1);
            prop_assert_eq!(dropped.bytes, dropped.points().iter().map(|point| point.reason.text_bytes()).sum::<usize>());
        }
    }
}
