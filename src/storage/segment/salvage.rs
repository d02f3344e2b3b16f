//! Reading what can be read of a damaged segment file, for repair.
//!
//! Every part is checked. In a part whose checksum is wrong, one flipped bit is flipped back; if that does not help, the part is
//! lost, and nothing else. The file itself is never changed: corrections are kept beside it.
//!
//! Memory is bounded by the largest part and the index's directory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use fluxstone_codec::CodecError;
use fluxstone_columns::{Batch, SeriesId};
use fluxstone_model::{DatabaseId, ShardId, TimeRange, Timestamp};
use parking_lot::Mutex;

use super::cache::SegmentCache;
use super::index::{BlockEntry, PageRef, PartRef, decode_directory, find_page_end};
use super::layout::{FOOTER_LEN, Footer, HEADER_LEN, SegmentHeader, UNKNOWN_SEGMENT_VERSION};
use super::reader::{Segment, SegmentError};
use super::sequential::SequentialReader;
use crate::bit_flip::restore_part;
use crate::disk::{Disk, ReadFile};
use crate::error::StorageError;

/// The most series that are remembered of those that lost values.
pub(crate) const SERIES_NAMED_MAX: usize = 20;
/// More than the largest page, which is closed when it has 4096 bytes.
const PAGE_BYTES_MAX: usize = 8192;
/// The bytes in which a page is searched for at once.
const SEARCHED_BYTES: usize = 1 << 20;
/// The range of no times, which every range extends.
const NO_TIME: TimeRange = TimeRange { min: Timestamp(i64::MAX), max: Timestamp(i64::MIN) };
/// The memory for caching: parts are read once, in order.
const CACHE_BYTES: usize = 1 << 20;

/// What was found in a segment file.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Its header; `None` if nothing of the file can be used.
    pub(crate) header: Option<SegmentHeader>,
    /// The first problem; `None` if the file is sound.
    pub(crate) problem: Option<String>,
    /// The number of bits that were flipped back.
    pub(crate) restored: usize,
    /// What cannot be read.
    pub(crate) lost: Lost,
}

/// The values of a file that cannot be read.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    /// Whether parts of the index are lost, so that there are others than those named here.
    pub(crate) more: bool,
    /// The number of values in the blocks that are lost.
    pub(crate) values: u64,
    /// The times of what is lost; `None` if nothing is, or if they are not known.
    pub(crate) range: Option<TimeRange>,
    /// The first of the series.
    pub(crate) series: Vec<SeriesId>,
    /// The number of series.
    pub(crate) series_count: u64,
    last: Option<SeriesId>,
}

/// Called with each block that can be read, in order.
pub(crate) type OnBlock<'a> = dyn FnMut(&BlockEntry, &Arc<Batch>) -> Result<(), StorageError> + 'a;

impl Lost {
    /// Whether anything is lost.
    pub(crate) fn is_any(&self) -> bool {
        self.more || self.values > 0
    }

    /// Adds a block. Blocks must be added in the order of their series.
    pub(crate) fn add(&mut self, entry: &BlockEntry) {
        self.values += u64::from(entry.summary.count);
        self.add_range(entry.summary.range);
        if self.last != Some(entry.series) {
            self.last = Some(entry.series);
            self.series_count += 1;
            if self.series.len() < SERIES_NAMED_MAX {
                self.series.push(entry.series);
            }
        }
    }

    fn add_range(&mut self, range: TimeRange) {
        let all = self.range.unwrap_or(range);
        self.range = Some(TimeRange { min: all.min.min(range.min), max: all.max.max(range.max) });
    }
}

/// Reads all of a segment file of a shard, and passes each block that can be read to `each`. If the header is lost, the file is
/// taken to cover the records before `position`.
pub(crate) fn salvage(
    disk: &dyn Disk,
    path: &Path,
    of_shard: (DatabaseId, ShardId),
    position: u64,
    each: &mut OnBlock<'_>,
) -> Result<Findings, StorageError> {
    let mut findings = Findings::default();
    let file = match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            findings.lose_all("the file is missing");
            return Ok(findings);
        }
        opened => {
            Arc::new(CorrectedFile { file: opened.map_err(StorageError::io("open", path))?, bytes: Mutex::default() })
        }
    };
    let length = file.length().map_err(StorageError::io("read", path))?;
    let mut salvage = Salvage { path, file, length, findings };
    if let Some(index) = salvage.read_ends(of_shard, position)? {
        salvage.read_pages(index, each)?;
    }
    Ok(salvage.findings)
}

impl Findings {
    fn note(&mut self, offset: u64, problem: &str) {
        self.problem.get_or_insert_with(|| format!("at offset {offset}: {problem}"));
    }

    fn lose_all(&mut self, problem: &str) {
        self.problem.get_or_insert_with(|| problem.to_owned());
        self.header = None;
        self.lost.more = true;
    }
}

