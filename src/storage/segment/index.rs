//! The index of a segment file: one entry per block, in pages that are read on demand, and the directory of the pages.
//!
//! An entry contains only what differs from the entries before it. Most blocks of a series share the times of an earlier block
//! (a span), and the parts of the file are in the order of the entries, so that their lengths determine where they are.

use fluxstone_codec::CodecError;
use fluxstone_codec::varint::{Reader, put_signed, put_varint};
use fluxstone_columns::{NumberSummary, SeriesId, Summary};
use fluxstone_model::{FieldType, TimeRange, Timestamp};

use super::block::checked;
use super::layout::HEADER_LEN;
use crate::record::FieldId;

/// The size at which a page is closed.
pub(super) const PAGE_BYTES_MIN: usize = 4096;

/// The lowest two bits of an entry's flags are the type of its values. The other flags say what follows.
const HAS_NUMBERS: u8 = 1 << 2;
const HAS_SUM: u8 = 1 << 3;
pub(super) const NEW_FIELD: u8 = 1 << 4;
pub(super) const NEW_SERIES: u8 = 1 << 5;
pub(super) const NEW_SPAN: u8 = 1 << 6;
const UNUSED: u8 = 1 << 7;

/// The place of a part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartRef {
    /// The offset of its first byte.
    pub offset: u64,
    /// Its length in bytes, including the checksum.
    pub len: u64,
}

impl PartRef {
    pub(super) fn end(self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// The index entry of a block: where the block is, and its summary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockEntry {
    /// The series.
    pub series: SeriesId,
    /// The field.
    pub field: FieldId,
    /// Time range, count, type, and the summary of numbers.
    pub summary: Summary,
    /// The place of its times.
    pub times: PartRef,
    /// The place of its values.
    pub values: PartRef,
}

impl BlockEntry {
    /// The primary sort key of entries; the secondary one is the time.
    pub(crate) fn key(&self) -> (SeriesId, FieldId) {
        (self.series, self.field)
    }
}

/// The times that several blocks of a series share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    range: TimeRange,
    count: u32,
    times: PartRef,
}

/// The state of encoding or decoding a page, relative to which the next entry is encoded.
#[derive(Debug, Default)]
pub(super) struct PageState {
    key: Option<(SeriesId, FieldId)>,
    /// The spans of the current series.
    spans: Vec<Span>,
    /// The last time of the last span.
    last_time: i64,
    /// The offset at which the last part ends.
    end: u64,
}

impl PageState {
    /// The state in which an entry can be decoded on its own: after one with this key, which has these spans of the series before
    /// it. `at` is what [`PageState::resumed_at`] returned.
    pub(super) fn resume(key: Option<(SeriesId, FieldId)>, spans: &[Span], at: (i64, u64)) -> PageState {
        PageState { key, spans: spans.to_vec(), last_time: at.0, end: at.1 }
    }

    /// The last time and the offset to which the next entry is relative.
    pub(super) fn resumed_at(&self) -> (i64, u64) {
        (self.last_time, self.end)
    }

    /// The spans of the current series so far.
    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Appends an entry.
    pub(super) fn put(&mut self, entry: &BlockEntry, out: &mut Vec<u8>) {
        let Summary { range, count, field_type, numbers } = entry.summary;
        let is_first = self.key.is_none();
        let (series, field) = self.key.unwrap_or((SeriesId(0), FieldId(0)));
        let mut flags = field_type as u8;
        if is_first {
            let PartRef { offset, .. } = entry.values;
            self.end = if entry.times.end() == offset { entry.times.offset } else { offset };
            put_varint(out, self.end);
        }
        if is_first || entry.series != series {
            flags |= NEW_SERIES | NEW_FIELD;
            self.spans.clear();
        } else if entry.field != field {
            flags |= NEW_FIELD;
        }
        let span = Span { range, count, times: entry.times };
        let known = self.spans.iter().position(|known| *known == span);
        flags |= if known.is_none() { NEW_SPAN } else { 0 };
        flags |= match numbers {
            Some(NumberSummary::Integer { sum: Some(_), .. }) => HAS_NUMBERS | HAS_SUM,
            Some(_) => HAS_NUMBERS,
            None => 0,
        };
        out.push(flags);
        if flags & NEW_SERIES != 0 {
            put_varint(out, entry.series.0 - series.0);
        }
        if flags & NEW_FIELD != 0 {
            put_varint(out, u64::from(entry.field.0));
        }
        match known {
            Some(at) => put_varint(out, at as u64),
            None => self.put_span(span, out),
        }
        debug_assert_eq!(self.end, entry.values.offset, "the parts of a file are in the order of the entries");
        put_varint(out, entry.values.len);
        self.end += entry.values.len;
        put_numbers(numbers, out);
        self.key = Some(entry.key());
    }

