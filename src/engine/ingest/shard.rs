//! The rules of writing to one shard, point by point.
//!
//! Points are judged one by one in the order of the request, except that tag values are counted before the first point. A
//! point that is dropped for a conflict of types still adds its series, and its fields up to the first conflict. A request
//! that gives a new field two types leaves a new shard without points.

use std::borrow::Cow;

use fluxstone_columns::{PointBatch, PointRow};
use fluxstone_model::escape::{unescape_measurement, unescape_tag};
use fluxstone_model::{FieldType, RawSeriesKey, Scalar, SeriesKey, Text};
use fluxstone_storage::{Field, MeasurementNumber, ResolvedSeries, ShardWriter};

use super::dropped::DropReason;
use super::outcome::{IngestError, WriteLimits, WriteOutcome};

/// The name that neither a tag nor a field can have.
const TIME: &[u8] = b"time";

/// Checks the points of `batch` with the given indexes, all of which belong to the shard of `writer`, and writes those that
/// are allowed.
pub fn write_shard(
    writer: ShardWriter<'_>,
    batch: &PointBatch<'_>,
    points: &[u32],
    limits: WriteLimits,
) -> Result<WriteOutcome, IngestError> {
    write_shard_with(&mut ResolvedBatch::new(batch), writer, batch, points, limits)
}

/// Like [`write_shard`], for one of the shards of a transaction, which share what is `known` of the batch.
pub fn write_shard_with(
    known: &mut ResolvedBatch,
    writer: ShardWriter<'_>,
    batch: &PointBatch<'_>,
    points: &[u32],
    limits: WriteLimits,
) -> Result<WriteOutcome, IngestError> {
    known.begin_shard();
    let mut ingest = ShardIngest {
        writer,
        batch,
        limits,
        known,
        fields: Vec::new(),
        outcome: WriteOutcome::default(),
        has_conflict_in_request: false,
        cache_bytes: 0,
    };
    // Indexes come from the caller; one that is out of range refers to no point.
    let points: Vec<&PointRow> = points.iter().filter_map(|&at| batch.rows().get(at as usize)).collect();
    if limits.values_per_tag_max > 0 {
        let lookups = ingest.look_up(&points);
        for (point, lookup) in points.into_iter().zip(lookups) {
            ingest.point(point, lookup);
        }
    } else {
        ingest.look_up_recent(&points);
        for point in points {
            let known = ingest.known.series[point.series as usize];
            ingest.point(point, known.map_or(SeriesLookup::New, SeriesLookup::Known));
        }
    }
    ingest.finish()
}

/// The result of looking for the series of a point.
#[derive(Debug, Clone, Copy)]
enum SeriesLookup {
    Known(ResolvedSeries),
    /// It is new, or was not written lately.
    New,
    /// It is new, and has a tag with too many values. The point was dropped.
    OverLimit,
}

/// The fields of a point that was kept: those of the next point with this layout, if it is of the same measurement.
#[derive(Debug, Clone)]
struct ResolvedLayout {
    measurement: MeasurementNumber,
    fields: Vec<Field>,
}

/// What is known of a batch: shared by its shards, so that each costs only what its own points cost.
#[derive(Debug)]
pub struct ResolvedBatch {
    /// The series of the batch that are known so far.
    series: Vec<Option<ResolvedSeries>>,
    /// The layouts of the batch that are known so far in the current shard ...
    layouts: Vec<Option<ResolvedLayout>>,
    /// ... and their numbers.
    layouts_known: Vec<u32>,
    /// What the memory of each series was counted for last.
    counted: Vec<Counted>,
    /// The number of the current shard.
    shard: u32,
}

/// The rows of a series whose memory was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    /// The number of the shard; zero before the first.
    shard: u32,
    layout: u32,
    /// Whether there was only one row, of a single number.
    is_single: bool,
}

