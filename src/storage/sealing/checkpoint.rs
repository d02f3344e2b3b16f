//! The checkpoint: the state of the store when everything before one log position had been sealed. Opening a store reads the
//! checkpoint and replays the log from that position.
//!
//! Invariant: every other file of the data directory counts only if a checkpoint lists it. The files of checkpoints, and how they
//! replace each other, are left to `generations`.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use fluxstone_codec::CodecError;
use fluxstone_codec::varint::{Reader, put_bytes, put_signed, put_varint};
use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, FieldType, ShardId, TimeRange, Timestamp};

use crate::catalog_bytes::CatalogBytes;
use crate::disk::{Disk, read_all};
use crate::error::StorageError;
use crate::fields::{Field, FieldTable};
use crate::options::StoreOptions;
use crate::record::FieldId;
use crate::sealing::series_file::{self, SeriesFile};
use crate::segment::{Segment, SegmentCache, SegmentError, UNKNOWN_SEGMENT_VERSION};
use crate::series_index::SeriesBound;
use crate::state::{SegmentFile, State, Tombstone};
use crate::store_id::StoreId;

const MAGIC: [u8; 4] = *b"FXCP";
/// The version of files without the id of the store, which are read but no longer written.
const VERSION_WITHOUT_ID: u32 = 1;
/// The current version of the format.
const VERSION: u32 = 2;

const UNKNOWN_VERSION: &str = "unknown checkpoint version";

/// The prefix of the names of segment files.
pub(crate) const SEGMENT_PREFIX: &str = "segment-";

pub(crate) fn segment_name(number: u64) -> String {
    format!("{SEGMENT_PREFIX}{number:020}")
}

/// The contents of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checkpoint {
    /// The store that it belongs to; `None` in version 1.
    pub(crate) store: Option<StoreId>,
    /// The position of the first record that is not covered.
    pub(crate) position: u64,
    pub(crate) next_series: u64,
    /// The number of the next segment or series file.
    pub(crate) next_file: u64,
    pub(crate) catalog: CatalogBytes,
    pub(crate) series_files: Vec<SeriesFile>,
    pub(crate) shards: Vec<CheckpointShard>,
}

/// One shard of a checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct CheckpointShard {
    pub(crate) database: DatabaseId,
    pub(crate) shard: ShardId,
    pub(crate) fields: Arc<FieldTable>,
    /// The numbers of its segment files, oldest first.
    pub(crate) segments: Vec<u64>,
    pub(crate) tombstones: Arc<Vec<Tombstone>>,
}

impl Checkpoint {
    /// The checkpoint of a new store.
    pub(crate) fn empty() -> Self {
        Checkpoint { position: 1, next_series: 1, next_file: 1, ..Checkpoint::default() }
    }

    /// Reads a checkpoint. Returns `None` if there is no such file.
    pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Checkpoint>, StorageError> {
        let bytes = match read_all(disk, path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(StorageError::io("read", path))?,
        };
        let decoded = Checkpoint::decode(&bytes);
        decoded.map(Some).map_err(|error| StorageError::damaged(path, error.to_string()))
    }

