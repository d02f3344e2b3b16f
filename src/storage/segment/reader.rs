//! Reads segment files. Bytes are trusted only after their checksum was checked, and lengths never.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::block::decode_block;
use super::index::{BlockEntry, PageRef, decode_directory, decode_page};
use super::layout::{FOOTER_LEN, Footer, HEADER_LEN, SegmentHeader};
use crate::codec::CodecError;
use crate::model::TimeRange;
use crate::query::{Batch, Block, SeriesId, SourceError, Summary};
use crate::storage::disk::{Disk, ReadFile};
use crate::storage::record::FieldId;

/// The most bytes of a block, an index page or a directory; more is damage.
const PART_BYTES_MAX: u64 = 1 << 31;

/// So many pages that were read last are kept, decoded: a query asks for the fields of a series one after the other, and they
/// mostly stand on one page.
const PAGES_KEPT_MAX: usize = 16;

/// Why a part of a segment file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The disk said no.
    #[error("at offset {offset}: {source}")]
    Io {
        /// Where the part begins.
        offset: u64,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The part is not what it should be.
    #[error("at offset {offset}: {source}")]
    Damaged {
        /// Where the part begins.
        offset: u64,
        /// What is wrong.
        source: CodecError,
    },
}

/// An open segment file.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    file: Arc<dyn ReadFile>,
    header: SegmentHeader,
    footer: Footer,
    pages: Vec<PageRef>,
    /// Pages that were read lately, by their offset; the last one first.
    kept: Mutex<Vec<(u64, Arc<[BlockEntry]>)>>,
    bytes: u64,
}

impl Segment {
    /// Opens the file at `path`: checks header and footer and reads the directory.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Segment, SegmentError> {
        let file = disk.open(path).map_err(|source| SegmentError::Io { offset: 0, source })?;
        Segment::read(file, path.to_owned())
    }

    /// As [`Segment::open`], from a file that is open.
    pub fn read(file: Arc<dyn ReadFile>, path: PathBuf) -> Result<Segment, SegmentError> {
        let bytes = file.length().map_err(|source| SegmentError::Io { offset: 0, source })?;
        let too_short = || SegmentError::Damaged { offset: bytes, source: CodecError::Truncated };
        let footer_at = bytes.checked_sub(FOOTER_LEN as u64).ok_or_else(too_short)?;
        let mut head = [0; HEADER_LEN];
        read_at(&*file, &mut head, 0)?;
        let header = SegmentHeader::decode(&head).map_err(damaged(0))?;
        let mut foot = [0; FOOTER_LEN];
        read_at(&*file, &mut foot, footer_at)?;
        let footer = Footer::decode(&foot).map_err(damaged(footer_at))?;
        let directory = read_part(&*file, bytes, footer.directory_offset, footer.directory_len)?;
        let pages = decode_directory(&directory).map_err(damaged(footer.directory_offset))?;
        Ok(Segment { path, file, header, footer, pages, kept: Mutex::default(), bytes })
    }

    /// What the file is.
    pub fn header(&self) -> SegmentHeader {
        self.header
    }

    /// The first and the last time of all values.
    pub fn range(&self) -> TimeRange {
        self.footer.range
    }

    /// The length of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The blocks of one field of one series, in time order.
    pub fn blocks_of(&self, series: SeriesId, field: FieldId) -> Result<Vec<BlockEntry>, SegmentError> {
        let mut found = Vec::new();
        for page in self.pages_between((series, field), (series, field)) {
            let entries = self.kept_page(page)?;
            let from = entries.partition_point(|entry| entry.key() < (series, field));
            found.extend(entries[from..].iter().take_while(|entry| entry.key() == (series, field)));
        }
        Ok(found)
    }

    /// The fields of which a series has values, in order.
    pub fn fields_of(&self, series: SeriesId) -> Result<Vec<FieldId>, SegmentError> {
        let mut fields = Vec::new();
        for page in self.pages_between((series, FieldId(0)), (series, FieldId(u32::MAX))) {
            let entries = self.kept_page(page)?;
            fields.extend(entries.iter().filter(|entry| entry.series == series).map(|entry| entry.field));
        }
        fields.dedup();
        Ok(fields)
    }

    /// All blocks, in order.
    pub fn entries(self: &Arc<Self>) -> EntryCursor {
        EntryCursor { segment: self.clone(), page: 0, entries: Vec::new().into_iter() }
    }

    /// Reads a block.
    pub fn decode(&self, entry: &BlockEntry) -> Result<Batch, SegmentError> {
        let bytes = read_part(&*self.file, self.bytes, entry.offset, entry.len)?;
        let batch = decode_block(&bytes, entry.summary.field_type).map_err(damaged(entry.offset))?;
        let Summary { range, count, .. } = entry.summary;
        let ends = (batch.times.first().copied(), batch.times.last().copied());
        if batch.times.len() != count as usize || ends != (Some(range.min.0), Some(range.max.0)) {
            return Err(damaged(entry.offset)(CodecError::Malformed("a block is not what the index says")));
        }
        Ok(batch)
    }

    /// The pages that can hold keys from `min` to `max`.
    fn pages_between(&self, min: (SeriesId, FieldId), max: (SeriesId, FieldId)) -> &[PageRef] {
        // The page before the first that begins at `min` or behind may end with it.
        let from = self.pages.partition_point(|page| page.first < min).saturating_sub(1);
        let to = self.pages.partition_point(|page| page.first <= max);
        self.pages.get(from..to).unwrap_or_default()
    }

    /// The entries of a page, which are kept for whoever comes next.
    fn kept_page(&self, page: &PageRef) -> Result<Arc<[BlockEntry]>, SegmentError> {
        let mut kept = self.kept.lock();
        if let Some(at) = kept.iter().position(|(offset, _)| *offset == page.offset) {
            kept[..=at].rotate_right(1);
            return Ok(kept[0].1.clone());
        }
        drop(kept);
        let entries: Arc<[BlockEntry]> = self.page(page)?.into();
        let mut kept = self.kept.lock();
        kept.truncate(PAGES_KEPT_MAX - 1);
        kept.insert(0, (page.offset, entries.clone()));
        Ok(entries)
    }

    fn page(&self, page: &PageRef) -> Result<Vec<BlockEntry>, SegmentError> {
        let bytes = read_part(&*self.file, self.bytes, page.offset, page.len)?;
        decode_page(&bytes).map_err(damaged(page.offset))
    }
}

