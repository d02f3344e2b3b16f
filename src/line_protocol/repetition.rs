//! What lines share with lines before them. Most bodies have far fewer series than lines, and what was read once as a series
//! needs not be read again where the same bytes stand in the same place.

use hashbrown::HashMap;
use memchr::memchr;

/// The series of the good lines so far, numbered.
#[derive(Debug, Default)]
pub(super) struct SeriesTexts<'a> {
    numbers: HashMap<&'a [u8], u32>,
}

impl<'a> SeriesTexts<'a> {
    /// The series that `line` begins with and its number, if a line before had it.
    ///
    /// How far a series goes depends on nothing behind it but the space that ends it.
    #[inline]
    pub(super) fn find(&self, line: &'a [u8]) -> Option<(&'a [u8], u32)> {
        let series = &line[..memchr(b' ', line)?];
        // An escaped space ends no series.
        if series.ends_with(b"\\") {
            return None;
        }
        self.numbers.get(series).map(|number| (series, *number))
    }

    /// The number of a series that was read.
    pub(super) fn number(&mut self, series: &'a [u8]) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(series).or_insert(next)
    }
}