    /// Appends the first time, the duration, the count, the length of the times, and the distance of their start before the
    /// values.
    fn put_span(&mut self, span: Span, out: &mut Vec<u8>) {
        let TimeRange { min, max } = span.range;
        put_signed(out, min.0.wrapping_sub(self.last_time));
        put_varint(out, max.0.wrapping_sub(min.0) as u64);
        put_varint(out, u64::from(span.count));
        put_varint(out, span.times.len);
        // Times directly precede the values that use them first; that distance is encoded as 0.
        put_varint(out, self.end - span.times.offset);
        if span.times.offset == self.end {
            self.end += span.times.len;
        }
        self.last_time = max.0;
        self.spans.push(span);
    }

    /// Decodes the next entry.
    pub(super) fn take(&mut self, reader: &mut Reader<'_>) -> Result<BlockEntry, CodecError> {
        let is_first = self.key.is_none();
        if is_first {
            self.end = reader.varint()?;
        }
        let flags = reader.u8()?;
        let has = |flag: u8| flags & flag != 0;
        let field_type = FieldType::from_tag(flags & 3).ok_or(CodecError::Malformed("unknown field type"))?;
        if has(UNUSED) || is_first && !has(NEW_SERIES) || has(NEW_SERIES) && !(has(NEW_FIELD) && has(NEW_SPAN)) {
            return Err(CodecError::Malformed("an entry with impossible flags"));
        }
        let (mut series, mut field) = self.key.unwrap_or((SeriesId(0), FieldId(0)));
        if has(NEW_SERIES) {
            series = SeriesId(series.0.wrapping_add(reader.varint()?));
            if self.key.is_some_and(|(before, _)| series <= before) {
                return Err(CodecError::Malformed("the series of an index page are out of order"));
            }
            self.spans.clear();
        }
        if has(NEW_FIELD) {
            field = FieldId(reader.varint()?.try_into().map_err(|_| CodecError::Malformed("a field id is too large"))?);
        }
        let span = if has(NEW_SPAN) {
            self.take_span(reader)?
        } else {
            let at = reader.count(self.spans.len())?;
            *self.spans.get(at).ok_or(CodecError::Malformed("an entry refers to an unknown span"))?
        };
        let values = PartRef { offset: self.end, len: reader.varint()? };
        self.end = values.end();
        let numbers = take_numbers(field_type, has(HAS_NUMBERS), has(HAS_SUM), reader)?;
        self.key = Some((series, field));
        let summary = Summary { range: span.range, count: span.count, field_type, numbers };
        Ok(BlockEntry { series, field, summary, times: span.times, values })
    }

    fn take_span(&mut self, reader: &mut Reader<'_>) -> Result<Span, CodecError> {
        let min = self.last_time.wrapping_add(reader.signed()?);
        let max = min.wrapping_add(reader.varint()? as i64);
        let count = reader.count(super::BLOCK_VALUES_MAX)? as u32;
        if max < min || count == 0 {
            return Err(CodecError::Malformed("a block without values"));
        }
        let (len, back) = (reader.varint()?, reader.varint()?);
        let offset = self.end.checked_sub(back).ok_or(CodecError::Malformed("times before the start of the file"))?;
        let span = Span {
            range: TimeRange { min: Timestamp(min), max: Timestamp(max) },
            count,
            times: PartRef { offset, len },
        };
        if back == 0 {
            self.end = span.times.end();
        }
        self.last_time = max;
        self.spans.push(span);
        Ok(span)
    }
}

/// Appends a summary of numbers: floats in eight bytes each; for integers the minimum, the others as distances from it, and the
/// sum if it fits into 64 bits.
fn put_numbers(numbers: Option<NumberSummary>, out: &mut Vec<u8>) {
    match numbers {
        Some(NumberSummary::Float { min, max, first, last }) => {
            for value in [min, max, first, last] {
                out.extend_from_slice(&value.to_le_bytes());
            }
        }
        Some(NumberSummary::Integer { min, max, first, last, sum }) => {
            put_signed(out, min);
            for value in [max, first, last] {
                put_varint(out, value.wrapping_sub(min) as u64);
            }
            if let Some(sum) = sum {
                put_signed(out, sum);
            }
        }
        None => {}
    }
}

