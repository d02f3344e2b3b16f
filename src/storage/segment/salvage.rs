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
use fluxstone_model::{DatabaseId, ShardId, TimeRange};
use parking_lot::Mutex;

use super::cache::SegmentCache;
use super::index::{BlockEntry, PageRef, PartRef, decode_directory};
use super::layout::{FOOTER_LEN, Footer, HEADER_LEN, SegmentHeader, UNKNOWN_SEGMENT_VERSION};
use super::reader::{Segment, SegmentError};
use super::sequential::SequentialReader;
use crate::bit_flip::restore_part;
use crate::disk::{Disk, ReadFile};
use crate::error::StorageError;

/// The most series that are remembered of those that lost values.
pub(crate) const SERIES_NAMED_MAX: usize = 20;
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
    if let Some(pages) = salvage.read_ends(of_shard, position)? {
        salvage.read_pages(&pages, each)?;
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

struct Salvage<'p> {
    path: &'p Path,
    file: Arc<CorrectedFile>,
    length: u64,
    findings: Findings,
}

impl Salvage<'_> {
    /// Reads header, footer and directory. Returns the pages; `None` if they are lost.
    fn read_ends(
        &mut self,
        of_shard: (DatabaseId, ShardId),
        position: u64,
    ) -> Result<Option<Vec<PageRef>>, StorageError> {
        if self.length < (HEADER_LEN + FOOTER_LEN) as u64 {
            self.findings.lose_all("the file is too short");
            return Ok(None);
        }
        let header = self.read_header(of_shard, position)?;
        if (header.database, header.shard) != of_shard {
            self.findings.lose_all("the file belongs to another shard");
            return Ok(None);
        }
        let Some(footer) = self.read_footer() else {
            self.findings.lose_all("the footer cannot be read");
            return Ok(None);
        };
        self.findings.header = Some(header);
        let directory = PartRef { offset: footer.directory_offset, len: footer.directory_len };
        let pages = self.part(directory).and_then(|bytes| decode_directory(&bytes).ok());
        if pages.is_none() {
            self.findings.note(directory.offset, "the directory cannot be read");
            self.findings.lose_all("");
            self.findings.lost.add_range(footer.range);
        }
        Ok(pages)
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
        let offset = self.length - FOOTER_LEN as u64;
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

    fn read_pages(&mut self, pages: &[PageRef], each: &mut OnBlock<'_>) -> Result<(), StorageError> {
        for page in pages {
            self.part(page.part);
        }
        let cache = Arc::new(SegmentCache::new(CACHE_BYTES));
        let segment = match Segment::read(self.file.clone(), self.path.to_owned(), cache) {
            Ok(segment) => Arc::new(segment),
            Err(error) => {
                self.findings.lose_all(&error.to_string());
                return Ok(());
            }
        };
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
