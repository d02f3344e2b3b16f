//! The expected contents of a store: the executable semantics, for several databases.

use std::collections::BTreeMap;

use fluxstone::line_protocol::{ParsedBody, Precision, parse};
use fluxstone::model::{DatabaseId, ShardId, Timestamp};
use fluxstone_spec::database::Database;

use crate::history::{Change, DATABASES, SHARDS};

/// The expected contents of a store.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    places: Vec<Place>,
    pub(crate) catalog: Vec<u8>,
    last_id: u64,
}

/// The database that is at a position now.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) id: DatabaseId,
    pub(crate) shards: Vec<ShardId>,
    data: Database,
}

impl Model {
    pub(crate) fn new() -> Self {
        let mut model = Model { places: Vec::new(), catalog: Vec::new(), last_id: 0 };
        model.places = (0..DATABASES).map(|_| model.new_place()).collect();
        model
    }

    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn new_place(&mut self) -> Place {
        let shards = (0..SHARDS).map(|_| ShardId(self.new_id())).collect();
        Place { id: DatabaseId(self.new_id()), shards, data: Database::default() }
    }

    pub(crate) fn place(&self, database: usize) -> &Place {
        &self.places[database]
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Write { database, bodies, catalog } => {
                let place = &mut self.places[*database];
                for (shard, text) in bodies {
                    // Refusals are tested elsewhere; here, refused points must only not be stored.
                    let _ = place.data.write(place.shards[*shard], &parsed(text));
                }
                self.catalog.extend(catalog);
            }
            Change::Delete { database, measurement, tag, range } => {
                let data = &mut self.places[*database].data;
                let all = data.series.iter().filter(|series| is_meant(&series.raw, measurement, *tag));
                let series = all.cloned().collect();
                data.delete(&series, *range);
            }
            Change::DropMeasurement { database, measurement } => {
                self.places[*database].data.drop_measurement(measurement.as_bytes());
            }
            Change::DropShards { database, shards, catalog } => {
                for shard in shards {
                    let new = ShardId(self.new_id());
                    let place = &mut self.places[*database];
                    let old = std::mem::replace(&mut place.shards[*shard], new);
                    place.data.drop_shard(old);
                }
                self.catalog.push(*catalog);
            }
            Change::DropDatabase { database } => self.places[*database] = self.new_place(),
        }
    }

    /// Returns the contents as text.
    pub(crate) fn dump(&self) -> Vec<String> {
        let mut lines = vec![format!("catalog {:?}", self.catalog)];
        for (at, place) in self.places.iter().enumerate() {
            lines.extend(place.data.series.iter().map(|series| format!("{at} {}", series.raw)));
            for (shard, id) in place.shards.iter().enumerate() {
                let Some(points) = place.data.shards.get(id) else { continue };
                lines.extend(points.types.iter().map(|((m, f), t)| format!("{at}.{shard} {m}.{f} {t:?}")));
                let mut columns: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
                for point in &points.list {
                    let column = columns.entry((&point.series, &point.field)).or_default();
                    column.insert(point.time.0, &point.value);
                }
                for ((series, field), values) in columns {
                    let values: Vec<String> = values.iter().map(|(time, v)| format!("{time}={v:?}")).collect();
                    lines.push(format!("{at}.{shard} {} {field} {}", series.raw, values.join(" ")));
                }
            }
        }
        lines.sort();
        lines
    }
}

/// Whether a deletion applies to a series.
pub(crate) fn is_meant(raw: &[u8], measurement: &str, tag: Option<&str>) -> bool {
    let key = String::from_utf8_lossy(raw);
    match tag {
        Some(tag) => key == format!("{measurement},t={tag}"),
        None => key.split(',').next() == Some(measurement),
    }
}

pub(crate) fn parsed(text: &str) -> ParsedBody<'_> {
    let body = parse(text.as_bytes(), Precision::Nanosecond, Timestamp(0));
    assert_eq!(body.errors, [], "{text}");
    body
}
