//! The columns of a series in a memtable, one for each field.
//!
//! Invariant: finding a column never takes longer the more columns there are: a few are searched one by one, and more of them
//! through a table of their positions.

use fluxstone_codec::CodecError;
use fluxstone_model::{Scalar, TimeRange, Timestamp};
use hashbrown::HashMap;

use super::column_buffer::ColumnBuffer;
use crate::record::FieldId;

/// Up to this many columns are searched one by one.
const SEARCHED_MAX: usize = 32;
/// The estimated memory of a column, without its values.
pub(super) const COLUMN_BYTES: usize = 192;

/// The columns of a series, in the order in which they were added.
#[derive(Debug, Clone)]
pub(super) struct SeriesColumns {
    columns: Vec<(FieldId, ColumnBuffer)>,
    /// The position of each column, if there are more than [`SEARCHED_MAX`].
    positions: Option<Box<HashMap<FieldId, u32>>>,
}

impl SeriesColumns {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        SeriesColumns { columns: Vec::with_capacity(capacity), positions: None }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(FieldId, ColumnBuffer)> {
        self.columns.iter()
    }

    /// Returns the column of a field.
    pub(super) fn get(&self, field: FieldId) -> Option<&ColumnBuffer> {
        self.position(field).map(|at| &self.columns[at].1)
    }

    /// Appends a value to the column of its field, and returns the memory that it takes. That column is probably at index
    /// `at`, because the points of a series mostly have the same fields in the same order.
    pub(super) fn push(
        &mut self,
        at: usize,
        time: Timestamp,
        field: FieldId,
        cell: Scalar<'_>,
    ) -> Result<usize, CodecError> {
        let found = match self.columns.get(at) {
            Some((id, _)) if *id == field => Some(at),
            _ => self.position(field),
        };
        if let Some(at) = found {
            return self.columns[at].1.push(time, cell);
        }
        let mut column = ColumnBuffer::new(cell);
        let bytes = column.push(time, cell)?;
        if let Some(positions) = &mut self.positions {
            positions.insert(field, self.columns.len() as u32);
        }
        self.columns.push((field, column));
        if self.positions.is_none() {
            self.index();
        }
        Ok(COLUMN_BYTES + bytes)
    }

    /// Deletes the values within a time range. Returns whether any are left.
    pub(super) fn delete(&mut self, range: TimeRange) -> bool {
        self.columns.retain_mut(|(_, column)| column.delete(range));
        self.index();
        !self.columns.is_empty()
    }

    fn position(&self, field: FieldId) -> Option<usize> {
        match &self.positions {
            Some(positions) => positions.get(&field).map(|at| *at as usize),
            None => self.columns.iter().position(|(id, _)| *id == field),
        }
    }

    /// Builds the table of positions, if there are many columns.
    fn index(&mut self) {
        let positions = || {
            let mut positions = HashMap::with_capacity(self.columns.capacity());
            positions.extend((0..).zip(&self.columns).map(|(at, (field, _))| (*field, at)));
            Box::new(positions)
        };
        self.positions = (self.columns.len() > SEARCHED_MAX).then(positions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: storage.schema.1
    #[test]
    fn columns_are_found_in_any_order_and_after_deletions() {
        const FIELDS: u32 = 200;
        let mut columns = SeriesColumns::with_capacity(1);
        for field in (0..FIELDS).rev() {
            let time = Timestamp(i64::from(field % 2));
            columns.push(0, time, FieldId(field), Scalar::Integer(i64::from(field))).unwrap();
        }
        assert!(columns.positions.is_some());
        for field in 0..FIELDS {
            assert_eq!(columns.get(FieldId(field)).unwrap().values(), 1);
        }
        assert!(columns.delete(TimeRange { min: Timestamp(1), max: Timestamp(1) }));
        for field in 0..FIELDS {
            assert_eq!(columns.get(FieldId(field)).is_some(), field % 2 == 0);
            columns.push(7, Timestamp(5), FieldId(field), Scalar::Integer(1)).unwrap();
        }
        assert_eq!(columns.iter().count(), FIELDS as usize);
        assert!(!columns.delete(TimeRange::ALL));
        assert!(columns.positions.is_none() && columns.get(FieldId(3)).is_none());
    }
}
