//! The series of the lines read so far. Most bodies have far fewer series than lines, and bytes that were read once as a
//! series need not be read again where they occur at the start of another line.

use hashbrown::HashMap;
use memchr::memchr;

/// The series of the good lines so far, numbered.
#[derive(Debug, Default)]
pub(super) struct SeriesTexts<'a> {
    numbers: HashMap<&'a [u8], u32>,
    /// For each series the layout of its last point.
    layouts: Vec<u32>,
}

/// A series that an earlier line had.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownSeries<'a> {
    pub(super) text: &'a [u8],
    pub(super) number: u32,
    /// The layout of its last point.
    pub(super) layout: u32,
}

impl<'a> SeriesTexts<'a> {
    /// Returns the series that `line` begins with, if an earlier line had it.
    ///
    /// Where a series ends depends only on its own bytes and on the space that ends it.
    #[inline]
    pub(super) fn find(&self, line: &'a [u8]) -> Option<KnownSeries<'a>> {
        let text = &line[..memchr(b' ', line)?];
        // An escaped space does not end a series.
        if text.ends_with(b"\\") {
            return None;
        }
        let number = *self.numbers.get(text)?;
        Some(KnownSeries { text, number, layout: *self.layouts.get(number as usize)? })
    }

    /// Returns the number of a series whose point has this layout. A new series gets the next number.
    pub(super) fn number(&mut self, series: &'a [u8], layout: u32) -> u32 {
        let next = self.layouts.len() as u32;
        let number = *self.numbers.entry(series).or_insert(next);
        if number == next {
            self.layouts.push(layout);
        }
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
