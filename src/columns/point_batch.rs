//! [`PointBatch`]: the points of a write, ready to be checked and stored.
//!
//! Series and field keys are held once and named by number, so that whoever stores the points looks each of them up once.
//! Names and strings are unescaped; only series keys keep the raw form that identifies a series.

use std::borrow::Cow;
use std::ops::Range;

use fluxstone_model::{Scalar, Timestamp};

/// The points of a write. Texts are borrowed from wherever they were read: a request body, or the rows of an answer.
///
/// The points of a batch may belong to several shards; all belong to one database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PointBatch<'a> {
    rows: Vec<PointRow>,
    series: Vec<&'a [u8]>,
    keys: Vec<Cow<'a, [u8]>>,
    layouts: Vec<Range<u32>>,
    values: Vec<Scalar<'a>>,
}

/// One point of a [`PointBatch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointRow {
    /// The number of its series in the batch.
    pub series: u32,
    /// The number of its layout in the batch: the list of its field keys.
    pub layout: u32,
    /// Where its values begin among those of the batch. There is one for each key of the layout.
    pub first_value: u32,
    /// Its time.
    pub time: Timestamp,
}

impl<'a> PointBatch<'a> {
    /// Builds a batch from its parts: `series` are raw series keys (see [`fluxstone_model::RawSeriesKey`]), `layouts` ranges
    /// of `keys`.
    ///
    /// The numbers of rows and the ranges of layouts must be within the other parts.
    pub fn new(
        rows: Vec<PointRow>,
        series: Vec<&'a [u8]>,
        keys: Vec<Cow<'a, [u8]>>,
        layouts: Vec<Range<u32>>,
        values: Vec<Scalar<'a>>,
    ) -> Self {
        let batch = PointBatch { rows, series, keys, layouts, values };
        debug_assert!(batch.rows.iter().all(|row| (row.series as usize) < batch.series.len()), "a row has no series");
        debug_assert!(batch.rows.iter().all(|row| !batch.values_of(row).is_empty()), "a row has no values");
        batch
    }

    /// The points.
    pub fn rows(&self) -> &[PointRow] {
        &self.rows
    }

    /// The number of different series; those of rows are smaller.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// The number of different layouts; those of rows are smaller.
    pub fn layout_count(&self) -> usize {
        self.layouts.len()
    }

    /// The number of values of all points.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// Returns the raw key of the series of `row`.
    #[inline]
    pub fn series_of(&self, row: &PointRow) -> &'a [u8] {
        self.series.get(row.series as usize).copied().unwrap_or_default()
    }

    /// Returns the field keys of `row`, unescaped. A key may occur twice.
    #[inline]
    pub fn keys_of(&self, row: &PointRow) -> &[Cow<'a, [u8]>] {
        let layout = self.layouts.get(row.layout as usize);
        layout.and_then(|keys| self.keys.get(keys.start as usize..keys.end as usize)).unwrap_or_default()
    }

    /// Returns the values of `row`, one for each of its field keys.
    #[inline]
    pub fn values_of(&self, row: &PointRow) -> &[Scalar<'a>] {
        let len = self.layouts.get(row.layout as usize).map_or(0, Range::len);
        let first = row.first_value as usize;
        self.values.get(first..first + len).unwrap_or_default()
    }
}