/// What leads to the blocks.
struct Index {
    header: SegmentHeader,
    footer: Footer,
    pages: Vec<PageRef>,
}

struct Salvage<'p> {
    path: &'p Path,
    file: Arc<CorrectedFile>,
    length: u64,
    findings: Findings,
}

impl Salvage<'_> {
    /// Reads header, footer and directory. Returns `None` if there is nothing that could be read with them.
    fn read_ends(&mut self, of_shard: (DatabaseId, ShardId), position: u64) -> Result<Option<Index>, StorageError> {
        if self.length < HEADER_LEN as u64 {
            self.findings.lose_all("the file is too short");
            return Ok(None);
        }
        let header = self.read_header(of_shard, position)?;
        if (header.database, header.shard) != of_shard {
            self.findings.lose_all("the file belongs to another shard");
            return Ok(None);
        }
        self.findings.header = Some(header);
        let footer = self.read_footer();
        if let Some(footer) = footer {
            let directory = PartRef { offset: footer.directory_offset, len: footer.directory_len };
            if let Some(pages) = self.part(directory).and_then(|bytes| decode_directory(&bytes).ok()) {
                return Ok(Some(Index { header, footer, pages }));
            }
            self.findings.note(directory.offset, "the directory cannot be read");
        }
        let found = self.find_pages()?;
        if found.is_none() {
            self.findings.lose_all("the index cannot be read");
            if let Some(footer) = footer {
                self.findings.lost.add_range(footer.range);
            }
        }
        Ok(found.map(|(footer, pages)| Index { header, footer, pages }))
    }

    /// Finds the index pages without a directory. The first page says that its parts begin after the header, and the others follow
    /// it without gaps.
    fn find_pages(&mut self) -> Result<Option<(Footer, Vec<PageRef>)>, StorageError> {
        let (first, is_first) = match self.find_page(true)? {
            None => (self.find_page(false)?, false),
            first => (first, true),
        };
        let Some(first_at) = first else { return Ok(None) };
        let mut footer = Footer { directory_offset: first_at, directory_len: 0, values: 0, range: NO_TIME };
        let mut pages = Vec::new();
        let (mut parts_end, mut has_gap) = (0, !is_first);
        loop {
            let bytes = self.read(footer.directory_offset, 2 * PAGE_BYTES_MAX)?;
            // If a page is damaged, the next one begins soon after it.
            let mut starts = 0..bytes.len().min(PAGE_BYTES_MAX);
            let found = starts.find_map(|from| Some((from, find_page_end(&bytes[from..])?)));
            let Some((skipped, (entries, len))) = found else { break };
            let offset = footer.directory_offset + skipped as u64;
            has_gap |= skipped > 0;
            pages.extend(
                entries.first().map(|first| PageRef { first: first.key(), part: PartRef { offset, len: len as u64 } }),
            );
            footer.directory_offset = offset + len as u64;
            for entry in entries {
                footer.values += u64::from(entry.summary.count);
                let TimeRange { min, max } = entry.summary.range;
                footer.range = TimeRange { min: footer.range.min.min(min), max: footer.range.max.max(max) };
                parts_end = entry.values.end();
            }
        }
        // The last part ends where the first page begins.
        self.findings.lost.more = has_gap || parts_end != first_at;
        Ok(Some((footer, pages)))
    }

    /// Searches for an index page. If `is_first`, only for one that says that its parts begin after the header.
    fn find_page(&self, is_first: bool) -> Result<Option<u64>, StorageError> {
        let mut at = HEADER_LEN as u64;
        while at < self.length {
            let bytes = self.read(at, SEARCHED_BYTES + PAGE_BYTES_MAX)?;
            let mut starts = 0..bytes.len().min(SEARCHED_BYTES);
            let is_page = |from: &usize| {
                let bytes = &bytes[*from..];
                (!is_first || bytes.first() == Some(&(HEADER_LEN as u8))) && find_page_end(bytes).is_some()
            };
            if let Some(from) = starts.find(is_page) {
                return Ok(Some(at + from as u64));
            }
            at += SEARCHED_BYTES as u64;
        }
        Ok(None)
    }

    /// Reads up to `len` bytes.
    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, StorageError> {
        let mut bytes = vec![0; self.length.saturating_sub(offset).min(len as u64) as usize];
        self.file.read_at(&mut bytes, offset).map_err(StorageError::io("read", self.path))?;
        Ok(bytes)
    }

    fn read_header(&mut self, of_shard: (DatabaseId, ShardId), position: u64) -> Result<SegmentHeader, StorageError> {
        let known = SegmentHeader { database: of_shard.0, shard: of_shard.1, position };
        let decode = |bytes: &[u8]| {
            let bytes = bytes.first_chunk::<HEADER_LEN>().ok_or(CodecError::Truncated);
            bytes.and_then(SegmentHeader::decode)
        };
        let bytes = self.part(PartRef { offset: 0, len: HEADER_LEN as u64 }).unwrap_or_default();
        match decode(&bytes) {
            Ok(header) => Ok(header),
            Err(CodecError::Malformed(problem)) if problem == UNKNOWN_SEGMENT_VERSION => {
                Err(StorageError::damaged(self.path, problem))
            }
            Err(error) => {
                self.findings.note(0, &error.to_string());
                self.file.correct(0, &known.encode());
                Ok(known)
            }
        }
    }

    fn read_footer(&mut self) -> Option<Footer> {
        let Some(offset) = self.length.checked_sub(FOOTER_LEN as u64) else {
            self.findings.note(self.length, "the footer is missing");
            return None;
        };
        let mut bytes = [0; FOOTER_LEN];
        if self.file.read_at(&mut bytes, offset).is_ok() {
            let Err(error) = Footer::decode(&bytes) else { return Footer::decode(&bytes).ok() };
            self.findings.note(offset, &error.to_string());
        }
        let restored = Footer::restore(&mut bytes)?;
        self.file.correct(offset, &bytes);
        self.findings.restored += 1;
        Some(restored)
    }

    /// Returns the bytes of a part that ends in its checksum. Flips back a flipped bit.
    fn part(&mut self, PartRef { offset, len }: PartRef) -> Option<Vec<u8>> {
        let end = offset.checked_add(len).filter(|end| *end <= self.length);
        let mut bytes = vec![0; usize::try_from(end?.checked_sub(offset)?).ok()?];
        if let Err(error) = self.file.read_at(&mut bytes, offset) {
            self.findings.note(offset, &error.to_string());
            return None;
        }
        let (content, crc) = bytes.split_last_chunk::<4>()?;
        if u32::from_le_bytes(*crc) != crc32c::crc32c(content) {
            self.findings.note(offset, "the checksum is wrong");
            restore_part(&mut bytes)?;
            self.file.correct(offset, &bytes);
            self.findings.restored += 1;
        }
        Some(bytes)
    }

    fn read_pages(&mut self, index: Index, each: &mut OnBlock<'_>) -> Result<(), StorageError> {
        for page in &index.pages {
            self.part(page.part);
        }
        let Index { header, footer, pages } = index;
        let cache = Arc::new(SegmentCache::new(CACHE_BYTES));
        let file = (self.file.clone() as Arc<dyn ReadFile>, self.length);
        let segment = Arc::new(Segment::from_parts(file, self.path.to_owned(), header, footer, pages, cache));
        let mut reader = SequentialReader::new(&segment);
        while let Some(entry) = reader.next_entry() {
            match entry {
                Ok(entry) => match self.block(&reader, &entry) {
                    Ok(batch) => each(&entry, &batch)?,
                    Err(error) => {
                        self.findings.note_error(&error);
                        self.findings.lost.add(&entry);
                    }
                },
                Err(error) => {
                    self.findings.note_error(&error);
                    self.findings.lost.more = true;
                    self.findings.lost.add_range(segment.range());
                }
            }
        }
        Ok(())
    }

    fn block(&mut self, reader: &SequentialReader, entry: &BlockEntry) -> Result<Arc<Batch>, SegmentError> {
        let Err(_) = reader.read(entry) else { return reader.read(entry) };
        for part in [entry.times, entry.values] {
            self.part(part);
        }
        reader.forget();
        reader.read(entry)
    }
}