/// Walks through all entries of a segment file, a page at a time.
#[derive(Debug)]
pub struct EntryCursor {
    segment: Arc<Segment>,
    page: usize,
    entries: std::vec::IntoIter<BlockEntry>,
}

impl EntryCursor {
    /// The file.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }
}

impl Iterator for EntryCursor {
    type Item = Result<BlockEntry, SegmentError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Some(Ok(entry));
            }
            let page = self.segment.pages.get(self.page)?;
            self.page += 1;
            match self.segment.page(page) {
                Ok(entries) => self.entries = entries.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// A block of a segment file, read when it is decoded.
#[derive(Debug)]
pub struct StoredBlock {
    /// The file.
    pub segment: Arc<Segment>,
    /// The block.
    pub entry: BlockEntry,
}

impl Block for StoredBlock {
    fn summary(&self) -> Summary {
        self.entry.summary
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        self.segment.decode(&self.entry).map(Arc::new).map_err(|error| self.segment.source_error(&error))
    }
}

impl Segment {
    /// The error as queries report it.
    pub(in crate::storage) fn source_error(&self, error: &SegmentError) -> SourceError {
        tracing::error!(file = %self.path.display(), %error, "stored values can't be read");
        SourceError(format!("{}: {error}", self.path.display()))
    }
}

fn read_at(file: &dyn ReadFile, buffer: &mut [u8], offset: u64) -> Result<(), SegmentError> {
    file.read_at(buffer, offset).map_err(|source| SegmentError::Io { offset, source })
}

/// Reads `len` bytes at `offset`, if the file of `bytes` has them.
fn read_part(file: &dyn ReadFile, bytes: u64, offset: u64, len: u64) -> Result<Vec<u8>, SegmentError> {
    if len > PART_BYTES_MAX || offset.checked_add(len).is_none_or(|end| end > bytes) {
        return Err(damaged(offset)(CodecError::Truncated));
    }
    let mut part = vec![0; len as usize];
    read_at(file, &mut part, offset)?;
    Ok(part)
}

fn damaged(offset: u64) -> impl Fn(CodecError) -> SegmentError {
    move |source| SegmentError::Damaged { offset, source }
}
