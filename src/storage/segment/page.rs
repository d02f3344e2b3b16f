//! An index page as the cache keeps it: its encoded entries, and a summary of each column, that is, of each field of a series.
//!
//! What a query asks of a whole column is answered without its entries, so its cost does not grow with the number of blocks. The
//! entries of a column are decoded when a part of it is wanted.

use std::ops::Range;
use std::sync::Arc;

use fluxstone_codec::CodecError;
use fluxstone_codec::varint::Reader;
use fluxstone_columns::{SeriesId, Summary};

use super::block::checked;
use super::index::{BlockEntry, PageState, Span};
use crate::record::FieldId;

/// A verified page.
#[derive(Debug)]
pub(super) struct IndexPage {
    /// The encoded entries.
    bytes: Vec<u8>,
    columns: Vec<PageColumn>,
    /// The spans of each series, one series after another.
    spans: Vec<Span>,
}

/// The blocks of one field of one series whose entries are on a page, and the state in which decoding them begins.
#[derive(Debug)]
struct PageColumn {
    key: (SeriesId, FieldId),
    summary: Summary,
    blocks: u32,
    /// The offset of the first entry in the page.
    at: u32,
    first_span: u32,
    span_count: u32,
    last_time: i64,
    end: u64,
}

/// Some columns of a page.
#[derive(Debug, Clone)]
pub(crate) struct PageColumns {
    pub(super) page: Arc<IndexPage>,
    /// Their positions.
    pub(super) columns: Range<usize>,
}

impl PageColumns {
    /// The fields of the columns, in order.
    pub(super) fn fields(&self) -> impl Iterator<Item = FieldId> {
        self.page.columns[self.columns.clone()].iter().map(|column| column.key.1)
    }

    /// The positions of the columns of one field.
    pub(super) fn of(&self, field: FieldId) -> Range<usize> {
        let columns = &self.page.columns[self.columns.clone()];
        let from = columns.partition_point(|column| column.key.1 < field);
        let count = columns[from..].iter().take_while(|column| column.key.1 == field).count();
        self.columns.start + from..self.columns.start + from + count
    }
}

impl IndexPage {
    /// Verifies the checksum of a page and its entries, which must be in order.
    pub(super) fn decode(mut bytes: Vec<u8>) -> Result<IndexPage, CodecError> {
        let len = checked(&bytes)?.len();
        bytes.truncate(len);
        bytes.shrink_to_fit();
        let (mut columns, mut spans): (Vec<PageColumn>, Vec<Span>) = (Vec::new(), Vec::new());
        let (mut state, mut first_span) = (PageState::default(), 0);
        let mut reader = Reader::new(&bytes);
        let mut last: Option<BlockEntry> = None;
        while !reader.is_empty() {
            let at = len - reader.rest().len();
            let (before, known) = (state.resumed_at(), state.spans().len());
            let entry = state.take(&mut reader)?;
            let order = |e: &BlockEntry| (e.key(), e.summary.range.min);
            if last.is_some_and(|last| order(&last) >= order(&entry)) {
                return Err(CodecError::Malformed("the blocks of an index page are out of order"));
            }
            let is_new_series = last.is_none_or(|last| last.series != entry.series);
            if is_new_series {
                first_span = spans.len() as u32;
            }
            spans.extend_from_slice(&state.spans()[if is_new_series { 0 } else { known }..]);
            if !columns.last_mut().is_some_and(|column| column.add(&entry)) {
                columns.push(PageColumn {
                    key: entry.key(),
                    summary: entry.summary,
                    blocks: 1,
                    at: at as u32,
                    first_span,
                    span_count: if is_new_series { 0 } else { known as u32 },
                    last_time: before.0,
                    end: before.1,
                });
            }
            last = Some(entry);
        }
        columns.shrink_to_fit();
        spans.shrink_to_fit();
        Ok(IndexPage { bytes, columns, spans })
    }

    /// The memory of the page.
    pub(super) fn memory(&self) -> usize {
        size_of::<IndexPage>() + self.bytes.len() + size_of_val(&*self.columns) + size_of_val(&*self.spans)
    }

    /// The positions of the columns with keys from `min` to `max`.
    pub(super) fn between(&self, min: (SeriesId, FieldId), max: (SeriesId, FieldId)) -> Range<usize> {
        let from = self.columns.partition_point(|column| column.key < min);
        let to = from + self.columns[from..].partition_point(|column| column.key <= max);
        from..to
    }

    /// The summary of all blocks of a column.
    pub(super) fn summary(&self, column: usize) -> Summary {
        self.columns[column].summary
    }

    /// The number of blocks of a column.
    pub(super) fn block_count(&self, column: usize) -> usize {
        self.columns[column].blocks as usize
    }

    /// Returns the entries of a column, in order.
    pub(super) fn entries(&self, column: usize) -> Result<Vec<BlockEntry>, CodecError> {
        let PageColumn { at, blocks, first_span, span_count, last_time, end, .. } = self.columns[column];
        let key = column.checked_sub(1).map(|before| self.columns[before].key);
        let spans = first_span as usize..(first_span + span_count) as usize;
        let mut state = PageState::resume(key, &self.spans[spans], (last_time, end));
        let mut reader = Reader::new(&self.bytes[at as usize..]);
        (0..blocks).map(|_| state.take(&mut reader)).collect()
    }
}

impl PageColumn {
    /// Adds an entry, if it is that of a later block of the same values.
    fn add(&mut self, entry: &BlockEntry) -> bool {
        let summary = (self.key == entry.key()).then(|| self.summary.followed_by(&entry.summary)).flatten();
        let Some(summary) = summary else { return false };
        self.summary = summary;
        self.blocks += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use fluxstone_codec::varint::put_varint;
    use fluxstone_model::FieldType;

    use super::super::index::{NEW_FIELD, NEW_SERIES, NEW_SPAN};
    use super::*;

    /// Appends an entry of two values that begins a series, with times after those of the entry before it.
    fn put_first_entry(page: &mut Vec<u8>, series_difference: u64) {
        if page.is_empty() {
            put_varint(page, 36); // the offset of the first part
        }
        page.push(FieldType::Boolean as u8 | NEW_SERIES | NEW_FIELD | NEW_SPAN);
        for number in [series_difference, 0, 2, 1, 2, 5, 0, 3] {
            put_varint(page, number); // series, field, first time, duration, count, length and distance of the times, length
        }
    }

    #[test]
    fn a_page_that_begins_a_series_twice_is_refused() {
        for (difference, is_accepted) in [(1, true), (0, false), (u64::MAX, false)] {
            let mut page = Vec::new();
            put_first_entry(&mut page, 7);
            put_first_entry(&mut page, difference);
            page.extend_from_slice(&crc32c::crc32c(&page).to_le_bytes());
            let decoded = IndexPage::decode(page);
            assert_eq!(decoded.is_ok(), is_accepted, "{difference}: {decoded:?}");
        }
    }
}