impl Findings {
    fn note_error(&mut self, error: &SegmentError) {
        self.problem.get_or_insert_with(|| error.to_string());
    }
}

/// A file with corrections, which are not written to it.
#[derive(Debug)]
struct CorrectedFile {
    file: Arc<dyn ReadFile>,
    /// The corrected bytes, with their offsets.
    bytes: Mutex<Vec<(u64, u8)>>,
}

impl CorrectedFile {
    /// Replaces the bytes at `offset`.
    fn correct(&self, offset: u64, bytes: &[u8]) {
        let mut stored = vec![0; bytes.len()];
        let is_read = self.read_at(&mut stored, offset).is_ok();
        let changed = bytes.iter().zip(&stored).enumerate().filter(|(_, (new, old))| !is_read || new != old);
        let changed: Vec<(u64, u8)> = changed.map(|(at, (new, _))| (offset + at as u64, *new)).collect();
        self.bytes.lock().extend(changed);
    }
}

impl ReadFile for CorrectedFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(buffer, offset)?;
        for (at, byte) in &*self.bytes.lock() {
            let at = at.checked_sub(offset).and_then(|at| usize::try_from(at).ok());
            if let Some(stored) = at.and_then(|at| buffer.get_mut(at)) {
                *stored = *byte;
            }
        }
        Ok(())
    }
}
