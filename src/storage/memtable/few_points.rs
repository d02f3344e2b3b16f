//! A few numbers of one field of one series in a memtable: a single one is stored inline, more in one allocation.
//!
//! Invariant: all points have one field and one type, which is never a string.

use fluxstone_columns::{Batch, Column};
use fluxstone_model::{FieldType, Scalar, TimeRange, Timestamp};
use smallvec::{SmallVec, smallvec};

use crate::record::{FieldId, FieldTag};

/// The maximum number of points. More than these are kept in rows.
const POINTS_MAX: usize = 8;

/// A few numbers or booleans of one field, in the order in which they were written.
#[derive(Debug, Clone)]
pub(super) struct FewPoints {
    field: FieldId,
    field_type: FieldType,
    /// Times, and the values as bits.
    points: SmallVec<[(i64, u64); 1]>,
}

impl FewPoints {
    /// Creates a list of one point. Returns `None` for a string.
    pub(super) fn new(time: Timestamp, field: FieldId, cell: Scalar<'_>) -> Option<FewPoints> {
        Some(FewPoints { field, field_type: cell.field_type(), points: smallvec![(time.0, bits(cell)?)] })
    }

    /// Appends a point and returns the memory that it takes, or `None` if the list is full or the field or type differs.
    pub(super) fn push(&mut self, time: Timestamp, field: FieldId, cell: Scalar<'_>) -> Option<usize> {
        let fits = self.points.len() < POINTS_MAX && (field, cell.field_type()) == (self.field, self.field_type);
        let bits = bits(cell).filter(|_| fits)?;
        let before = self.heap_bytes();
        self.points.push((time.0, bits));
        Some(self.heap_bytes() - before)
    }

    /// The allocated memory, including the allocator's overhead.
    fn heap_bytes(&self) -> usize {
        if self.points.spilled() {
            self.points.capacity() * size_of::<(i64, u64)>() + size_of::<[usize; 2]>()
        } else {
            0
        }
    }

    pub(super) fn field(&self) -> FieldId {
        self.field
    }

    pub(super) fn tag(&self) -> FieldTag {
        FieldTag::new(self.field, self.field_type)
    }

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    /// Returns the times, and the values as bits.
    pub(super) fn bits(&self) -> impl Iterator<Item = (Timestamp, u64)> {
        self.points.iter().map(|(time, bits)| (Timestamp(*time), *bits))
    }

    /// Whether the times are strictly ascending.
    pub(super) fn is_sorted(&self) -> bool {
        self.points.is_sorted_by(|(a, _), (b, _)| a < b)
    }

    pub(super) fn to_batch(&self) -> Batch {
        let bits = self.points.iter().map(|(_, bits)| *bits);
        let values = match self.field_type {
            FieldType::Float => Column::Float(bits.map(f64::from_bits).collect()),
            FieldType::Boolean => Column::Boolean(bits.map(|bits| bits != 0).collect()),
            FieldType::Integer | FieldType::String => Column::Integer(bits.map(|bits| bits as i64).collect()),
        };
        let times: Vec<i64> = self.points.iter().map(|(time, _)| *time).collect();
        Batch { times: times.into(), values }
    }

    /// Deletes the values within a time range. Returns whether any are left.
    pub(super) fn delete(&mut self, range: TimeRange) -> bool {
        self.points.retain(|(time, _)| !range.contains(Timestamp(*time)));
        !self.points.is_empty()
    }
}

/// Returns a value as bits; `None` for a string.
fn bits(cell: Scalar<'_>) -> Option<u64> {
    match cell {
        Scalar::Float(value) => Some(value.to_bits()),
        Scalar::Integer(value) => Some(value as u64),
        Scalar::Boolean(value) => Some(u64::from(value)),
        Scalar::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: FieldId = FieldId(3);

    fn few(values: &[i64]) -> FewPoints {
        let mut few = FewPoints::new(Timestamp(values[0]), FIELD, Scalar::Integer(values[0])).unwrap();
        for value in &values[1..] {
            assert!(few.push(Timestamp(*value), FIELD, Scalar::Integer(*value)).is_some());
        }
        few
    }

    #[test]
    fn points_come_back_as_they_were_written() {
        for cell in [Scalar::Float(-0.5), Scalar::Integer(i64::MIN), Scalar::Boolean(true)] {
            let few = FewPoints::new(Timestamp(7), FIELD, cell).unwrap();
            assert!(few.bits().eq([(Timestamp(7), bits(cell).unwrap())]));
            assert_eq!(few.to_batch().values.field_type(), few.tag().field_type());
        }
        let batch = few(&[5, -1, 3]).to_batch();
        assert_eq!((&**batch.times, &batch.values), (&[5, -1, 3][..], &Column::Integer(vec![5, -1, 3])));
    }

    #[test]
    fn a_different_field_or_type_and_a_ninth_point_are_refused() {
        let mut few = few(&[1]);
        assert_eq!(few.push(Timestamp(2), FieldId(4), Scalar::Integer(2)), None);
        assert_eq!(few.push(Timestamp(2), FIELD, Scalar::Float(2.0)), None);
        assert_eq!(few.push(Timestamp(2), FIELD, Scalar::String(b"2")), None);
        for value in 2..=POINTS_MAX as i64 {
            assert!(few.push(Timestamp(value), FIELD, Scalar::Integer(value)).is_some());
        }
        assert_eq!(few.push(Timestamp(9), FIELD, Scalar::Integer(9)), None);
        assert!(FewPoints::new(Timestamp(1), FIELD, Scalar::String(b"")).is_none());
    }

    #[test]
    fn delete_returns_whether_points_are_left() {
        let mut few = few(&[1, 2, 3]);
        assert!(few.delete(TimeRange { min: Timestamp(2), max: Timestamp(3) }));
        assert_eq!(few.len(), 1);
        assert!(!few.delete(TimeRange::ALL));
    }
}
