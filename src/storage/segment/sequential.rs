//! Reads a segment file from its beginning to its end, as merging does, in long strips and past the cache of queries.

use std::sync::Arc;

use fluxstone_columns::{Batch, Block, SourceError, Summary};
use parking_lot::Mutex;

use super::index::{BlockEntry, PartRef};
use super::reader::{EntryCursor, Segment, SegmentError};

/// Bytes that are read at once.
const STRIP_BYTES: u64 = 256 << 10;

/// The blocks of a file in their order.
#[derive(Debug)]
pub struct SequentialReader {
    entries: EntryCursor,
    shared: Arc<Strip>,
}

/// Where a file is read.
#[derive(Debug)]
struct Strip {
    segment: Arc<Segment>,
    here: Mutex<Here>,
}

#[derive(Debug, Default)]
struct Here {
    offset: u64,
    bytes: Vec<u8>,
    /// The times that were read last, which the next fields mostly share.
    times: Option<(u64, Arc<Vec<i64>>)>,
}

/// A block that is read when it is decoded.
#[derive(Debug)]
struct SequentialBlock {
    strip: Arc<Strip>,
    entry: BlockEntry,
}

impl SequentialReader {
    /// Stands before the first block.
    pub fn new(segment: &Arc<Segment>) -> SequentialReader {
        let shared = Arc::new(Strip { segment: segment.clone(), here: Mutex::default() });
        SequentialReader { entries: segment.entries(), shared }
    }

    /// The file.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.shared.segment
    }

    /// What the index says of the next block.
    pub fn next_entry(&mut self) -> Option<Result<BlockEntry, SegmentError>> {
        self.entries.next()
    }

    /// A block.
    pub fn block(&self, entry: BlockEntry) -> Arc<dyn Block> {
        Arc::new(SequentialBlock { strip: self.shared.clone(), entry })
    }
}

impl Strip {
    fn times(&self, entry: &BlockEntry) -> Result<Arc<Vec<i64>>, SegmentError> {
        let mut here = self.here.lock();
        let offset = entry.times.offset;
        if let Some((at, times)) = &here.times
            && *at == offset
            && times.len() == entry.summary.count as usize
        {
            return Ok(times.clone());
        }
        let times = Arc::new(Segment::times_of(entry, here.part(&self.segment, entry.times)?)?);
        here.times = Some((offset, times.clone()));
        Ok(times)
    }

    fn decode(&self, entry: &BlockEntry) -> Result<Batch, SegmentError> {
        let times = self.times(entry)?;
        let mut here = self.here.lock();
        Segment::block_of(entry, times, here.part(&self.segment, entry.values)?)
    }
}

impl Here {
    /// The bytes of a part, which is mostly behind the one before.
    fn part(&mut self, segment: &Segment, part: PartRef) -> Result<&[u8], SegmentError> {
        let has = |here: &Here| {
            let from = usize::try_from(part.offset.checked_sub(here.offset)?).ok()?;
            let to = from.checked_add(usize::try_from(part.len).ok()?)?;
            (to <= here.bytes.len()).then_some(from..to)
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
        let segment = &self.strip.segment;
        self.strip.times(&self.entry).map_err(|error| segment.unreadable(&error))
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        let segment = &self.strip.segment;
        self.strip.decode(&self.entry).map(Arc::new).map_err(|error| segment.unreadable(&error))
    }
}
