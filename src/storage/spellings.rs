//! The spellings of series that were written lately: one look-up on the text before the fields gives the series.
//!
//! Texts stand one behind the other in large pieces of memory, and the table holds their places only: a series costs its text and
//! about 36 bytes. Memory is bounded: when the younger of two generations is full it becomes the older, and what nobody asked
//! for since it became that is forgotten. The series index finds those again, more slowly.

use fluxstone_columns::SeriesId;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::live_schema::{KnownSeries, MeasurementNumber};
use super::stored_hash::StoredHash;

/// Bytes of a generation.
const GENERATION_BYTES_MAX: usize = 96 << 20;
/// Bytes of a piece of memory, unless a text needs more.
const PIECE_BYTES: usize = 1 << 20;
/// What stands before a text: its length and the series.
const HEAD_BYTES: usize = 16;

/// Known series by their spellings.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    hasher: DefaultHashBuilder,
    young: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    table: HashTable<Place>,
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

/// Where a spelling stands: the number of the piece and the offset in it, and the hash.
#[derive(Debug, Clone, Copy)]
struct Place {
    piece: u16,
    offset: u32,
    hash: StoredHash,
}

impl Spellings {
    /// The series of that spelling.
    #[inline]
    pub(super) fn find(&mut self, spelling: &[u8]) -> Option<KnownSeries> {
        let hash = StoredHash::of(&self.hasher, spelling);
        if let Some(known) = self.young.find(hash, spelling) {
            return Some(known);
        }
        let known = self.old.find(hash, spelling)?;
        self.insert_hashed(spelling, hash, known);
        Some(known)
    }

    /// Remembers a spelling that is not there.
    pub(super) fn insert(&mut self, spelling: &[u8], known: KnownSeries) {
        self.insert_hashed(spelling, StoredHash::of(&self.hasher, spelling), known);
    }

    fn insert_hashed(&mut self, spelling: &[u8], hash: StoredHash, known: KnownSeries) {
        let Ok(length) = u32::try_from(spelling.len()) else { return };
        if self.young.bytes + spelling.len() + HEAD_BYTES > GENERATION_BYTES_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(spelling, length, hash, known);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Spellings::default();
    }
}

impl Generation {
    fn find(&self, hash: StoredHash, spelling: &[u8]) -> Option<KnownSeries> {
        let is_it = |place: &Place| place.hash == hash && text_at(&self.pieces, *place) == spelling;
        self.table.find(hash.whole(), is_it).map(|place| known_at(&self.pieces, *place))
    }

    fn insert(&mut self, spelling: &[u8], length: u32, hash: StoredHash, known: KnownSeries) {
        let bytes = HEAD_BYTES + spelling.len();
        let has_room = |piece: &Vec<u8>| piece.capacity() - piece.len() >= bytes;
        if !self.pieces.last().is_some_and(has_room) {
            self.pieces.push(Vec::with_capacity(PIECE_BYTES.max(bytes)));
        }
        // A generation has some hundred pieces at most, and a piece is shorter than the longest text, which is below 4 GiB.
        let piece_number = (self.pieces.len() - 1) as u16;
        let Some(piece) = self.pieces.last_mut() else { return };
        let place = Place { piece: piece_number, offset: piece.len() as u32, hash };
        piece.extend_from_slice(&length.to_le_bytes());
        piece.extend_from_slice(&known.measurement.0.to_le_bytes());
        piece.extend_from_slice(&known.id.0.to_le_bytes());
        piece.extend_from_slice(spelling);
        self.bytes += bytes;
        self.table.insert_unique(hash.whole(), place, |place| place.hash.whole());
    }
}

fn text_at(pieces: &[Vec<u8>], place: Place) -> &[u8] {
    let entry = &pieces[place.piece as usize][place.offset as usize..];
    let (head, rest) = entry.split_at(HEAD_BYTES);
    &rest[..u32_at(head, 0) as usize]
}

fn known_at(pieces: &[Vec<u8>], place: Place) -> KnownSeries {
    let head = &pieces[place.piece as usize][place.offset as usize..];
    let id = u64::from(u32_at(head, 8)) | u64::from(u32_at(head, 12)) << 32;
    KnownSeries { id: SeriesId(id), measurement: MeasurementNumber(u32_at(head, 4)) }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(number: u64) -> KnownSeries {
        KnownSeries { id: SeriesId(number << 30), measurement: MeasurementNumber(number as u32 % 7) }
    }

    #[test]
    fn each_spelling_gives_its_series() {
        let mut spellings = Spellings::default();
        let text = |number: u64| format!("cpu,host=host_{number},spelt={}", "x".repeat(number as usize % 50));
        for number in 0..50_000 {
            assert!(spellings.find(text(number).as_bytes()).is_none());
            spellings.insert(text(number).as_bytes(), known(number));
        }
        for number in 0..50_000 {
            let found = spellings.find(text(number).as_bytes()).unwrap();
            assert_eq!((found.id, found.measurement), (known(number).id, known(number).measurement));
        }
        spellings.clear();
        assert!(spellings.find(text(1).as_bytes()).is_none());
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let mut spellings = Spellings::default();
        spellings.insert(b"often", known(1));
        let long = "x".repeat(1 << 16);
        for number in 0..5000 {
            spellings.insert(format!("{number}{long}").as_bytes(), known(number));
            assert!(spellings.find(b"often").is_some());
        }
        assert!(spellings.young.bytes + spellings.old.bytes <= 2 * GENERATION_BYTES_MAX);
        assert!(spellings.find(format!("1{long}").as_bytes()).is_none());
        assert!(spellings.find(format!("4999{long}").as_bytes()).is_some());
    }
}
