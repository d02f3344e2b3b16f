//! Series files: immutable files with the keys of the series that were created between two checkpoints.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::Path;

use fluxstone_codec::CodecError;
use fluxstone_codec::strings::decompress;
use fluxstone_codec::varint::{Reader, put_bytes, put_varint};
use fluxstone_columns::SeriesId;
use fluxstone_model::DatabaseId;

use crate::disk::{Disk, read_all, replace};
use crate::error::StorageError;
use crate::state::{SealDatabase, State};

const MAGIC: [u8; 4] = *b"FXSR";
const VERSION: u32 = 1;
pub(crate) const UNKNOWN_VERSION: &str = "unknown series file version";
/// The size of its keys at which a chunk is closed.
const CHUNK_BYTES_MIN: usize = 1 << 20;
/// The maximum size of a chunk: the minimum and one more key. Anything larger is damage.
const CHUNK_BYTES_MAX: usize = 1 << 22;
/// The number of series that are copied from the index while writers wait.
const SERIES_AT_ONCE: usize = 1024;
/// Keys are very similar, which even the fastest level exploits.
const ZSTD_LEVEL: i32 = 1;

/// A file as the checkpoint lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeriesFile {
    /// The number in its name.
    pub(crate) number: u64,
    /// The id of the first series ...
    pub(crate) first: SeriesId,
    /// ... and the id after the last one.
    pub(crate) end: SeriesId,
}

impl SeriesFile {
    /// Returns the maximum number of series that the file can hold.
    pub(crate) fn span(&self) -> u64 {
        self.end.0 - self.first.0
    }
}

pub(crate) fn file_name(number: u64) -> String {
    format!("{PREFIX}{number:020}")
}

/// The prefix of the names of series files.
pub(crate) const PREFIX: &str = "series-";

/// Writes a file with the series of all databases.
pub(crate) fn write(
    disk: &dyn Disk,
    dir: &Path,
    file: SeriesFile,
    databases: &[SealDatabase],
) -> Result<(), StorageError> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    for database in databases {
        let mut chunk = KeyChunk::default();
        let mut next = file.first;
        // A few at a time, so that writers do not wait; and no more than a chunk takes.
        let mut more = ControlFlow::Break(());
        while more.is_break() {
            let mut copied = 0;
            more = database.index.visit_from(next, &mut |id, key| {
                chunk.add(id, key);
                (next, copied) = (SeriesId(id.0 + 1), copied + 1);
                let is_enough = copied == SERIES_AT_ONCE || chunk.keys.len() >= CHUNK_BYTES_MIN;
                if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if chunk.keys.len() >= CHUNK_BYTES_MIN {
                chunk.close(database.id, &mut bytes);
            }
        }
        chunk.close(database.id, &mut bytes);
    }
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    let name = file_name(file.number);
    replace(disk, dir, &name, &bytes).map_err(StorageError::io("write", &dir.join(name)))
}

/// Series of one database that are compressed together.
#[derive(Debug, Default)]
struct KeyChunk {
    count: u64,
    last: u64,
    keys: Vec<u8>,
}

impl KeyChunk {
    fn add(&mut self, id: SeriesId, key: &[u8]) {
        put_varint(&mut self.keys, id.0 - self.last);
        put_bytes(&mut self.keys, key);
        self.last = id.0;
        self.count += 1;
    }

    /// Appends the chunk to `out`, unless it is empty, and starts the next one.
    fn close(&mut self, database: DatabaseId, out: &mut Vec<u8>) {
        let KeyChunk { count, keys, .. } = std::mem::take(self);
        if count == 0 {
            return;
        }
        put_varint(out, database.0);
        put_varint(out, count);
        // Compression in memory does not fail; if it did, uncompressed keys would be just as correct.
        let compressed =
            zstd::bulk::compress(&keys, ZSTD_LEVEL).ok().filter(|compressed| compressed.len() < keys.len());
        put_varint(out, compressed.as_ref().map_or(0, |_| keys.len() as u64));
        put_bytes(out, compressed.as_ref().unwrap_or(&keys));
    }
}

/// Reads a file into the series indexes of `state`.
pub(crate) fn read(disk: &dyn Disk, dir: &Path, number: u64, state: &mut State) -> Result<(), StorageError> {
    let path = dir.join(file_name(number));
    let bytes = match read_all(disk, &path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(StorageError::damaged(&path, "the file is missing"));
        }
        read => read.map_err(StorageError::io("read", &path))?,
    };
    decode(&bytes, state).map_err(|error| StorageError::damaged(&path, error.to_string()))
}

/// Decodes a file into the series indexes of `state`.
pub(crate) fn decode(bytes: &[u8], state: &mut State) -> Result<(), CodecError> {
    let (content, crc) = bytes.split_last_chunk::<4>().ok_or(CodecError::Truncated)?;
    let mut reader = Reader::new(content);
    if reader.array()? != MAGIC || u32::from_le_bytes(*crc) != crc32c::crc32c(content) {
        return Err(CodecError::Malformed("the checksum of a series file is wrong"));
    }
    if reader.u32()? != VERSION {
        return Err(CodecError::Malformed(UNKNOWN_VERSION));
    }
    while !reader.is_empty() {
        let index = &state.database_mut(DatabaseId(reader.varint()?)).index;
        let count = reader.varint()?;
        let plain_len = reader.count(CHUNK_BYTES_MAX)?;
        let mut keys = Cow::Borrowed(reader.bytes()?);
        if plain_len > 0 {
            keys = Cow::Owned(decompress(&keys, plain_len)?);
        }
        let mut keys = Reader::new(&keys);
        let mut index = index.write();
        let mut id = 0_u64;
        for _ in 0..count {
            id = id.wrapping_add(keys.varint()?);
            index.insert(SeriesId(id), keys.bytes()?);
        }
    }
    Ok(())
}
