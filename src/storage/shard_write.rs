//! What a shard takes and refuses: the rules of the clauses `write.shard.*`, point by point.
//!
//! Works under the commit lock. New series and fields go into the live schema at once and into a list of definitions for
//! the record; a point that is kept goes straight into the record.

use fluxstone_columns::SeriesId;
use fluxstone_line_protocol::{
    ParsedBody, Point, SpeltSeries, Value, series_key, unescape_field_key, unescape_measurement, unescape_string,
    unescape_tag,
};
use fluxstone_model::{DatabaseId, FieldType, ShardId, Text};
use parking_lot::RwLock;

use super::fields::Field;
use super::live_schema::{KnownSeries, LiveDatabase, LiveShard, MeasurementNumber};
use super::record::{Cell, Entry, FieldId, PointsBuilder, RecordBuilder};
use super::series_index::{SeriesBound, SeriesIndex};
use super::{DropReason, StorageError, WriteOutcome};

/// The name that neither a tag nor a field can have.
const TIME: &[u8] = b"time";

/// The limits that a shard keeps; zero is no limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) series_per_database_max: u64,
    pub(super) values_per_tag_max: u64,
}

/// Where points go.
#[derive(Debug)]
pub(super) struct Target<'t> {
    pub(super) database: DatabaseId,
    pub(super) shard: ShardId,
    pub(super) live: &'t mut LiveDatabase,
    pub(super) index: &'t RwLock<SeriesIndex>,
    pub(super) next_series: &'t mut u64,
    pub(super) limits: Limits,
}

/// What was written: the record with the points added, the definitions of what is new, and what became of the points.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) record: RecordBuilder,
    pub(super) definitions: RecordBuilder,
    /// Measurement and name of each new field, to take them back.
    pub(super) new_fields: Vec<(MeasurementNumber, Text)>,
    pub(super) is_new_shard: bool,
    pub(super) outcome: Result<WriteOutcome, StorageError>,
}

/// A point after the limits were looked at.
enum Resolved<'a> {
    Known(KnownSeries),
    New(SpeltSeries<'a>),
    Dropped,
}

/// Adds those points of `body` that the shard takes to `record`.
pub(super) fn write(target: Target<'_>, body: &ParsedBody<'_>, points: &[u32], record: RecordBuilder) -> Written {
    let is_new_shard = !target.live.shards.contains_key(&target.shard);
    let shard = target.live.shards.remove(&target.shard).unwrap_or_default();
    let rows = record.points(target.database, target.shard);
    let mut write = ShardWrite {
        target,
        shard,
        rows,
        definitions: RecordBuilder::default(),
        new_fields: Vec::new(),
        field_ids: Vec::new(),
        layout: None,
        known: Vec::new(),
        outcome: WriteOutcome::default(),
        is_new_shard,
        is_doomed: false,
    };
    if is_new_shard {
        let entry = Entry::Shard { database: write.target.database, shard: write.target.shard };
        write.definitions.put(&entry);
    }
    // Indexes come from the caller; one that is out of range names no point.
    let points: Vec<&Point<'_>> = points.iter().filter_map(|&at| body.points.get(at as usize)).collect();
    let resolved = write.resolve(&points);
    for (point, series) in points.into_iter().zip(resolved) {
        write.point(body, point, series);
    }
    write.finish()
}

/// What the keys of a point stand for that was kept: the next point mostly has the same.
struct Layout {
    measurement: MeasurementNumber,
    keys_number: u32,
    fields: Vec<Field>,
}

struct ShardWrite<'t> {
    target: Target<'t>,
    shard: LiveShard,
    rows: PointsBuilder,
    definitions: RecordBuilder,
    new_fields: Vec<(MeasurementNumber, Text)>,
    /// The fields of the current point; `None` for `time`.
    field_ids: Vec<Option<FieldId>>,
    layout: Option<Layout>,
    /// The series of the points that are known so far, by their numbers in the body.
    known: Vec<Option<KnownSeries>>,
    outcome: WriteOutcome,
    is_new_shard: bool,
    /// A new field came with two types: series are still registered, nothing else is.
    is_doomed: bool,
}

