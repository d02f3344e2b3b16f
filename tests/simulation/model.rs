//! The expected contents of a store, according to the executable semantics, for several databases.

use std::collections::BTreeMap;

use fluxstone::line_protocol::{ParsedBody, Precision, parse};
use fluxstone::model::{DatabaseId, ShardId, Timestamp};
use fluxstone_spec::database::Database;

use crate::history::{Change, DATABASES, SHARDS};

/// The expected contents of a store.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    slots: Vec<Slot>,
    pub(crate) catalog: Vec<u8>,
    last_id: u64,
}

/// A slot for a database. When the database is dropped, a new one takes its slot.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) id: DatabaseId,
    pub(crate) shards: Vec<ShardId>,
    data: Database,
}

impl Model {
    pub(crate) fn new() -> Self {
        let mut model = Model { slots: Vec::new(), catalog: Vec::new(), last_id: 0 };
        model.slots = (0..DATABASES).map(|_| model.new_slot()).collect();
        model
    }

    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn new_slot(&mut self) -> Slot {
        let shards = (0..SHARDS).map(|_| ShardId(self.new_id())).collect();
        Slot { id: DatabaseId(self.new_id()), shards, data: Database::default() }
    }

    pub(crate) fn slot(&self, database: usize) -> &Slot {
        &self.slots[database]
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Write { database, bodies, catalog } => {
                let slot = &mut self.slots[*database];
                for (shard, text) in bodies {
                    // Refusals are tested elsewhere. Here it only matters that nothing refused is stored.
                    let _ = slot.data.write(slot.shards[*shard], &parsed(text));
                }
                self.catalog.extend(catalog);
            }
            Change::Delete { database, measurement, tag, range } => {
                let data = &mut self.slots[*database].data;
                let all = data.series.iter().filter(|series| is_meant(&series.raw, measurement, *tag));
                let series = all.cloned().collect();
                data.delete(&series, *range);
            }
            Change::DropMeasurement { database, measurement } => {
                self.slots[*database].data.drop_measurement(measurement.as_bytes());
            }
            Change::DropShards { database, shards, catalog } => {
                for shard in shards {
                    let new = ShardId(self.new_id());
                    let slot = &mut self.slots[*database];
                    let old = std::mem::replace(&mut slot.shards[*shard], new);
                    slot.data.drop_shard(old);
                }
                self.catalog.push(*catalog);
            }
            Change::DropDatabase { database } => self.slots[*database] = self.new_slot(),
        }
    }

    /// Returns all contents as text.
    pub(crate) fn dump(&self) -> Vec<String> {
        let mut lines = vec![format!("catalog {:?}", self.catalog)];
        for (at, slot) in self.slots.iter().enumerate() {
            lines.extend(slot.data.series.iter().map(|series| format!("{at} {}", series.raw)));
            for (shard, id) in slot.shards.iter().enumerate() {
                let Some(points) = slot.data.shards.get(id) else { continue };
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