impl ResolvedBatch {
    /// Nothing is known yet.
    pub fn new(batch: &PointBatch<'_>) -> Self {
        ResolvedBatch {
            series: vec![None; batch.series_count()],
            layouts: vec![None; batch.layout_count()],
            layouts_known: Vec::new(),
            counted: vec![Counted::default(); batch.series_count()],
            shard: 0,
        }
    }

    fn begin_shard(&mut self) {
        for layout in self.layouts_known.drain(..) {
            self.layouts[layout as usize] = None;
        }
        self.shard += 1;
    }
}

struct ShardIngest<'t, 'b> {
    writer: ShardWriter<'t>,
    batch: &'b PointBatch<'b>,
    limits: WriteLimits,
    known: &'t mut ResolvedBatch,
    /// The fields of the current point; `None` for `time`.
    fields: Vec<Option<Field>>,
    outcome: WriteOutcome,
    /// A new field came with two types: from here on only series are added.
    has_conflict_in_request: bool,
    /// The bytes that the values would take in InfluxDB's cache; counted if it is limited.
    cache_bytes: u64,
}

impl ShardIngest<'_, '_> {
    /// Looks up the series of all points, and compares the numbers of tag values before the first point with the limit.
    fn look_up(&mut self, points: &[&PointRow]) -> Vec<SeriesLookup> {
        self.look_up_recent(points);
        points.iter().map(|point| self.look_up_series(point)).collect()
    }

    /// Looks up the series that were written lately. The memory that one look-up waits for is independent of the others, so
    /// many of them wait together.
    fn look_up_recent(&mut self, points: &[&PointRow]) {
        for point in points {
            let known = &mut self.known.series[point.series as usize];
            if known.is_none() {
                *known = self.writer.recent_series(self.batch.series_of(point));
            }
        }
    }

    fn look_up_series(&mut self, point: &PointRow) -> SeriesLookup {
        let number = point.series as usize;
        if let Some(series) = self.known.series[number] {
            return SeriesLookup::Known(series);
        }
        let key = RawSeriesKey::new(self.batch.series_of(point));
        if let Some(series) = self.writer.find_series(&key) {
            self.known.series[number] = Some(series);
            return SeriesLookup::Known(series);
        }
        match self.tag_over_limit(&key) {
            Some(reason) => {
                self.drop_point(point, reason);
                SeriesLookup::OverLimit
            }
            None => SeriesLookup::New,
        }
    }

    /// Returns a refusal for the first tag of a new series that has too many values already.
    fn tag_over_limit(&self, raw: &RawSeriesKey<'_>) -> Option<DropReason> {
        let max = self.limits.values_per_tag_max;
        let measurement = unescape_measurement(raw.measurement);
        let values = |key: &[u8]| self.writer.tag_value_count(&measurement, key);
        if max == 0 || raw.tags.iter().all(|(key, _)| values(&unescape_tag(key)) < max) {
            return None;
        }
        let is_over = |key: &[u8], value: &[u8]| values(key) >= max && !self.writer.has_tag(&measurement, key, value);
        let SeriesKey { measurement: name, tags, .. } = raw.to_key();
        let (key, value) = tags.iter().find(|(key, value)| is_over(key, value))?.clone();
        let values = values(&key);
        Some(DropReason::TagValueLimit { measurement: name, key, value, values, max })
    }

    fn point(&mut self, point: &PointRow, lookup: SeriesLookup) {
        let series = match lookup {
            SeriesLookup::OverLimit => return,
            SeriesLookup::Known(series) => series,
            SeriesLookup::New => match self.add_series(point) {
                Ok(series) => series,
                Err(reason) => return self.drop_point(point, reason),
            },
        };
        if self.keep_like_previous(point, series) {
            return;
        }
        if self.has_only_time(point) {
            let measurement = self.measurement_of(point);
            return self.drop_point(point, DropReason::TimeField { measurement });
        }
        if !self.has_conflict_in_request {
            self.resolve_fields(point, series);
        }
    }

