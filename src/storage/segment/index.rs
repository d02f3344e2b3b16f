//! The index of a segment file: one entry for each block, in pages that are read when they are needed, and the directory
//! of the pages.

use crate::codec::CodecError;
use crate::codec::varint::{Reader, put_signed, put_varint};
use crate::model::{FieldType, TimeRange, Timestamp};
use crate::query::{NumberSummary, SeriesId, Summary};
use crate::storage::record::FieldId;

/// A page is closed when it has this many bytes.
pub(super) const PAGE_BYTES_MIN: usize = 4096;
/// Set in the flags of an entry that has a summary of numbers; the two bits below it are the type.
const HAS_NUMBERS: u8 = 4;

/// Where a block is, and what is known of it without reading it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockEntry {
    /// The series.
    pub series: SeriesId,
    /// The field.
    pub field: FieldId,
    /// Times, count, type, numbers.
    pub summary: Summary,
    /// Where the block begins in the file.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

impl BlockEntry {
    /// What entries are sorted by, before their times.
    pub(in crate::storage) fn key(&self) -> (SeriesId, FieldId) {
        (self.series, self.field)
    }

    /// Appends the entry. The series stands as the difference from that of the entry before in the page.
    pub(super) fn put(&self, before: SeriesId, out: &mut Vec<u8>) {
        let Summary { range, count, field_type, numbers } = self.summary;
        put_varint(out, self.series.0 - before.0);
        put_varint(out, u64::from(self.field.0));
        out.push(field_type as u8 | if numbers.is_some() { HAS_NUMBERS } else { 0 });
        put_varint(out, u64::from(count));
        put_signed(out, range.min.0);
        put_varint(out, range.max.0.wrapping_sub(range.min.0) as u64);
        put_varint(out, self.offset);
        put_varint(out, self.len);
        match numbers {
            Some(NumberSummary::Float { min, max, first, last }) => {
                for value in [min, max, first, last] {
                    out.extend_from_slice(&value.to_le_bytes());
                }
            }
            Some(NumberSummary::Integer { min, max, first, last, sum }) => {
                for value in [min, max, first, last] {
                    put_signed(out, value);
                }
                out.push(u8::from(sum.is_some()));
                if let Some(sum) = sum {
                    put_signed(out, sum);
                }
            }
            None => {}
        }
    }

    fn take(before: SeriesId, reader: &mut Reader<'_>) -> Result<BlockEntry, CodecError> {
        let series = SeriesId(before.0.wrapping_add(reader.varint()?));
        let field = reader.varint()?.try_into().map_err(|_| CodecError::Malformed("a field id is too great"))?;
        let flags = reader.u8()?;
        let field_type = FieldType::from_tag(flags & 3).ok_or(CodecError::Malformed("an unknown field type"))?;
        let count = reader.count(super::BLOCK_VALUES_MAX)? as u32;
        let min = reader.signed()?;
        let max = min.wrapping_add(reader.varint()? as i64);
        if max < min || count == 0 {
            return Err(CodecError::Malformed("a block without values"));
        }
        let (offset, len) = (reader.varint()?, reader.varint()?);
        let mut float = |_| Ok::<f64, CodecError>(f64::from_bits(reader.u64()?));
        let numbers = match (flags & HAS_NUMBERS != 0, field_type) {
            (false, _) => None,
            (true, FieldType::Float) => {
                let [min, max, first, last] = [float(0)?, float(1)?, float(2)?, float(3)?];
                Some(NumberSummary::Float { min, max, first, last })
            }
            (true, FieldType::Integer) => Some(NumberSummary::Integer {
                min: reader.signed()?,
                max: reader.signed()?,
                first: reader.signed()?,
                last: reader.signed()?,
                sum: if reader.u8()? == 1 { Some(reader.signed()?) } else { None },
            }),
            (true, _) => return Err(CodecError::Malformed("a summary of numbers that are none")),
        };
        let range = TimeRange { min: Timestamp(min), max: Timestamp(max) };
        let summary = Summary { range, count, field_type, numbers };
        Ok(BlockEntry { series, field: FieldId(field), summary, offset, len })
    }
}

/// Reads the entries of a page, whose checksum is at its end. They come in order.
pub(super) fn decode_page(bytes: &[u8]) -> Result<Vec<BlockEntry>, CodecError> {
    let (content, crc) = bytes.split_last_chunk::<4>().ok_or(CodecError::Truncated)?;
    if u32::from_le_bytes(*crc) != crc32c::crc32c(content) {
        return Err(CodecError::Malformed("the checksum of an index page is wrong"));
    }
    let mut reader = Reader::new(content);
    let mut entries: Vec<BlockEntry> = Vec::new();
    while !reader.is_empty() {
        let before = entries.last().map_or(SeriesId(0), |entry| entry.series);
        let entry = BlockEntry::take(before, &mut reader)?;
        let order = |e: &BlockEntry| (e.key(), e.summary.range.min);
        if entries.last().is_some_and(|last| order(last) >= order(&entry)) {
            return Err(CodecError::Malformed("the blocks of an index page are in no order"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Where a page is, and the key of its first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageRef {
    pub(super) first: (SeriesId, FieldId),
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// The pages in order: how many, then series, field, offset and length of each; CRC-32C of all these.
pub(super) fn encode_directory(pages: &[PageRef]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, pages.len() as u64);
    for page in pages {
        put_varint(&mut out, page.first.0.0);
        put_varint(&mut out, u64::from(page.first.1.0));
        put_varint(&mut out, page.offset);
        put_varint(&mut out, page.len);
    }
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

pub(super) fn decode_directory(bytes: &[u8]) -> Result<Vec<PageRef>, CodecError> {
    let (content, crc) = bytes.split_last_chunk::<4>().ok_or(CodecError::Truncated)?;
    if u32::from_le_bytes(*crc) != crc32c::crc32c(content) {
        return Err(CodecError::Malformed("the checksum of the directory is wrong"));
    }
    let mut reader = Reader::new(content);
    let count = reader.count(content.len())?; // each has more than one byte
    let mut pages = Vec::with_capacity(count);
    for _ in 0..count {
        let series = SeriesId(reader.varint()?);
        let field = reader.varint()?.try_into().map_err(|_| CodecError::Malformed("a field id is too great"))?;
        pages.push(PageRef { first: (series, FieldId(field)), offset: reader.varint()?, len: reader.varint()? });
    }
    if !reader.is_empty() || !pages.is_sorted_by_key(|page| page.first) {
        return Err(CodecError::Malformed("the pages of the directory are in no order"));
    }
    Ok(pages)
}
