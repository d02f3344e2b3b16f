//! Reading segment files at random places, for queries.
//!
//! Invariant: bytes are trusted only after their checksum has been verified, and lengths never.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fluxstone_codec::CodecError;
use fluxstone_columns::{Batch, SeriesId, SourceError, Summary};
use fluxstone_model::{DatabaseId, ShardId, TimeRange};
use smallvec::SmallVec;

use super::block::{decode_times, decode_values};
use super::cache::{FileCache, SegmentCache};
use super::index::{BlockEntry, PageRef, PartRef, decode_directory, decode_page};
use super::layout::{FOOTER_LEN, Footer, HEADER_LEN, SegmentHeader};
use super::page::{IndexPage, PageColumns};
use crate::disk::{Disk, ReadFile};
use crate::record::FieldId;

/// The maximum size of a part in bytes. Anything larger is damage.
const PART_BYTES_MAX: u64 = 1 << 31;

/// Up to this many values are read together with their times.
const FEW_VALUES: u32 = 16;

/// Small parts are read in strips of this length, which are cached.
const STRIP_BYTES: u64 = 16 << 10;

/// Why a part of a segment file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// Reading failed.
    #[error("at offset {offset}: {source}")]
    Io {
        /// The offset of the part.
        offset: u64,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The part is not what it should be.
    #[error("at offset {offset}: {source}")]
    Damaged {
        /// The offset of the part.
        offset: u64,
        /// What is wrong.
        source: CodecError,
    },
    /// The file could not be opened when the store was, which went on without it.
    #[error("the server started without this file: {0}")]
    LeftOut(Arc<str>),
}

/// An open segment file.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    file: Arc<dyn ReadFile>,
    header: SegmentHeader,
    footer: Footer,
    pages: Vec<PageRef>,
    bytes: u64,
    cache: FileCache,
    is_unreadable: AtomicBool,
    /// Why nothing of the file can be read; `None` unless the store was opened without it.
    left_out: Option<Arc<str>>,
}

/// The contents of a file that a store was opened without.
#[derive(Debug)]
struct NoContents;

impl ReadFile for NoContents {
    fn length(&self) -> std::io::Result<u64> {
        Ok(0)
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }
}

