//! What is lost with a damaged file: which databases, series and times.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_codec::CodecError;
use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, ShardId, TimeRange};

use super::report::Loss;
use super::survey::{BadSegment, Survey};
use crate::error::StorageError;
use crate::record::{Entries, Entry, FieldId};
use crate::sealing::checkpoint::{Checkpoint, segment_name};
use crate::sealing::series_file::SeriesFile;
use crate::segment::salvage::{SERIES_NAMED_MAX, salvage};
use crate::series_index::{SeriesBound, View};
use crate::state::State;

/// Adds up losses for each database and shard.
#[derive(Default)]
struct Tally {
    losses: BTreeMap<(DatabaseId, Option<ShardId>), Loss>,
    counted: BTreeSet<(DatabaseId, SeriesId)>,
}

impl Tally {
    fn add(
        &mut self,
        place: (DatabaseId, Option<ShardId>),
        series: SeriesId,
        range: TimeRange,
        values: u64,
    ) -> &mut Loss {
        let (database, shard) = place;
        let loss = self.losses.entry(place).or_insert_with(|| Loss {
            database,
            shard,
            values: 0,
            may_be_more: false,
            range: None,
            series: Vec::new(),
            series_count: 0,
        });
        loss.values += values;
        let all = loss.range.unwrap_or(range);
        loss.range = Some(TimeRange { min: all.min.min(range.min), max: all.max.max(range.max) });
        loss.series_count += u64::from(self.counted.insert((database, series)));
        loss
    }

    fn into_losses(self) -> Vec<Loss> {
        self.losses.into_values().collect()
    }
}

/// Adds the name of a series, unless there are enough.
fn name(loss: &mut Loss, series: impl FnOnce() -> Option<String>) {
    if loss.series.len() < SERIES_NAMED_MAX
        && let Some(series) = series()
        && !loss.series.contains(&series)
    {
        loss.series.push(series);
    }
}

/// Returns the key of a series, if it is known.
fn key_of(state: &State, database: DatabaseId, id: SeriesId) -> Option<String> {
    let index = state.database(database)?.index.read();
    let key = index.iter_from(id, View { bound: SeriesBound(SeriesId(id.0.saturating_add(1))), ..View::ALL }).next();
    key.map(|(_, key)| String::from_utf8_lossy(&key).into_owned())
}

/// What is lost with a segment file. `state` knows the series.
pub(super) fn of_segment(segment: &BadSegment, state: &State) -> Vec<Loss> {
    let lost = &segment.findings.lost;
    if !lost.is_any() {
        return Vec::new();
    }
    let (database, shard) = segment.of_shard;
    let unknown = |id: &SeriesId| format!("number {}", id.0);
    let series = lost.series.iter().map(|id| key_of(state, database, *id).unwrap_or_else(|| unknown(id)));
    vec![Loss {
        database,
        shard: Some(shard),
        values: lost.values,
        may_be_more: lost.more,
        range: lost.range,
        series: series.collect(),
        series_count: lost.series_count,
    }]
}

/// What is lost with the keys of a series file: the values of `checkpoint` whose series are in it and nowhere else.
pub(super) fn of_series(
    survey: &Survey<'_>,
    checkpoint: &Checkpoint,
    file: SeriesFile,
) -> Result<Vec<Loss>, StorageError> {
    let mut tally = Tally::default();
    for shard in &checkpoint.shards {
        let fields =
            shard.fields.iter().flat_map(|(measurement, fields)| fields.iter().map(move |(_, f)| (f.id, measurement)));
        let measurements: BTreeMap<FieldId, _> = fields.collect();
        for number in &shard.segments {
            let path = survey.path(&segment_name(*number));
            let of_shard = (shard.database, shard.shard);
            salvage(survey.disk, &path, of_shard, checkpoint.position, &mut |entry, _| {
                if (file.first..file.end).contains(&entry.series) {
                    let summary = entry.summary;
                    let place = (shard.database, None);
                    let loss = tally.add(place, entry.series, summary.range, u64::from(summary.count));
                    name(loss, || measurements.get(&entry.field).map(|m| format!("{m}, with tags that are lost")));
                }
                Ok(())
            })?;
        }
    }
    Ok(tally.into_losses())
}

/// Collects what is lost with records of the log.
pub(super) struct LogLoss<'s> {
    state: &'s State,
    tally: Tally,
    keys: BTreeMap<(DatabaseId, SeriesId), String>,
}

impl<'s> LogLoss<'s> {
    /// `state` knows the series that were created before.
    pub(super) fn new(state: &'s State) -> Self {
        LogLoss { state, tally: Tally::default(), keys: BTreeMap::new() }
    }

    /// Adds a record. One that cannot be decoded adds nothing.
    pub(super) fn add(&mut self, record: &[u8]) {
        for entry in Entries::new(record) {
            if entry.and_then(|entry| self.add_entry(entry)).is_err() {
                break;
            }
        }
    }

    fn add_entry(&mut self, entry: Entry<'_>) -> Result<(), CodecError> {
        match entry {
            Entry::Series { database, id, key } => {
                self.keys.insert((database, id), String::from_utf8_lossy(key).into_owned());
            }
            Entry::Points { database, mut rows, .. } => {
                while let Some(row) = rows.next_row()? {
                    for _ in 0..row.fields {
                        rows.next_value()?;
                    }
                    let range = TimeRange { min: row.time, max: row.time };
                    let loss = self.tally.add((database, None), row.series, range, u64::from(row.fields));
                    name(loss, || {
                        let new = self.keys.get(&(database, row.series)).cloned();
                        new.or_else(|| key_of(self.state, database, row.series))
                    });
                }
            }
            Entry::Catalog(_)
            | Entry::Shard { .. }
            | Entry::Field { .. }
            | Entry::Delete { .. }
            | Entry::RemoveSeries { .. }
            | Entry::DropMeasurement { .. }
            | Entry::DropShards { .. }
            | Entry::DropDatabase { .. } => {}
        }
        Ok(())
    }

    pub(super) fn into_losses(self) -> Vec<Loss> {
        self.tally.into_losses()
    }
}