impl ShardWrite<'_> {
    /// Looks up the series of all points, and checks the number of tag values against what was there before the first.
    fn resolve<'a>(&mut self, points: &[&Point<'a>]) -> Vec<Resolved<'a>> {
        let numbers = points.iter().map(|point| point.series_number as usize + 1).max().unwrap_or(0);
        self.known = vec![None; numbers];
        let mut resolved = Vec::with_capacity(points.len());
        for point in points {
            let number = point.series_number as usize;
            if self.known[number].is_none() {
                self.known[number] = self.target.live.find(point.series);
            }
            let series = match self.known[number] {
                Some(known) => Resolved::Known(known),
                None => self.resolve_unknown(point),
            };
            resolved.push(series);
        }
        resolved
    }

    /// A series whose spelling was not seen lately.
    fn resolve_unknown<'a>(&mut self, point: &Point<'a>) -> Resolved<'a> {
        let spelt = SpeltSeries::new(point.series);
        let index = self.target.index.read();
        if let Some((id, measurement)) = index.find(&spelt) {
            let known = self.target.live.remember(point.series, id, measurement);
            self.known[point.series_number as usize] = Some(known);
            return Resolved::Known(known);
        }
        match tag_over_limit(&spelt, &index, self.target.limits.values_per_tag_max) {
            Some(reason) => {
                drop(index);
                self.drop_point(1, reason);
                Resolved::Dropped
            }
            None => Resolved::New(spelt),
        }
    }

    fn point(&mut self, body: &ParsedBody<'_>, point: &Point<'_>, series: Resolved<'_>) {
        let series = match series {
            Resolved::Dropped => return,
            Resolved::Known(known) => known,
            Resolved::New(spelt) => match self.register(body, point, &spelt) {
                Ok(known) => known,
                Err(reason) => return self.drop_point(1, reason),
            },
        };
        if self.keep_as_before(body, point, series) {
            return;
        }
        if has_only_time(body, point) {
            let measurement = series_key(point.series).measurement;
            return self.drop_point(1, DropReason::TimeField { measurement });
        }
        if !self.is_doomed {
            self.values(body, point, series);
        }
    }

    /// Makes a series known, if names and limits allow it. An earlier point of this request may have made it known, with this
    /// spelling or another.
    fn register(
        &mut self,
        body: &ParsedBody<'_>,
        point: &Point<'_>,
        spelt: &SpeltSeries<'_>,
    ) -> Result<KnownSeries, DropReason> {
        let number = point.series_number as usize;
        if let Some(known) = self.known[number] {
            return Ok(known);
        }
        if spelt.tags.iter().any(|(key, _)| *unescape_tag(key) == *TIME) {
            return Err(DropReason::TimeTag { measurement: spelt.key().measurement });
        }
        if has_only_time(body, point) {
            return Err(DropReason::TimeField { measurement: spelt.key().measurement });
        }
        let mut index = self.target.index.write();
        let (series, max) = (index.len(SeriesBound::ALL) as u64, self.target.limits.series_per_database_max);
        if max > 0 && series >= max && index.find(spelt).is_none() {
            return Err(DropReason::SeriesLimit { series, max });
        }
        let new = SeriesId(*self.target.next_series);
        // Readers share the index, but don't see the series before its record is on disk.
        let Some((id, measurement)) = index.find_or_add(new, spelt) else {
            return Err(DropReason::SeriesLimit { series, max: u64::from(u32::MAX) });
        };
        if id == new {
            *self.target.next_series += 1;
            self.definitions.put(&Entry::Series { database: self.target.database, id, key: &spelt.raw() });
        }
        let known = self.target.live.remember(point.series, id, measurement);
        self.known[number] = Some(known);
        Ok(known)
    }

    /// Checks the types of a point's fields and keeps the point if they are right.
    fn values(&mut self, body: &ParsedBody<'_>, point: &Point<'_>, series: KnownSeries) {
        let fields = body.fields_of(point);
        let mut conflicts = 0;
        self.field_ids.clear();
        for (at, field) in fields.iter().enumerate() {
            let new = field_type(&field.value);
            let (known, _) = self.shard.fields_of(series.measurement);
            let existing = match known.at(at, field.key) {
                Some(existing) => existing,
                None => match self.find_or_add(point, series.measurement, at, field, conflicts > 0) {
                    Found::Time => {
                        self.field_ids.push(None);
                        continue;
                    }
                    // The point is lost already, so its fields from the first conflict on are not registered.
                    Found::NotAdded => continue,
                    Found::Field(existing) => existing,
                },
            };
            if existing.field_type == new {
                self.field_ids.push(Some(existing.id));
                continue;
            }
            if self.is_new_shard {
                self.is_doomed = true;
                return;
            }
            conflicts += 1;
            if self.outcome.reason.is_none() {
                let measurement = series_key(point.series).measurement;
                let field = Text::from(&*unescape_field_key(field.key));
                let existing = existing.field_type;
                self.outcome.reason = Some(DropReason::TypeConflict { measurement, field, new, existing });
            }
        }
        if conflicts > 0 {
            self.outcome.dropped += conflicts;
        } else {
            self.keep(body, point, series.id);
            self.remember_layout(body, point, series);
        }
    }

    /// Keeps a point that has the keys and types of one that was kept before.
    fn keep_as_before(&mut self, body: &ParsedBody<'_>, point: &Point<'_>, series: KnownSeries) -> bool {
        let Some(layout) = &self.layout else { return false };
        let fields = body.fields_of(point);
        let is_known = (layout.measurement, layout.keys_number) == (series.measurement, point.keys_number)
            && fields.iter().zip(&layout.fields).all(|(field, known)| field_type(&field.value) == known.field_type);
        if !is_known || self.is_doomed {
            return false;
        }
        self.rows.begin_row(series.id, point.time, fields.len() as u32);
        for (field, known) in fields.iter().zip(&layout.fields) {
            put_cell(&mut self.rows, known.id, &field.value);
        }
        self.outcome.stored += 1;
        true
    }

    /// Remembers a point that was just kept, unless one of its fields was not.
    fn remember_layout(&mut self, body: &ParsedBody<'_>, point: &Point<'_>, series: KnownSeries) {
        let fields = body.fields_of(point).iter().zip(&self.field_ids);
        let fields = fields.map(|(field, id)| Some(Field { id: (*id)?, field_type: field_type(&field.value) }));
        self.layout = fields.collect::<Option<Vec<Field>>>().map(|fields| Layout {
            measurement: series.measurement,
            keys_number: point.keys_number,
            fields,
        });
    }

    /// The field at place `at` of a point, which becomes known now unless the point `is_lost`.
    fn find_or_add(
        &mut self,
        point: &Point<'_>,
        measurement: MeasurementNumber,
        at: usize,
        field: &fluxstone_line_protocol::Field<'_>,
        is_lost: bool,
    ) -> Found {
        let name = unescape_field_key(field.key);
        if &*name == TIME {
            return Found::Time;
        }
        let (fields, next) = self.shard.fields_of(measurement);
        let known = match fields.find(&name) {
            Some(known) => known,
            None if is_lost => return Found::NotAdded,
            None => {
                let added = fields.add(&name, field_type(&field.value), next);
                self.new_fields.push((measurement, Text::from(&*name)));
                self.definitions.put(&Entry::Field {
                    database: self.target.database,
                    shard: self.target.shard,
                    id: added.id,
                    field_type: added.field_type,
                    measurement: &series_key(point.series).measurement,
                    name: &name,
                });
                added
            }
        };
        fields.remember(at, field.key, known);
        Found::Field(known)
    }

    /// Puts a point into the record.
    fn keep(&mut self, body: &ParsedBody<'_>, point: &Point<'_>, series: SeriesId) {
        let count = self.field_ids.iter().flatten().count() as u32;
        self.rows.begin_row(series, point.time, count);
        for (field, id) in body.fields_of(point).iter().zip(&self.field_ids) {
            if let Some(id) = *id {
                put_cell(&mut self.rows, id, &field.value);
            }
        }
        self.outcome.stored += 1;
    }

    fn drop_point(&mut self, count: u64, reason: DropReason) {
        self.outcome.dropped += count;
        self.outcome.reason.get_or_insert(reason);
    }

    fn finish(self) -> Written {
        let (record, outcome) = if self.is_doomed {
            (self.rows.abandon(), Err(StorageError::TypeConflictInRequest))
        } else {
            (self.rows.finish(), Ok(self.outcome))
        };
        self.target.live.shards.insert(self.target.shard, self.shard);
        let ShardWrite { definitions, new_fields, is_new_shard, .. } = self;
        Written { record, definitions, new_fields, is_new_shard, outcome }
    }
}