impl Segment {
    /// The size of the file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.bytes
    }

    /// Opens the file at `path`: checks header and footer and reads the directory.
    pub fn open(disk: &dyn Disk, path: &Path, cache: Arc<SegmentCache>) -> Result<Segment, SegmentError> {
        let file = disk.open(path).map_err(|source| SegmentError::Io { offset: 0, source })?;
        Segment::read(file, path.to_owned(), cache)
    }

    /// Like [`Segment::open`], for a file that is already open.
    pub fn read(file: Arc<dyn ReadFile>, path: PathBuf, cache: Arc<SegmentCache>) -> Result<Segment, SegmentError> {
        let bytes = file.length().map_err(|source| SegmentError::Io { offset: 0, source })?;
        let too_short = || SegmentError::Damaged { offset: bytes, source: CodecError::Truncated };
        let footer_at = bytes.checked_sub(FOOTER_LEN as u64).ok_or_else(too_short)?;
        let mut head = [0; HEADER_LEN];
        read_at(&*file, &mut head, 0)?;
        let header = SegmentHeader::decode(&head).map_err(damaged(0))?;
        let mut foot = [0; FOOTER_LEN];
        read_at(&*file, &mut foot, footer_at)?;
        let footer = Footer::decode(&foot).map_err(damaged(footer_at))?;
        let directory = PartRef { offset: footer.directory_offset, len: footer.directory_len };
        let directory = read_part(&*file, bytes, directory)?;
        let pages = decode_directory(&directory).map_err(damaged(footer.directory_offset))?;
        Ok(Segment::from_parts((file, bytes), path, header, footer, pages, cache))
    }

    /// Creates a segment whose header, footer and directory are known. `file` comes with its length.
    pub(super) fn from_parts(
        (file, bytes): (Arc<dyn ReadFile>, u64),
        path: PathBuf,
        header: SegmentHeader,
        footer: Footer,
        pages: Vec<PageRef>,
        cache: Arc<SegmentCache>,
    ) -> Segment {
        let is_unreadable = AtomicBool::new(false);
        let cache = FileCache::new(cache);
        Segment { path, file, header, footer, pages, bytes, cache, is_unreadable, left_out: None }
    }

    /// Stands for a file that cannot be opened: whatever is asked of it fails with `problem`. Of its header and its footer it has
    /// what can be read; without them, all deletions and all times are taken to concern it.
    pub(crate) fn left_out(
        disk: &dyn Disk,
        path: &Path,
        (database, shard): (DatabaseId, ShardId),
        problem: &str,
        cache: Arc<SegmentCache>,
    ) -> Segment {
        let unknown = Footer { directory_offset: 0, directory_len: 0, values: 0, range: TimeRange::ALL };
        let (header, footer) = disk.open(path).map_or((None, None), |file| read_ends(&*file));
        let header = header.filter(|header| (header.database, header.shard) == (database, shard));
        Segment {
            path: path.to_owned(),
            file: Arc::new(NoContents),
            header: header.unwrap_or(SegmentHeader { database, shard, position: 0 }),
            footer: footer.unwrap_or(unknown),
            pages: Vec::new(),
            bytes: 0,
            cache: FileCache::new(cache),
            is_unreadable: AtomicBool::new(true),
            left_out: Some(Arc::from(problem)),
        }
    }

    /// Why nothing of the file can be read, if the store was opened without it.
    pub(crate) fn why_left_out(&self) -> Option<&str> {
        self.left_out.as_deref()
    }

    fn check_left_out(&self) -> Result<(), SegmentError> {
        self.left_out.as_ref().map_or(Ok(()), |problem| Err(SegmentError::LeftOut(problem.clone())))
    }

    /// Returns the header.
    pub fn header(&self) -> SegmentHeader {
        self.header
    }

    /// Returns the time range of all values.
    pub fn range(&self) -> TimeRange {
        self.footer.range
    }

    /// Returns the number of values in the file.
    pub fn values(&self) -> u64 {
        self.footer.values
    }

    /// Whether a part of the file has turned out to be unreadable since it was opened.
    pub fn is_unreadable(&self) -> bool {
        self.is_unreadable.load(Ordering::Relaxed)
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the fields for which a series has values, in order.
    pub fn fields_of(&self, series: SeriesId) -> Result<Vec<FieldId>, SegmentError> {
        let found = self.columns_between(series, FieldId(0), FieldId(u32::MAX))?;
        let mut fields: Vec<FieldId> = found.iter().flat_map(PageColumns::fields).collect();
        fields.dedup();
        Ok(fields)
    }

    /// Returns the columns of a series for fields from `min` to `max`, by the pages on which they are indexed, in order.
    pub(crate) fn columns_between(
        &self,
        series: SeriesId,
        min: FieldId,
        max: FieldId,
    ) -> Result<SmallVec<[PageColumns; 2]>, SegmentError> {
        self.check_left_out()?;
        let (min, max) = ((series, min), (series, max));
        // The last page that starts before `min` may contain columns from `min` on.
        let from = self.pages.partition_point(|page| page.first < min).saturating_sub(1);
        let to = from + self.pages[from..].partition_point(|page| page.first <= max);
        let mut found = SmallVec::new();
        for page in &self.pages[from..to] {
            let page = self.page(page)?;
            let columns = page.between(min, max);
            if !columns.is_empty() {
                found.push(PageColumns { page, columns });
            }
        }
        Ok(found)
    }

    /// Returns the entries of all blocks, in order.
    pub fn entries(self: &Arc<Self>) -> EntryCursor {
        EntryCursor { segment: self.clone(), page: 0, entries: Vec::new().into_iter() }
    }

    /// Reads and decodes a block.
    pub fn decode(&self, entry: &BlockEntry) -> Result<Batch, SegmentError> {
        self.read_block(entry).inspect_err(|_| self.is_unreadable.store(true, Ordering::Relaxed))
    }

    fn read_block(&self, entry: &BlockEntry) -> Result<Batch, SegmentError> {
        let PartRef { offset, len } = entry.times;
        if entry.summary.count <= FEW_VALUES && len <= STRIP_BYTES && entry.times.end() == entry.values.offset {
            // Reading so few times again is cheaper than caching them.
            let parts = self.part(PartRef { offset, len: len.saturating_add(entry.values.len) })?;
            let (times, values) = parts.split_at(len as usize);
            return Segment::block_of(entry, Arc::new(Segment::times_of(entry, times)?), values);
        }
        let times = self.times(entry)?;
        Segment::block_of(entry, times, &self.part(entry.values)?)
    }

    /// Decodes the times of a block.
    pub(super) fn times_of(entry: &BlockEntry, bytes: &[u8]) -> Result<Vec<i64>, SegmentError> {
        decode_times(bytes, entry.summary.count as usize).map_err(damaged(entry.times.offset))
    }

    /// Decodes a block, given its times and the bytes of its values.
    pub(super) fn block_of(entry: &BlockEntry, times: Arc<Vec<i64>>, values: &[u8]) -> Result<Batch, SegmentError> {
        let Summary { range, count, field_type, .. } = entry.summary;
        if (times.first(), times.last()) != (Some(&range.min.0), Some(&range.max.0)) {
            return Err(damaged(entry.times.offset)(CodecError::Malformed("the times do not match the index")));
        }
        let values = decode_values(values, field_type, count as usize).map_err(damaged(entry.values.offset))?;
        Ok(Batch { times, values })
    }

    /// Reads a part, and what follows it up to `bytes` bytes in total.
    pub(super) fn strip(&self, part: PartRef, bytes: u64) -> Result<Vec<u8>, SegmentError> {
        let len = part.len.max(bytes.min(self.bytes.saturating_sub(part.offset)));
        read_part(&*self.file, self.bytes, PartRef { len, ..part })
    }

    fn page(&self, page: &PageRef) -> Result<Arc<IndexPage>, SegmentError> {
        let read = || self.part(page.part).and_then(|b| IndexPage::decode(b).map_err(damaged(page.part.offset)));
        let page = self.cache.page(page.part.offset, read);
        page.inspect_err(|_| self.is_unreadable.store(true, Ordering::Relaxed))
    }

    /// Returns the times of a block.
    pub(super) fn times(&self, entry: &BlockEntry) -> Result<Arc<Vec<i64>>, SegmentError> {
        let times = self.cache.times(entry.times.offset, || {
            let times = self.part(entry.times)?;
            Segment::times_of(entry, &times)
        });
        let times = times.inspect_err(|_: &SegmentError| self.is_unreadable.store(true, Ordering::Relaxed))?;
        // They may have been cached for another block that, according to the index, has the same times.
        if times.len() == entry.summary.count as usize {
            Ok(times)
        } else {
            Err(damaged(entry.times.offset)(CodecError::Malformed("the times do not match the index")))
        }
    }

    fn read_page(&self, page: &PageRef) -> Result<Vec<BlockEntry>, SegmentError> {
        let entries = self.part(page.part).and_then(|b| decode_page(&b).map_err(damaged(page.part.offset)));
        entries.inspect_err(|_| self.is_unreadable.store(true, Ordering::Relaxed))
    }

    /// Returns the bytes of a part. Small parts are read together with what surrounds them, which is mostly needed next.
    fn part(&self, part: PartRef) -> Result<Vec<u8>, SegmentError> {
        check_part(part, self.bytes)?;
        let PartRef { offset, len } = part;
        let start = offset - offset % STRIP_BYTES;
        if part.end() > start + STRIP_BYTES {
            return read_part(&*self.file, self.bytes, part);
        }
        let strip = self.cache.strip(start, || {
            let len = STRIP_BYTES.min(self.bytes - start);
            read_part(&*self.file, self.bytes, PartRef { offset: start, len })
        })?;
        let from = (offset - start) as usize;
        Ok(strip[from..from + len as usize].to_vec())
    }
}

