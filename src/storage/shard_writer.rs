//! The writer of one shard: the interface through which points that were checked and resolved get into a transaction.
//!
//! It answers what the checks need to know (which series and fields exist, and how many) and takes new series, new
//! fields and rows. Which points to keep is for the caller to decide: no rule of writing is here.
//!
//! Invariant: a series or field is in the live schema exactly if its definition is in the record of the transaction or of
//! an earlier one, or is taken back when the transaction is dropped. This holds whether the rows are kept or not.

use std::sync::Arc;

use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, FieldType, RawSeriesKey, Scalar, ShardId, Text, Timestamp};

use super::error::StorageError;
use super::fields::{FIELD_BYTES, Field};
use super::live_schema::{LiveSchema, LiveSeries, LiveShard};
use super::memtable;
use super::recent_series::{MeasurementNumber, ResolvedSeries};
use super::record::{Entry, FieldId, PointsBuilder, RECORD_BYTES_MAX, RecordBuilder};
use super::series_index::View;
use super::shared_index::SharedIndex;
use super::state::SHARD_BYTES;

/// Writes to one shard within a transaction. Dropped without [`ShardWriter::keep`], it leaves the new series and fields in
/// the transaction, but no rows.
#[derive(Debug)]
pub struct ShardWriter<'t> {
    database: DatabaseId,
    shard: ShardId,
    series: &'t mut LiveSeries,
    next_series: &'t mut u64,
    fields: &'t mut LiveShard,
    index: Arc<SharedIndex>,
    record: &'t mut RecordBuilder,
    refusal: &'t mut Option<StorageError>,
    written: &'t mut Vec<SeriesId>,
    /// The series of the rows so far, if there is a watch on them.
    watched: Option<Vec<SeriesId>>,
    /// The record with the rows so far. The definitions of new series and fields follow them.
    rows: PointsBuilder,
    definitions: RecordBuilder,
    /// The measurement to which a field was added last.
    named: Option<(MeasurementNumber, Text)>,
    cost: Cost<'t>,
    is_new_shard: bool,
    is_kept: bool,
}

/// The estimated memory of a transaction. Values are counted here and added last.
#[derive(Debug)]
struct Cost<'t> {
    total: &'t mut usize,
    max: usize,
    /// That of series, fields and shards, which stays.
    schema: &'t mut usize,
    schema_max: usize,
    values: usize,
    strings: usize,
    /// The page of a memtable on which the last new series is.
    page: Option<u64>,
}

/// The parts of a transaction that a writer changes.
#[derive(Debug)]
pub(super) struct Target<'t> {
    pub(super) live: &'t mut LiveSchema,
    pub(super) index: Arc<SharedIndex>,
    pub(super) record: &'t mut RecordBuilder,
    pub(super) refusal: &'t mut Option<StorageError>,
    /// The estimated memory that applying the record takes, in bytes ...
    pub(super) cost: &'t mut usize,
    /// ... and the most that it may take.
    pub(super) cost_max: usize,
    /// The series that are written, if there is a watch on them.
    pub(super) written: &'t mut Vec<SeriesId>,
    /// The part of it that stays until series, fields and shards are removed ...
    pub(super) schema: &'t mut usize,
    /// ... and the most that there is room for.
    pub(super) schema_max: usize,
}

/// The estimated memory of a series in the index, in addition to twice its key.
const SERIES_BYTES: usize = 256;

impl<'t> ShardWriter<'t> {
    /// Begins to write to a shard, which is added if it does not exist.
    pub(super) fn begin(database: DatabaseId, shard: ShardId, target: Target<'t>) -> Self {
        let Target { live, index, record, refusal, cost, cost_max, schema, schema_max, written } = target;
        let mut cost = Cost { total: cost, max: cost_max, schema, schema_max, values: 0, strings: 0, page: None };
        let LiveSchema { databases, next_series, watch, .. } = live;
        let live = databases.entry(database).or_default();
        let is_new_shard = !live.shards.contains_key(&shard);
        let mut definitions = RecordBuilder::default();
        if is_new_shard {
            definitions.put(&Entry::Shard { database, shard });
            cost.add_schema(SHARD_BYTES);
        }
        let rows = std::mem::take(record).points(database, shard);
        ShardWriter {
            database,
            shard,
            series: &mut live.series,
            next_series,
            fields: live.shards.entry(shard).or_default(),
            index,
            record,
            refusal,
            written,
            watched: watch.is_some().then(Vec::new),
            rows,
            definitions,
            named: None,
            cost,
            is_new_shard,
            is_kept: false,
        }
    }

    /// Whether the shard was added by this writer.
    pub fn is_new_shard(&self) -> bool {
        self.is_new_shard
    }

    /// Looks up a series by a raw key that was written lately, with a single look-up in a table. `None` says nothing about
    /// whether the series exists.
    #[inline]
    pub fn recent_series(&mut self, raw: &[u8]) -> Option<ResolvedSeries> {
        self.series.find(raw)
    }

    /// Looks up a series in the index, by its tags in any order.
    pub fn find_series(&mut self, key: &RawSeriesKey<'_>) -> Option<ResolvedSeries> {
        let index = self.index.read();
        let (id, measurement) = index.find(key)?;
        Some(self.series.remember(key.as_written(), id, measurement))
    }