/// The first tag of a new series that has too many values already; a limit of zero is none.
fn tag_over_limit(spelt: &SpeltSeries<'_>, index: &SeriesIndex, max: u64) -> Option<DropReason> {
    let measurement = unescape_measurement(spelt.measurement);
    let values = |key: &[u8]| index.tag_values(&measurement, key) as u64;
    if max == 0 || spelt.tags.iter().all(|(key, _)| values(&unescape_tag(key)) < max) {
        return None;
    }
    let key = spelt.key();
    let over = key.tags.iter().find(|(tag, value)| values(tag) >= max && !index.has_tag(&measurement, tag, value));
    over.map(|(tag, value)| DropReason::TagValueLimit {
        measurement: key.measurement.clone(),
        key: tag.clone(),
        value: value.clone(),
        values: values(tag),
        max,
    })
}

/// What a field key stands for.
enum Found {
    Time,
    NotAdded,
    Field(Field),
}

fn put_cell(rows: &mut PointsBuilder, field: FieldId, value: &Value<'_>) {
    match *value {
        Value::Float(value) => rows.cell(field, Cell::Float(value)),
        Value::Integer(value) => rows.cell(field, Cell::Integer(value)),
        Value::String(value) => rows.cell(field, Cell::String(&unescape_string(value))),
        Value::Boolean(value) => rows.cell(field, Cell::Boolean(value)),
    }
}

fn has_only_time(body: &ParsedBody<'_>, point: &Point<'_>) -> bool {
    let fields = body.fields_of(point);
    fields.iter().all(|field| field.key.len() >= TIME.len() && &*unescape_field_key(field.key) == TIME)
}

fn field_type(value: &Value<'_>) -> FieldType {
    match value {
        Value::Float(_) => FieldType::Float,
        Value::Integer(_) => FieldType::Integer,
        Value::String(_) => FieldType::String,
        Value::Boolean(_) => FieldType::Boolean,
    }
}