    /// Finds a series or adds it, if names and limits allow it. An earlier point of this request may have added it, with its
    /// tags in this order or another.
    fn add_series(&mut self, point: &PointRow) -> Result<ResolvedSeries, DropReason> {
        let number = point.series as usize;
        if let Some(series) = self.known.series[number] {
            return Ok(series);
        }
        let key = &RawSeriesKey::new(self.batch.series_of(point));
        if key.tags.iter().any(|(key, _)| *unescape_tag(key) == *TIME) {
            return Err(DropReason::TimeTag { measurement: self.measurement_of(point) });
        }
        if self.has_only_time(point) {
            return Err(DropReason::TimeField { measurement: self.measurement_of(point) });
        }
        let max = self.limits.series_per_database_max;
        let count = if max > 0 { self.writer.series_count() } else { 0 };
        let series = if max > 0 && count >= max {
            self.writer.find_series(key).ok_or(DropReason::SeriesLimit { series: count, max })?
        } else {
            let added = self.writer.add_series(key);
            added.ok_or_else(|| DropReason::SeriesLimit {
                series: self.writer.series_count(),
                max: u64::from(u32::MAX),
            })?
        };
        self.known.series[number] = Some(series);
        Ok(series)
    }

    /// Keeps a point that has the layout, measurement and types of one that was kept before.
    fn keep_like_previous(&mut self, point: &PointRow, series: ResolvedSeries) -> bool {
        let Some(Some(layout)) = self.known.layouts.get(point.layout as usize) else { return false };
        let values = self.batch.values_of(point);
        let is_same = layout.measurement == series.measurement()
            && values.iter().zip(&layout.fields).all(|(value, field)| value.field_type() == field.field_type);
        if !is_same || self.has_conflict_in_request {
            return false;
        }
        self.count_memory(point, series);
        let Some(Some(layout)) = self.known.layouts.get(point.layout as usize) else { return false };
        if self.limits.cache_bytes_max > 0 {
            self.cache_bytes += values.iter().map(cache_bytes).sum::<u64>();
        }
        self.writer.begin_row(series, point.time, values.len() as u32);
        for (value, field) in values.iter().zip(&layout.fields) {
            self.writer.put_value(field.id, *value);
        }
        self.outcome.stored += 1;
        true
    }

    /// Resolves the fields of a point, and keeps the point if they have the right types.
    fn resolve_fields(&mut self, point: &PointRow, series: ResolvedSeries) {
        let (keys, values) = (self.batch.keys_of(point), self.batch.values_of(point));
        let mut conflicts = 0;
        self.fields.clear();
        self.writer.expect_fields(series, keys.len());
        for (at, (key, value)) in keys.iter().zip(values).enumerate() {
            let field = match self.writer.field(series, at, key) {
                Some(field) => field,
                None if **key == *TIME => {
                    self.fields.push(None);
                    continue;
                }
                // The point is lost, so its fields from the first conflict on are not added.
                None if conflicts > 0 => continue,
                // The write will be refused.
                None if self.writer.is_too_costly() => return,
                None => self.writer.add_field(series, at, key, value.field_type()),
            };
            if field.field_type == value.field_type() {
                self.fields.push(Some(field));
                continue;
            }
            if conflicts == 0 {
                self.note_conflict(point, key, value.field_type(), field.field_type);
            }
            if self.writer.is_new_shard() {
                self.has_conflict_in_request = true;
                return;
            }
            conflicts += 1;
        }
        if conflicts > 0 {
            self.outcome.dropped += conflicts;
        } else {
            self.keep(point, series, values);
        }
    }

    /// Notes the first field of a point that has another type.
    #[cold]
    fn note_conflict(&mut self, point: &PointRow, key: &[u8], new: FieldType, existing: FieldType) {
        let index = self.index_of(point);
        if !self.outcome.takes(index) {
            return;
        }
        let (measurement, field) = (self.measurement_of(point), Text::from(key));
        let reason = if self.writer.is_new_shard() {
            DropReason::TypeConflictInRequest { measurement, field, new, existing }
        } else {
            DropReason::TypeConflict { measurement, field, new, existing }
        };
        self.outcome.note(index, reason);
    }