    /// Finds a series or adds it. Readers see it once the transaction is on disk. `None` if the database cannot have more
    /// series, or the transaction takes too much memory already.
    pub fn add_series(&mut self, key: &RawSeriesKey<'_>) -> Option<ResolvedSeries> {
        if self.is_too_costly() {
            return None;
        }
        let mut index = self.index.write();
        let new = SeriesId(*self.next_series);
        let (id, measurement) = index.find_or_add(new, key)?;
        if id == new {
            self.index.note_added(id);
            *self.next_series += 1;
            self.cost.add_schema(SERIES_BYTES + 2 * key.as_written().len());
            self.definitions.put(&Entry::Series { database: self.database, id, key: &key.sorted() });
        }
        Some(self.series.remember(key.as_written(), id, measurement))
    }

    /// The number of series in the database, new ones included.
    pub fn series_count(&self) -> u64 {
        self.index.read().live_len() as u64
    }

    /// The number of different values of a tag key in a measurement, new series included.
    pub fn tag_value_count(&self, measurement: &[u8], key: &[u8]) -> u64 {
        self.index.read().tag_values(measurement, key) as u64
    }

    /// Whether a series of the measurement has this tag, new series included.
    pub fn has_tag(&self, measurement: &[u8], key: &[u8], value: &[u8]) -> bool {
        self.index.read().has_tag(measurement, key, value)
    }

    /// Makes room for the fields of a point with this many, which are going to be looked up.
    pub fn expect_fields(&mut self, series: ResolvedSeries, fields: usize) {
        self.fields.of(series.measurement).expect(fields);
    }

    /// Looks up a field of the measurement of `series`. `at` is its position among the fields of a point: points mostly
    /// have the same fields in the same order, so the field that was last there is tried first.
    #[inline]
    pub fn field(&mut self, series: ResolvedSeries, at: usize, name: &[u8]) -> Option<Field> {
        self.fields.of(series.measurement).find(at, name)
    }

    /// Adds a field that does not exist, with the type of its first value.
    pub fn add_field(&mut self, series: ResolvedSeries, at: usize, name: &[u8], field_type: FieldType) -> Field {
        self.cost.add_schema(FIELD_BYTES + 2 * name.len());
        let field = self.fields.add(series.measurement, at, name, field_type);
        if self.named.as_ref().is_none_or(|(number, _)| *number != series.measurement) {
            let measurement = self.index.read().measurement_of(series.id, View::ALL).cloned();
            self.named = Some((series.measurement, measurement.unwrap_or_default()));
        }
        self.definitions.put(&Entry::Field {
            database: self.database,
            shard: self.shard,
            id: field.id,
            field_type,
            measurement: self.named.as_ref().map(|(_, name)| name.as_bytes()).unwrap_or_default(),
            name,
        });
        field
    }

    /// Begins a row, to be followed by exactly `values` calls of [`ShardWriter::put_value`].
    #[inline]
    pub fn begin_row(&mut self, series: ResolvedSeries, time: Timestamp, values: u32) {
        self.cost.values += values as usize;
        self.rows.begin_row(series.id, time, values);
        if let Some(watched) = &mut self.watched {
            watched.push(series.id);
        }
    }

    /// Appends a value to the row. It must have the type of the field.
    #[inline]
    pub fn put_value(&mut self, field: FieldId, value: Scalar<'_>) {
        if let Scalar::String(text) = value {
            self.cost.strings += memtable::STRING_BYTES + text.len();
        }
        self.rows.put_value(field, value);
    }

    /// Counts the memory of a series that may be new to the shard's memtable, or to have other fields than before: to be
    /// called for its first row here, and again for the first of each other list of `fields`.
    pub fn count_series(&mut self, series: ResolvedSeries, fields: usize) {
        let page = Some(memtable::page_of(series.id));
        if self.cost.page != page {
            (self.cost.page, *self.cost.total) = (page, *self.cost.total + memtable::PAGE_BYTES);
        }
        *self.cost.total += memtable::series_bytes(fields);
    }

    /// Counts the memory of the second row of a series with a single field, which needs more than the first.
    pub fn count_second_row(&mut self) {
        *self.cost.total += memtable::series_bytes(2);
    }

    /// Whether the transaction takes more memory than any may, and will be refused.
    pub fn is_too_costly(&self) -> bool {
        *self.cost.total > self.cost.max || self.cost.has_no_room()
    }

    /// Keeps the rows. Fails if the transaction is now too large, or takes too much memory; it can then no longer be committed.
    pub fn keep(mut self) -> Result<(), StorageError> {
        self.is_kept = true;
        self.close();
        self.refusal.as_ref().map_or(Ok(()), |refusal| Err(refusal.share()))
    }

    /// Hands everything to the transaction. The second time there is nothing left.
    fn close(&mut self) {
        let Some(mut record) = self.rows.finish(self.is_kept) else { return };
        if self.cost.values > 0 {
            *self.cost.total += memtable::TABLE_BYTES + self.cost.values * memtable::VALUE_BYTES + self.cost.strings;
        }
        record.append(&self.definitions);
        if self.cost.has_no_room() {
            *self.refusal = Some(StorageError::TooMuchSchema);
        } else if self.is_too_costly() {
            *self.refusal = Some(StorageError::TooMuchMemory { bytes: *self.cost.total, max: self.cost.max });
        }
        if self.is_kept {
            self.written.extend(self.watched.take().into_iter().flatten());
        }
        if record.len() > RECORD_BYTES_MAX {
            *self.refusal = Some(StorageError::TooLarge(record.len()));
        }
        *self.record = record;
    }
}

impl Cost<'_> {
    fn add_schema(&mut self, bytes: usize) {
        *self.total += bytes;
        *self.schema += bytes;
    }

    /// Whether there is no room for the new series, fields and shards.
    fn has_no_room(&self) -> bool {
        *self.schema > self.schema_max
    }
}

impl Drop for ShardWriter<'_> {
    fn drop(&mut self) {
        self.close();
    }
}