/// An iterator over all entries of a segment file, which reads a page at a time.
#[derive(Debug)]
pub struct EntryCursor {
    segment: Arc<Segment>,
    page: usize,
    entries: std::vec::IntoIter<BlockEntry>,
}

impl Iterator for EntryCursor {
    type Item = Result<BlockEntry, SegmentError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Some(Ok(entry));
            }
            if self.page == 0
                && let Err(error) = self.segment.check_left_out()
            {
                self.page = 1;
                return Some(Err(error));
            }
            let page = self.segment.pages.get(self.page)?;
            self.page += 1;
            match self.segment.read_page(page) {
                Ok(entries) => self.entries = entries.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Segment {
    /// Marks the file as unreadable, and returns the error as queries report it.
    pub(super) fn unreadable(&self, error: &SegmentError) -> SourceError {
        self.is_unreadable.store(true, Ordering::Relaxed);
        self.source_error(error)
    }

    /// Returns the error as queries report it.
    pub(crate) fn source_error(&self, error: &SegmentError) -> SourceError {
        tracing::error!(file = %self.path.display(), %error, "cannot read stored values");
        SourceError(format!("{}: {error}", self.path.display()))
    }
}

fn read_at(file: &dyn ReadFile, buffer: &mut [u8], offset: u64) -> Result<(), SegmentError> {
    file.read_at(buffer, offset).map_err(|source| SegmentError::Io { offset, source })
}

/// Returns the header and the footer of a file, each if it can be read.
pub(super) fn read_ends(file: &dyn ReadFile) -> (Option<SegmentHeader>, Option<Footer>) {
    let mut head = [0; HEADER_LEN];
    let header = read_at(file, &mut head, 0).ok().and_then(|()| SegmentHeader::decode(&head).ok());
    let mut foot = [0; FOOTER_LEN];
    let footer = file.length().ok().and_then(|bytes| bytes.checked_sub(FOOTER_LEN as u64));
    let footer = footer.and_then(|at| read_at(file, &mut foot, at).ok()).and_then(|()| Footer::decode(&foot).ok());
    (header, footer)
}

/// Returns the header of the file at `path`, if it can be read.
pub(crate) fn read_header(disk: &dyn Disk, path: &Path) -> Option<SegmentHeader> {
    read_ends(&*disk.open(path).ok()?).0
}

/// Checks that a part lies within the file of `bytes` bytes, so that arithmetic with its offset and length cannot overflow.
fn check_part(PartRef { offset, len }: PartRef, bytes: u64) -> Result<(), SegmentError> {
    if len > PART_BYTES_MAX || offset.checked_add(len).is_none_or(|end| end > bytes) {
        return Err(damaged(offset)(CodecError::Truncated));
    }
    Ok(())
}

/// Reads a part of a file of `bytes` bytes.
fn read_part(file: &dyn ReadFile, bytes: u64, part: PartRef) -> Result<Vec<u8>, SegmentError> {
    check_part(part, bytes)?;
    let PartRef { offset, len } = part;
    let mut part = vec![0; len as usize];
    read_at(file, &mut part, offset)?;
    Ok(part)
}

fn damaged(offset: u64) -> impl Fn(CodecError) -> SegmentError {
    move |source| SegmentError::Damaged { offset, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes without end, of which a file of any length can be a part.
    #[derive(Debug)]
    struct Zeros;

    impl ReadFile for Zeros {
        fn length(&self) -> std::io::Result<u64> {
            Ok(u64::MAX)
        }

        fn read_at(&self, _: &mut [u8], _: u64) -> std::io::Result<()> {
            Ok(())
        }
    }

    // spec: storage.segment.2
    #[test]
    fn a_part_that_is_not_in_the_file_is_refused_wherever_it_is() {
        const BYTES: u64 = 3 * STRIP_BYTES + 7;
        let header = SegmentHeader { database: DatabaseId(1), shard: ShardId(1), position: 0 };
        let footer = Footer { directory_offset: 0, directory_len: 0, values: 0, range: TimeRange::ALL };
        let file = (Arc::new(Zeros) as Arc<dyn ReadFile>, BYTES);
        let segment = Segment::from_parts(file, PathBuf::from("segment"), header, footer, Vec::new(), Arc::default());
        let len_of = |offset, len| segment.part(PartRef { offset, len }).ok().map(|part| part.len() as u64);
        let offsets =
            [0, 1, STRIP_BYTES - 1, STRIP_BYTES, BYTES - 8, BYTES - 1, BYTES, BYTES + 1, u64::MAX - 9, u64::MAX];
        for offset in offsets {
            for len in [0, 1, 8, STRIP_BYTES, STRIP_BYTES + 1, BYTES, PART_BYTES_MAX, u64::MAX - 9, u64::MAX] {
                let is_inside = u128::from(offset) + u128::from(len) <= u128::from(BYTES);
                assert_eq!(len_of(offset, len), is_inside.then_some(len), "{len} bytes at {offset}");
            }
        }
    }
}