fn take_numbers(
    field_type: FieldType,
    has_numbers: bool,
    has_sum: bool,
    reader: &mut Reader<'_>,
) -> Result<Option<NumberSummary>, CodecError> {
    match field_type {
        _ if !has_numbers && !has_sum => Ok(None),
        FieldType::Float if !has_sum => {
            let mut float = || Ok::<f64, CodecError>(f64::from_bits(reader.u64()?));
            let [min, max, first, last] = [float()?, float()?, float()?, float()?];
            Ok(Some(NumberSummary::Float { min, max, first, last }))
        }
        FieldType::Integer if has_numbers => {
            let min = reader.signed()?;
            let mut above = || Ok::<i64, CodecError>(min.wrapping_add(reader.varint()? as i64));
            let [max, first, last] = [above()?, above()?, above()?];
            let sum = if has_sum { Some(reader.signed()?) } else { None };
            Ok(Some(NumberSummary::Integer { min, max, first, last, sum }))
        }
        _ => Err(CodecError::Malformed("a summary of numbers for values that are not numbers")),
    }
}

/// Verifies the checksum of a page and decodes its entries, which must be in order.
pub(super) fn decode_page(bytes: &[u8]) -> Result<Vec<BlockEntry>, CodecError> {
    let mut reader = Reader::new(checked(bytes)?);
    let mut state = PageState::default();
    let mut entries: Vec<BlockEntry> = Vec::new();
    while !reader.is_empty() {
        let entry = state.take(&mut reader)?;
        let order = |e: &BlockEntry| (e.key(), e.summary.range.min);
        if entries.last().is_some_and(|last| order(last) >= order(&entry)) {
            return Err(CodecError::Malformed("the blocks of an index page are out of order"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Returns the entries and the length of the page at the beginning of `bytes`, whose length is not known; `None` if there is
/// none. A page ends after an entry that is followed by the checksum, at the latest after the one with which it is full.
pub(super) fn find_page_end(bytes: &[u8]) -> Option<(Vec<BlockEntry>, usize)> {
    let mut reader = Reader::new(bytes);
    let (mut state, mut entries) = (PageState::default(), Vec::new());
    let (mut crc, mut at) = (0, 0);
    while at < PAGE_BYTES_MIN {
        entries.push(state.take(&mut reader).ok()?);
        let end = bytes.len() - reader.rest().len();
        crc = crc32c::crc32c_append(crc, bytes.get(at..end)?);
        at = end;
        if bytes.get(at..at + 4)? == crc.to_le_bytes() {
            return Some((entries, at + 4));
        }
    }
    None
}

/// The place of a page, and the key of its first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageRef {
    pub(super) first: (SeriesId, FieldId),
    pub(super) part: PartRef,
}

/// Encodes the directory: the offset of the first page, the number of pages, then the series (as a difference), field and length
/// of each; CRC-32C of all these. The pages follow each other without gaps.
pub(super) fn encode_directory(pages: &[PageRef]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, pages.first().map_or(HEADER_LEN as u64, |page| page.part.offset));
    put_varint(&mut out, pages.len() as u64);
    let mut previous = 0;
    for page in pages {
        put_varint(&mut out, page.first.0.0 - previous);
        put_varint(&mut out, u64::from(page.first.1.0));
        put_varint(&mut out, page.part.len);
        previous = page.first.0.0;
    }
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

pub(super) fn decode_directory(bytes: &[u8]) -> Result<Vec<PageRef>, CodecError> {
    let content = checked(bytes)?;
    let mut reader = Reader::new(content);
    let mut offset = reader.varint()?;
    let count = reader.count(content.len() / 3)?; // each has at least three bytes
    let mut pages = Vec::with_capacity(count);
    let mut series = 0_u64;
    for _ in 0..count {
        series = series.wrapping_add(reader.varint()?);
        let field = reader.varint()?.try_into().map_err(|_| CodecError::Malformed("a field id is too large"))?;
        let part = PartRef { offset, len: reader.varint()? };
        offset = part.end();
        pages.push(PageRef { first: (SeriesId(series), FieldId(field)), part });
    }
    if !reader.is_empty() || !pages.is_sorted_by_key(|page| page.first) {
        return Err(CodecError::Malformed("the pages of the directory are out of order"));
    }
    Ok(pages)
}
