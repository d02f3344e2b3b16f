//! Series files: the definitions of series that were new between two checkpoints, immutable.

use std::borrow::Cow;
use std::path::Path;

use fluxstone_codec::CodecError;
use fluxstone_codec::strings::unpack;
use fluxstone_codec::varint::{Reader, put_bytes, put_varint};
use fluxstone_columns::SeriesId;
use fluxstone_model::DatabaseId;

use super::disk::{Disk, read_all, replace};
use super::error::StorageError;
use super::series_index::SeriesBound;
use super::state::{SealDatabase, State};

const MAGIC: [u8; 4] = *b"FXSR";
const VERSION: u32 = 1;
/// A piece is closed when its keys have this many bytes.
const PIECE_BYTES_MIN: usize = 1 << 20;
/// A piece with more is damage: one key more than the least.
const PIECE_BYTES_MAX: usize = 1 << 22;
/// Keys are much alike; the fastest level finds that.
const ZSTD_LEVEL: i32 = 1;

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
    for database in databases {
        let index = database.index.read();
        let mut piece = Piece::default();
        for (id, key) in index.iter_from(file.first, end) {
            piece.add(id, &key);
            if piece.keys.len() >= PIECE_BYTES_MIN {
                piece.close(database.id, &mut bytes);
            }
        }
        piece.close(database.id, &mut bytes);
    }
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    let name = file_name(file.number);
    replace(disk, dir, &name, &bytes).map_err(StorageError::io("write", &dir.join(name)))
}

/// Series of one database that are compressed together.
#[derive(Debug, Default)]
struct Piece {
    count: u64,
    last: u64,
    keys: Vec<u8>,
}

impl Piece {
    fn add(&mut self, id: SeriesId, key: &[u8]) {
        put_varint(&mut self.keys, id.0 - self.last);
        put_bytes(&mut self.keys, key);
        self.last = id.0;
        self.count += 1;
    }

    /// Appends the piece, unless it is empty, and begins the next one.
    fn close(&mut self, database: DatabaseId, out: &mut Vec<u8>) {
        let Piece { count, keys, .. } = std::mem::take(self);
        if count == 0 {
            return;
        }
        put_varint(out, database.0);
        put_varint(out, count);
        // Compressing into memory does not fail; if it did, keys as they are would be as good.
        let packed = zstd::bulk::compress(&keys, ZSTD_LEVEL).ok().filter(|packed| packed.len() < keys.len());
        put_varint(out, packed.as_ref().map_or(0, |_| keys.len() as u64));
        put_bytes(out, packed.as_ref().unwrap_or(&keys));
    }
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
    while !reader.is_empty() {
        let index = &state.database_mut(DatabaseId(reader.varint()?)).index;
        let count = reader.varint()?;
        let plain_len = reader.count(PIECE_BYTES_MAX)?;
        let mut keys = Cow::Borrowed(reader.bytes()?);
        if plain_len > 0 {
            keys = Cow::Owned(unpack(&keys, plain_len)?);
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