    /// Loads the state as of the checkpoint, opening the files that it lists.
    pub(crate) fn load(
        &self,
        disk: &dyn Disk,
        dir: &Path,
        cache: &Arc<SegmentCache>,
        damaged_segments: DamagedSegments,
    ) -> Result<State, StorageError> {
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
                let of_shard = (shard.database, shard.shard);
                let segment = match open_segment(disk, &path, of_shard, cache) {
                    Err(StorageError::Damaged { problem, .. })
                        if damaged_segments == DamagedSegments::LeaveOut && !is_of_later_version(&problem) =>
                    {
                        Segment::left_out(disk, &path, of_shard, &problem, cache.clone())
                    }
                    opened => opened?,
                };
                target.segments.push(SegmentFile { number, segment: Arc::new(segment) });
            }
        }
        Ok(state)
    }

    /// Returns the names of all files that the checkpoint lists.
    pub(crate) fn files(&self) -> impl Iterator<Item = String> {
        let segments = self.shards.iter().flat_map(|shard| &shard.segments);
        segments
            .map(|number| segment_name(*number))
            .chain(self.series_files.iter().map(|file| series_file::file_name(file.number)))
    }

    /// Encodes the checkpoint: magic, version, id of the store, contents, CRC-32C of all these.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let version = if self.store.is_some() { VERSION } else { VERSION_WITHOUT_ID };
        out.extend_from_slice(&version.to_le_bytes());
        if let Some(StoreId(id)) = self.store {
            out.extend_from_slice(&id);
        }
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

    pub(crate) fn decode(bytes: &[u8]) -> Result<Checkpoint, CodecError> {
        let (content, crc) = bytes.split_last_chunk::<4>().ok_or(CodecError::Truncated)?;
        let mut reader = Reader::new(content);
        if reader.array()? != MAGIC || u32::from_le_bytes(*crc) != crc32c::crc32c(content) {
            return Err(CodecError::Malformed("the checksum of the checkpoint is wrong"));
        }
        let store = match reader.u32()? {
            VERSION_WITHOUT_ID => None,
            VERSION => Some(StoreId(reader.array()?)),
            _ => return Err(CodecError::Malformed(UNKNOWN_VERSION)),
        };
        let (position, next_series, next_file) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let base = if reader.u8()? == 1 { Some(Arc::from(reader.bytes()?)) } else { None };
        let mut checkpoint = Checkpoint { store, position, next_series, next_file, ..Checkpoint::default() };
        checkpoint.catalog.base = base;
        for _ in 0..reader.varint()? {
            checkpoint.catalog.changes.push(Arc::from(reader.bytes()?));
        }
        for _ in 0..reader.varint()? {
            let (number, first, end) = (reader.varint()?, reader.varint()?, reader.varint()?);
            if first > end || end > next_series {
                return Err(CodecError::Malformed("a series file has an impossible range"));
            }
            checkpoint.series_files.push(SeriesFile { number, first: SeriesId(first), end: SeriesId(end) });
        }
        for _ in 0..reader.varint()? {
            checkpoint.shards.push(CheckpointShard::take(&mut reader)?);
        }
        if reader.is_empty() { Ok(checkpoint) } else { Err(CodecError::Malformed("bytes follow the checkpoint")) }
    }
}

/// Whether the problem of a file is that a later version of the server wrote it, which is not damage.
pub(crate) fn is_of_later_version(problem: &str) -> bool {
    let unknown = [UNKNOWN_VERSION, series_file::UNKNOWN_VERSION, UNKNOWN_SEGMENT_VERSION];
    unknown.iter().any(|text| problem.ends_with(text))
}

/// What to do about segment files that are missing or cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DamagedSegments {
    /// Fail.
    Refuse,
    /// Go on without their values: what needs these fails.
    LeaveOut,
}

impl DamagedSegments {
    /// What the options of a store say.
    pub(crate) fn of(options: &StoreOptions) -> DamagedSegments {
        if options.start_without_damaged_segments { DamagedSegments::LeaveOut } else { DamagedSegments::Refuse }
    }
}

/// Opens a segment file of a shard.
pub(crate) fn open_segment(
    disk: &dyn Disk,
    path: &Path,
    (database, shard): (DatabaseId, ShardId),
    cache: &Arc<SegmentCache>,
) -> Result<Segment, StorageError> {
    let segment = Segment::open(disk, path, cache.clone()).map_err(|error| open_error(path, error))?;
    let header = segment.header();
    if (header.database, header.shard) == (database, shard) {
        Ok(segment)
    } else {
        Err(StorageError::damaged(path, "the file belongs to another shard"))
    }
}

/// Tells a damaged or missing segment file from one that cannot be read at the moment.
fn open_error(path: &Path, error: SegmentError) -> StorageError {
    match error {
        SegmentError::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
            StorageError::damaged(path, "the file is missing")
        }
        SegmentError::Io { source, .. } if source.kind() != ErrorKind::UnexpectedEof => {
            StorageError::io("read", path)(source)
        }
        error => StorageError::damaged(path, error.to_string()),
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
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
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
        let id32 = |id: u64| u32::try_from(id).map_err(|_| CodecError::Malformed("a field id is too large"));
        let (database, shard) = (DatabaseId(reader.varint()?), ShardId(reader.varint()?));
        let mut fields = FieldTable::with_next(id32(reader.varint()?)?);
        for _ in 0..reader.varint()? {
            let measurement = reader.bytes()?;
            for _ in 0..reader.varint()? {
                let name = reader.bytes()?;
                let id = FieldId(id32(reader.varint()?)?);
                let field_type = FieldType::from_tag(reader.u8()?);
                let field_type = field_type.ok_or(CodecError::Malformed("unknown field type"))?;
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
