//! The series that were written lately, by their raw keys as written: one look-up gives the series of a point.
//!
//! Keys are stored one after another in large pieces of memory, and the table holds only their positions: a series costs its
//! key and about 36 bytes. Memory is bounded: when the younger of two generations is full it replaces the older, and keys
//! that were not looked up in the meantime are forgotten. The series index finds them again, more slowly.

use fluxstone_columns::SeriesId;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::stored_hash::StoredHash;

/// The most bytes of a generation.
const GENERATION_BYTES_MAX: usize = 96 << 20;
/// The bytes of a piece of memory, unless a key needs more.
const PIECE_BYTES: usize = 1 << 20;
/// The bytes before each key: its length and the series.
const HEAD_BYTES: usize = 16;

/// A series that has an id, with its measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolvedSeries {
    pub(super) id: SeriesId,
    pub(super) measurement: MeasurementNumber,
}

impl ResolvedSeries {
    /// The number of its measurement.
    pub fn measurement(self) -> MeasurementNumber {
        self.measurement
    }
}

/// Identifies a measurement while a store is open; cheaper to compare and to hash than its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeasurementNumber(pub(super) u32);

/// Series by their raw keys.
#[derive(Debug, Default)]
pub(super) struct RecentSeries {
    hasher: DefaultHashBuilder,
    young: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    table: HashTable<Position>,
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

/// The position of a key: the number of the piece and the offset in it. And its hash.
#[derive(Debug, Clone, Copy)]
struct Position {
    piece: u16,
    offset: u32,
    hash: StoredHash,
}

impl RecentSeries {
    /// Returns the series with this raw key.
    #[inline]
    pub(super) fn find(&mut self, raw: &[u8]) -> Option<ResolvedSeries> {
        let hash = StoredHash::of(&self.hasher, raw);
        if let Some(series) = self.young.find(hash, raw) {
            return Some(series);
        }
        let series = self.old.find(hash, raw)?;
        self.insert_hashed(raw, hash, series);
        Some(series)
    }

    /// Adds a raw key that is not in the table.
    pub(super) fn insert(&mut self, raw: &[u8], series: ResolvedSeries) {
        self.insert_hashed(raw, StoredHash::of(&self.hasher, raw), series);
    }

    fn insert_hashed(&mut self, raw: &[u8], hash: StoredHash, series: ResolvedSeries) {
        let Ok(length) = u32::try_from(raw.len()) else { return };
        if self.young.bytes + raw.len() + HEAD_BYTES > GENERATION_BYTES_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(raw, length, hash, series);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = RecentSeries::default();
    }
}

impl Generation {
    fn find(&self, hash: StoredHash, raw: &[u8]) -> Option<ResolvedSeries> {
        let is_it = |position: &Position| position.hash == hash && key_at(&self.pieces, *position) == raw;
        self.table.find(hash.whole(), is_it).map(|position| series_at(&self.pieces, *position))
    }

    fn insert(&mut self, raw: &[u8], length: u32, hash: StoredHash, series: ResolvedSeries) {
        let bytes = HEAD_BYTES + raw.len();
        let has_space = |piece: &Vec<u8>| piece.capacity() - piece.len() >= bytes;
        if !self.pieces.last().is_some_and(has_space) {
            self.pieces.push(Vec::with_capacity(PIECE_BYTES.max(bytes)));
        }
        // A generation has at most some hundred pieces, and a piece is not larger than 1 MiB and the longest key.
        let piece_number = (self.pieces.len() - 1) as u16;
        let Some(piece) = self.pieces.last_mut() else { return };
        let position = Position { piece: piece_number, offset: piece.len() as u32, hash };
        piece.extend_from_slice(&length.to_le_bytes());
        piece.extend_from_slice(&series.measurement.0.to_le_bytes());
        piece.extend_from_slice(&series.id.0.to_le_bytes());
        piece.extend_from_slice(raw);
        self.bytes += bytes;
        self.table.insert_unique(hash.whole(), position, |position| position.hash.whole());
    }
}

fn key_at(pieces: &[Vec<u8>], position: Position) -> &[u8] {
    let entry = &pieces[position.piece as usize][position.offset as usize..];
    let (head, rest) = entry.split_at(HEAD_BYTES);
    &rest[..u32_at(head, 0) as usize]
}

fn series_at(pieces: &[Vec<u8>], position: Position) -> ResolvedSeries {
    let head = &pieces[position.piece as usize][position.offset as usize..];
    let id = u64::from(u32_at(head, 8)) | u64::from(u32_at(head, 12)) << 32;
    ResolvedSeries { id: SeriesId(id), measurement: MeasurementNumber(u32_at(head, 4)) }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(number: u64) -> ResolvedSeries {
        ResolvedSeries { id: SeriesId(number << 30), measurement: MeasurementNumber(number as u32 % 7) }
    }

    #[test]
    fn each_raw_key_gives_its_series() {
        let mut recent = RecentSeries::default();
        let text = |number: u64| format!("cpu,host=host_{number},tag={}", "x".repeat(number as usize % 50));
        for number in 0..50_000 {
            assert!(recent.find(text(number).as_bytes()).is_none());
            recent.insert(text(number).as_bytes(), series(number));
        }
        for number in 0..50_000 {
            let found = recent.find(text(number).as_bytes()).unwrap();
            assert_eq!((found.id, found.measurement), (series(number).id, series(number).measurement));
        }
        recent.clear();
        assert!(recent.find(text(1).as_bytes()).is_none());
    }

    #[test]
    fn memory_is_bounded_and_keys_that_are_looked_up_are_kept() {
        let mut recent = RecentSeries::default();
        recent.insert(b"often", series(1));
        let long = "x".repeat(1 << 16);
        for number in 0..5000 {
            recent.insert(format!("{number}{long}").as_bytes(), series(number));
            assert!(recent.find(b"often").is_some());
        }
        assert!(recent.young.bytes + recent.old.bytes <= 2 * GENERATION_BYTES_MAX);
        assert!(recent.find(format!("1{long}").as_bytes()).is_none());
        assert!(recent.find(format!("4999{long}").as_bytes()).is_some());
    }
}