    /// Keeps a point whose fields were resolved, and remembers its layout, unless `time` is among its fields.
    fn keep(&mut self, point: &PointRow, series: ResolvedSeries, values: &[Scalar<'_>]) {
        let count = self.fields.iter().flatten().count();
        self.count_memory(point, series);
        self.writer.begin_row(series, point.time, count as u32);
        for (value, field) in values.iter().zip(&self.fields) {
            if let Some(field) = field {
                self.cache_bytes += cache_bytes(value);
                self.writer.put_value(field.id, *value);
            }
        }
        self.outcome.stored += 1;
        if let Some(layout) = self.known.layouts.get_mut(point.layout as usize) {
            let fields = self.fields.iter().copied().collect::<Option<Vec<Field>>>();
            self.known.layouts_known.push(point.layout);
            *layout = fields.map(|fields| ResolvedLayout { measurement: series.measurement(), fields });
        }
    }

    /// Counts the memory of a series at its first row in this shard, and at each row with another layout than before.
    #[inline]
    fn count_memory(&mut self, point: &PointRow, series: ResolvedSeries) {
        let now = Counted { shard: self.known.shard, layout: point.layout, is_single: false };
        if self.known.counted[point.series as usize] != now {
            self.count_series(point, series, now);
        }
    }

    #[cold]
    fn count_series(&mut self, point: &PointRow, series: ResolvedSeries, mut now: Counted) {
        let values = self.batch.values_of(point);
        let before = std::mem::replace(&mut self.known.counted[point.series as usize], now);
        if before.shard == now.shard {
            if before.is_single {
                self.writer.count_second_row();
            }
            if before.layout != now.layout {
                self.writer.count_series(series, values.len().max(2));
            }
        } else if let [Scalar::Float(_) | Scalar::Integer(_) | Scalar::Boolean(_)] = values {
            now.is_single = true;
            self.known.counted[point.series as usize] = now;
            self.writer.count_series(series, 1);
        } else {
            self.writer.count_series(series, values.len().max(2));
        }
    }

    fn has_only_time(&self, point: &PointRow) -> bool {
        self.batch.keys_of(point).iter().all(|key: &Cow<'_, [u8]>| **key == *TIME)
    }

    fn measurement_of(&self, point: &PointRow) -> Text {
        Text::from(&*unescape_measurement(RawSeriesKey::new(self.batch.series_of(point)).measurement))
    }

    #[cold]
    fn drop_point(&mut self, point: &PointRow, reason: DropReason) {
        self.outcome.dropped += 1;
        self.outcome.note(self.index_of(point), reason);
    }

    /// The index of a point of the batch. Its address tells it, so that nothing has to be done for points that are kept.
    fn index_of(&self, point: &PointRow) -> u32 {
        let offset = std::ptr::from_ref(point).addr() - self.batch.rows().as_ptr().addr();
        (offset / size_of::<PointRow>()) as u32
    }

    fn finish(self) -> Result<WriteOutcome, IngestError> {
        if self.has_conflict_in_request {
            // Dropping the writer keeps the new series and fields.
            return Err(IngestError::TypeConflictInRequest(Box::new(self.outcome.first_dropped)));
        }
        let (bytes, max) = (self.cache_bytes, self.limits.cache_bytes_max);
        if max > 0 && bytes > max {
            return Err(IngestError::CacheFull { bytes, max });
        }
        self.writer.keep()?;
        Ok(self.outcome)
    }
}

/// The bytes of a value in InfluxDB's cache, with its time.
fn cache_bytes(value: &Scalar<'_>) -> u64 {
    match value {
        Scalar::Float(_) | Scalar::Integer(_) => 16,
        Scalar::Boolean(_) => 9,
        Scalar::String(text) => 8 + text.len() as u64,
    }
}
