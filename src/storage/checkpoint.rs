//! The checkpoint: what was known when everything before one log position was sealed. Opening a store reads it and replays
//! the log from that position on.
//!
//! The file is replaced at once or not at all. Every other file of the data directory counts only if it is listed in it.

use std::path::Path;
use std::sync::Arc;

use fluxstone_codec::CodecError;
use fluxstone_codec::varint::{Reader, put_bytes, put_signed, put_varint};
use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, FieldType, ShardId, TimeRange, Timestamp};

use super::disk::{Disk, read_all, replace};
use super::error::StorageError;
use super::fields::{Field, FieldTable};
use super::record::FieldId;
use super::segment::{Segment, SegmentCache};
use super::series_file::{self, SeriesFile};
use super::series_index::SeriesBound;
use super::state::{CatalogBytes, SegmentFile, State, Tombstone};

const FILE: &str = "checkpoint";
const MAGIC: [u8; 4] = *b"FXCP";
const VERSION: u32 = 1;

/// Begins the names of segment files.
pub(super) const SEGMENT_PREFIX: &str = "segment-";

pub(super) fn segment_name(number: u64) -> String {
    format!("{SEGMENT_PREFIX}{number:020}")
}

/// What the file holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Checkpoint {
    /// The position of the first record that is not covered.
    pub(super) position: u64,
    pub(super) next_series: u64,
    /// The number of the next segment or series file.
    pub(super) next_file: u64,
    pub(super) catalog: CatalogBytes,
    pub(super) series_files: Vec<SeriesFile>,
    pub(super) shards: Vec<CheckpointShard>,
}

/// One shard.
#[derive(Debug, Clone)]
pub(super) struct CheckpointShard {
    pub(super) database: DatabaseId,
    pub(super) shard: ShardId,
    pub(super) fields: Arc<FieldTable>,
    /// The numbers of its segment files, oldest first.
    pub(super) segments: Vec<u64>,
    pub(super) tombstones: Arc<Vec<Tombstone>>,
}

impl Checkpoint {
    /// What is known before there is any: nothing.
    pub(super) fn empty() -> Self {
        Checkpoint { position: 1, next_series: 1, next_file: 1, ..Checkpoint::default() }
    }

    /// Reads the checkpoint of a directory; `None` if there never was one.
    pub(super) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Checkpoint>, StorageError> {
        let path = dir.join(FILE);
        let names = disk.list(dir).map_err(StorageError::io("list", dir))?;
        if !names.iter().any(|name| name == FILE) {
            return Ok(None);
        }
        let bytes = read_all(disk, &path).map_err(StorageError::io("read", &path))?;
        let decoded = Checkpoint::decode(&bytes);
        decoded.map(Some).map_err(|error| StorageError::damaged(&path, error.to_string()))
    }

    /// Replaces the checkpoint of a directory.
    pub(super) fn write(&self, disk: &dyn Disk, dir: &Path) -> Result<(), StorageError> {
        replace(disk, dir, FILE, &self.encode()).map_err(StorageError::io("write", &dir.join(FILE)))
    }

    /// The state as of the checkpoint, with the files it lists.
    pub(super) fn load(&self, disk: &dyn Disk, dir: &Path, cache: &Arc<SegmentCache>) -> Result<State, StorageError> {
        let mut state = State::new();
        state.position = self.position;
        state.series_bound = SeriesBound(SeriesId(self.next_series));
        state.catalog = self.catalog.clone();
        for file in &self.series_files {
            series_file::read(disk, dir, file.number, &mut state)?;
        }
        for shard in &self.shards {
            let target = state.database_mut(shard.database).shard_mut(shard.shard);
            target.fields = shard.fields.clone();
            target.tombstones = shard.tombstones.clone();
            for &number in &shard.segments {
                let path = dir.join(segment_name(number));
                let segment = Segment::open(disk, &path, cache.clone())
                    .map_err(|error| StorageError::damaged(&path, error.to_string()))?;
                let header = segment.header();
                if (header.database, header.shard) != (shard.database, shard.shard) {
                    return Err(StorageError::damaged(&path, "the file belongs to another shard"));
                }
                target.segments.push(SegmentFile { number, segment: Arc::new(segment) });
            }
        }
        Ok(state)
    }

    /// The names of the files that count.
    pub(super) fn files(&self) -> impl Iterator<Item = String> {
        let segments = self.shards.iter().flat_map(|shard| &shard.segments);
        segments
            .map(|number| segment_name(*number))
            .chain(self.series_files.iter().map(|file| series_file::file_name(file.number)))
    }

