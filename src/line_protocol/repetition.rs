//! The series of the lines read so far. Most bodies have far fewer series than lines, and bytes that were read once as a
//! series need not be read again where they occur at the start of another line.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};
use memchr::memchr;

/// The series of the good lines so far, numbered.
#[derive(Debug, Default)]
pub(super) struct SeriesTexts<'a> {
    table: HashTable<Numbered<'a>>,
    hasher: DefaultHashBuilder,
    /// For each series the layout of its last point.
    layouts: Vec<u32>,
}

/// The text of a series. Its hash is kept, so that the table grows without reading it again.
#[derive(Debug)]
struct Numbered<'a> {
    text: &'a [u8],
    hash: TextHash,
    number: u32,
}

/// Half a hash, which is enough for the lines of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TextHash(u32);

impl TextHash {
    /// Returns the hash to give to the table. It spreads the bits so that both ends depend on the stored half.
    fn whole(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// What a line seems to begin with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Beginning<'a> {
    /// A series that an earlier line had.
    Known(KnownSeries<'a>),
    /// A text that may be a new series.
    New(UnknownText),
    /// It must be parsed to be known.
    Unclear,
}

/// A series that an earlier line had.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownSeries<'a> {
    pub(super) text: &'a [u8],
    pub(super) number: u32,
    /// The layout of its last point.
    pub(super) layout: u32,
}

/// A text that no earlier line began with, up to its first space.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnknownText {
    len: usize,
    hash: TextHash,
}

impl<'a> SeriesTexts<'a> {
    /// Returns the series that `line` begins with, if an earlier line had it.
    ///
    /// Where a series ends depends only on its own bytes and on the space that ends it.
    #[inline]
    pub(super) fn find(&self, line: &'a [u8]) -> Beginning<'a> {
        let Some(len) = memchr(b' ', line) else { return Beginning::Unclear };
        let text = &line[..len];
        // An escaped space does not end a series.
        if text.ends_with(b"\\") {
            return Beginning::Unclear;
        }
        let hash = self.hash(text);
        let found = self.table.find(hash.whole(), |known| known.hash == hash && known.text == text);
        let known = found.and_then(|known| {
            let layout = *self.layouts.get(known.number as usize)?;
            Some(KnownSeries { text, number: known.number, layout })
        });
        known.map_or(Beginning::New(UnknownText { len, hash }), Beginning::Known)
    }

    fn hash(&self, text: &[u8]) -> TextHash {
        TextHash(self.hasher.hash_one(text) as u32)
    }

    /// Returns the number of a series whose point has this layout. A new series gets the next number. `beginning` is what
    /// [`SeriesTexts::find`] said of the line.
    pub(super) fn number(&mut self, series: &'a [u8], beginning: Beginning<'a>, layout: u32) -> u32 {
        let hash = match beginning {
            Beginning::Known(known) => return known.number,
            Beginning::New(UnknownText { len, hash }) if len == series.len() => hash,
            Beginning::New(_) | Beginning::Unclear => {
                let hash = self.hash(series);
                let is_it = |known: &Numbered<'_>| known.hash == hash && known.text == series;
                if let Some(known) = self.table.find(hash.whole(), is_it) {
                    return known.number;
                }
                hash
            }
        };
        let number = self.layouts.len() as u32;
        self.table.insert_unique(hash.whole(), Numbered { text: series, hash, number }, |known| known.hash.whole());
        self.layouts.push(layout);
        number
    }

    /// Remembers the layout of the last point of a series.
    #[inline]
    pub(super) fn set_layout(&mut self, number: u32, layout: u32) {
        if let Some(last) = self.layouts.get_mut(number as usize) {
            *last = layout;
        }
    }
}
