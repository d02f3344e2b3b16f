//! Series files: the definitions of series that were new between two checkpoints, immutable.

use std::path::Path;

use super::disk::{Disk, read_all, replace};
use super::error::StorageError;
use super::series_index::SeriesBound;
use super::state::{SealDatabase, State};
use crate::codec::CodecError;
use crate::codec::varint::{Reader, put_bytes, put_varint};
use crate::model::DatabaseId;
use crate::query::SeriesId;

const MAGIC: [u8; 4] = *b"FXSR";
const VERSION: u32 = 1;

/// One file as the checkpoint lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeriesFile {
    /// The number in its name.
    pub(super) number: u64,
    /// The file holds the series with ids from here on ...
    pub(super) first: SeriesId,
    /// ... up to here, this one not included.
    pub(super) end: SeriesId,
}

impl SeriesFile {
    /// The most series that it can hold.
    pub(super) fn span(&self) -> u64 {
        self.end.0 - self.first.0
    }
}

pub(super) fn file_name(number: u64) -> String {
    format!("{PREFIX}{number:020}")
}

/// Begins the names of series files.
pub(super) const PREFIX: &str = "series-";

/// Writes a file.
pub(super) fn write(
    disk: &dyn Disk,
    dir: &Path,
    file: SeriesFile,
    databases: &[SealDatabase],
) -> Result<(), StorageError> {
    let end = SeriesBound(file.end);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    put_varint(&mut bytes, databases.len() as u64);
    for database in databases {
        let index = database.index.read();
        put_varint(&mut bytes, database.id.0);
        put_varint(&mut bytes, index.iter_from(file.first, end).count() as u64);
        let mut before = 0;
        for (id, key) in index.iter_from(file.first, end) {
            put_varint(&mut bytes, id.0 - before);
            put_bytes(&mut bytes, &key);
            before = id.0;
        }
    }
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    let name = file_name(file.number);
    replace(disk, dir, &name, &bytes).map_err(StorageError::io("write", &dir.join(name)))
}

/// Reads a file into the index of `state`.
pub(super) fn read(disk: &dyn Disk, dir: &Path, number: u64, state: &mut State) -> Result<(), StorageError> {
    let path = dir.join(file_name(number));
    let bytes = read_all(disk, &path).map_err(StorageError::io("read", &path))?;
    decode(&bytes, state).map_err(|error| StorageError::damaged(&path, error.to_string()))
}

fn decode(bytes: &[u8], state: &mut State) -> Result<(), CodecError> {
    let (content, crc) = bytes.split_last_chunk::<4>().ok_or(CodecError::Truncated)?;
    let mut reader = Reader::new(content);
    if reader.array()? != MAGIC || u32::from_le_bytes(*crc) != crc32c::crc32c(content) {
        return Err(CodecError::Malformed("the checksum of a series file is wrong"));
    }
    if reader.u32()? != VERSION {
        return Err(CodecError::Malformed("a series file of an unknown version"));
    }
    for _ in 0..reader.varint()? {
        let index = &state.database_mut(DatabaseId(reader.varint()?)).index;
        let mut index = index.write();
        let count = reader.varint()?;
        let mut id = 0_u64;
        for _ in 0..count {
            id = id.wrapping_add(reader.varint()?);
            index.insert(SeriesId(id), reader.bytes()?);
        }
    }
    Ok(())
}