    /// Magic, version, contents, CRC-32C of all these.
    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        for number in [self.position, self.next_series, self.next_file] {
            put_varint(&mut out, number);
        }
        out.push(u8::from(self.catalog.base.is_some()));
        if let Some(bytes) = &self.catalog.base {
            put_bytes(&mut out, bytes);
        }
        put_varint(&mut out, self.catalog.changes.len() as u64);
        for change in &self.catalog.changes {
            put_bytes(&mut out, change);
        }
        put_varint(&mut out, self.series_files.len() as u64);
        for file in &self.series_files {
            put_varint(&mut out, file.number);
            put_varint(&mut out, file.first.0);
            put_varint(&mut out, file.end.0);
        }
        put_varint(&mut out, self.shards.len() as u64);
        for shard in &self.shards {
            shard.put(&mut out);
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Result<Checkpoint, CodecError> {
        let (content, crc) = bytes.split_last_chunk::<4>().ok_or(CodecError::Truncated)?;
        let mut reader = Reader::new(content);
        if reader.array()? != MAGIC || u32::from_le_bytes(*crc) != crc32c::crc32c(content) {
            return Err(CodecError::Malformed("the checksum of the checkpoint is wrong"));
        }
        if reader.u32()? != VERSION {
            return Err(CodecError::Malformed("a checkpoint of an unknown version"));
        }
        let (position, next_series, next_file) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let base = if reader.u8()? == 1 { Some(Arc::from(reader.bytes()?)) } else { None };
        let mut checkpoint = Checkpoint { position, next_series, next_file, ..Checkpoint::default() };
        checkpoint.catalog.base = base;
        for _ in 0..reader.varint()? {
            checkpoint.catalog.changes.push(Arc::from(reader.bytes()?));
        }
        for _ in 0..reader.varint()? {
            let (number, first, end) = (reader.varint()?, reader.varint()?, reader.varint()?);
            if first > end || end > next_series {
                return Err(CodecError::Malformed("a series file with an impossible range"));
            }
            checkpoint.series_files.push(SeriesFile { number, first: SeriesId(first), end: SeriesId(end) });
        }
        for _ in 0..reader.varint()? {
            checkpoint.shards.push(CheckpointShard::take(&mut reader)?);
        }
        if reader.is_empty() { Ok(checkpoint) } else { Err(CodecError::Malformed("bytes follow the checkpoint")) }
    }
}

impl CheckpointShard {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.database.0);
        put_varint(out, self.shard.0);
        put_varint(out, u64::from(self.fields.next()));
        put_varint(out, self.fields.len() as u64);
        for (measurement, fields) in self.fields.iter() {
            put_bytes(out, measurement);
            put_varint(out, fields.len() as u64);
            for (name, field) in fields {
                put_bytes(out, name);
                put_varint(out, u64::from(field.id.0));
                out.push(field.field_type as u8);
            }
        }
        put_varint(out, self.segments.len() as u64);
        for number in &self.segments {
            put_varint(out, *number);
        }
        put_varint(out, self.tombstones.len() as u64);
        for tombstone in self.tombstones.iter() {
            put_varint(out, tombstone.position);
            put_signed(out, tombstone.range.min.0);
            put_signed(out, tombstone.range.max.0);
            put_varint(out, tombstone.series.len() as u64);
            for series in &*tombstone.series {
                put_varint(out, series.0);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let id32 = |id: u64| u32::try_from(id).map_err(|_| CodecError::Malformed("a field id is too great"));
        let (database, shard) = (DatabaseId(reader.varint()?), ShardId(reader.varint()?));
        let mut fields = FieldTable::with_next(id32(reader.varint()?)?);
        for _ in 0..reader.varint()? {
            let measurement = reader.bytes()?;
            for _ in 0..reader.varint()? {
                let name = reader.bytes()?;
                let id = FieldId(id32(reader.varint()?)?);
                let field_type = FieldType::from_tag(reader.u8()?);
                let field_type = field_type.ok_or(CodecError::Malformed("an unknown field type"))?;
                fields.insert(measurement, name, Field { id, field_type });
            }
        }
        let mut segments = Vec::new();
        for _ in 0..reader.varint()? {
            segments.push(reader.varint()?);
        }
        let mut tombstones = Vec::new();
        for _ in 0..reader.varint()? {
            let position = reader.varint()?;
            let range = TimeRange { min: Timestamp(reader.signed()?), max: Timestamp(reader.signed()?) };
            let mut series = Vec::new();
            for _ in 0..reader.varint()? {
                series.push(SeriesId(reader.varint()?));
            }
            tombstones.push(Tombstone { position, range, series: series.into() });
        }
        Ok(CheckpointShard { database, shard, fields: Arc::new(fields), segments, tombstones: Arc::new(tombstones) })
    }
}
