//! Reading a segment file from beginning to end, for merging: in long strips and without the cache of queries.

use std::sync::Arc;

use fluxstone_columns::{Batch, Block, SourceError, Summary};
use parking_lot::Mutex;

use super::index::{BlockEntry, PartRef};
use super::reader::{EntryCursor, Segment, SegmentError};

/// The number of bytes that are read at once.
const STRIP_BYTES: u64 = 256 << 10;

/// Reads the blocks of a file in order.
#[derive(Debug)]
pub struct SequentialReader {
    entries: EntryCursor,
    file: Arc<SequentialFile>,
}

/// The file, and the strip of it that was read last.
#[derive(Debug)]
struct SequentialFile {
    segment: Arc<Segment>,
    strip: Mutex<Strip>,
}

/// Consecutive bytes of a file.
#[derive(Debug, Default)]
struct Strip {
    offset: u64,
    bytes: Vec<u8>,
    /// The times that were decoded last, which the next fields mostly share.
    times: Option<(u64, Arc<Vec<i64>>)>,
}

/// A block that is read when it is decoded.
#[derive(Debug)]
struct SequentialBlock {
    file: Arc<SequentialFile>,
    entry: BlockEntry,
}

impl SequentialReader {
    /// Creates a reader before the first block.
    pub fn new(segment: &Arc<Segment>) -> SequentialReader {
        let file = Arc::new(SequentialFile { segment: segment.clone(), strip: Mutex::default() });
        SequentialReader { entries: segment.entries(), file }
    }

    /// Returns the file.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.file.segment
    }

    /// Returns the index entry of the next block.
    pub fn next_entry(&mut self) -> Option<Result<BlockEntry, SegmentError>> {
        self.entries.next()
    }

    /// Reads and decodes a block.
    pub(super) fn read(&self, entry: &BlockEntry) -> Result<Arc<Batch>, SegmentError> {
        self.file.decode(entry).map(Arc::new)
    }

    /// Forgets what was read, so that it is read again.
    pub(super) fn forget(&self) {
        *self.file.strip.lock() = Strip::default();
    }

    /// Returns a block, which is read when it is decoded.
    pub fn block(&self, entry: BlockEntry) -> Arc<dyn Block> {
        Arc::new(SequentialBlock { file: self.file.clone(), entry })
    }
}

impl SequentialFile {
    fn times(&self, entry: &BlockEntry) -> Result<Arc<Vec<i64>>, SegmentError> {
        let mut strip = self.strip.lock();
        let offset = entry.times.offset;
        if let Some((at, times)) = &strip.times
            && *at == offset
            && times.len() == entry.summary.count as usize
        {
            return Ok(times.clone());
        }
        let times = Arc::new(Segment::times_of(entry, strip.part(&self.segment, entry.times)?)?);
        strip.times = Some((offset, times.clone()));
        Ok(times)
    }

    fn decode(&self, entry: &BlockEntry) -> Result<Batch, SegmentError> {
        let times = self.times(entry)?;
        let mut strip = self.strip.lock();
        Segment::block_of(entry, times, strip.part(&self.segment, entry.values)?)
    }
}

impl Strip {
    /// Returns the bytes of a part, which mostly follows the one returned before.
    fn part(&mut self, segment: &Segment, part: PartRef) -> Result<&[u8], SegmentError> {
        let has = |strip: &Strip| {
            let from = usize::try_from(part.offset.checked_sub(strip.offset)?).ok()?;
            let to = from.checked_add(usize::try_from(part.len).ok()?)?;
            (to <= strip.bytes.len()).then_some(from..to)
        };
        let range = if let Some(range) = has(self) {
            range
        } else {
            self.bytes = segment.strip(part, STRIP_BYTES)?;
            self.offset = part.offset;
            0..part.len as usize
        };
        Ok(&self.bytes[range])
    }
}

impl Block for SequentialBlock {
    fn summary(&self) -> Summary {
        self.entry.summary
    }

    fn times(&self) -> Result<Arc<Vec<i64>>, SourceError> {
        let segment = &self.file.segment;
        self.file.times(&self.entry).map_err(|error| segment.unreadable(&error))
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        let segment = &self.file.segment;
        self.file.decode(&self.entry).map(Arc::new).map_err(|error| segment.unreadable(&error))
    }
}
