//! Writing a segment file: blocks are added in order and written as they come; index and footer are written at the end.
//!
//! Invariant: the file gets its name only after all of it is on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluxstone_columns::{Batch, Column, SeriesId, Summary};
use fluxstone_model::{TimeRange, Timestamp};

use super::block::{BLOCK_VALUES_MAX, encode_times, encode_values, summarize};
use super::index::{BlockEntry, PAGE_BYTES_MIN, PageRef, PageState, PartRef, encode_directory};
use super::layout::{Footer, SegmentHeader};
use crate::disk::{AppendFile, Disk, TEMPORARY_SUFFIX};
use crate::error::StorageError;
use crate::record::FieldId;

/// The approximate number of bytes that are passed to the disk at once.
const BUFFER_BYTES: usize = 1 << 20;
/// Blocks with fewer values have no summary of numbers, which would be longer than what it saves.
const SUMMARY_VALUES_MIN: usize = 8;
/// The maximum total size of the strings in a block, unless a single one is longer.
const STRING_BYTES_MAX: usize = 1 << 20;
/// The maximum number of times of the current series that are remembered so that its fields can share them.
const SHARED_TIMES_MAX: usize = 1 << 18;

/// A segment file that is being written, under a temporary name.
#[derive(Debug)]
pub struct SegmentWriter {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    temporary: PathBuf,
    file: Box<dyn AppendFile>,
    buffer: Vec<u8>,
    /// The number of bytes passed to the disk so far.
    flushed: u64,
    /// The state of the open page.
    page: PageState,
    /// The encoded entries of the open page.
    entries: Vec<u8>,
    /// The closed pages.
    pages: Vec<(PageRef, Vec<u8>)>,
    page_first: Option<(SeriesId, FieldId)>,
    /// Values of the last column that may share a block with what follows. Shared with the caller until more are added.
    pending: Arc<Batch>,
    empty: Arc<Batch>,
    pending_key: (SeriesId, FieldId),
    shared: SharedTimes,
    values: u64,
    range: Option<TimeRange>,
}

/// The times of the current series that are already in the file.
#[derive(Debug)]
struct SharedTimes {
    series: SeriesId,
    times: Vec<(Arc<Vec<i64>>, PartRef)>,
    count: usize,
}

impl SegmentWriter {
    /// Starts the file that will be named `path`.
    pub fn create(disk: Arc<dyn Disk>, path: &Path, header: SegmentHeader) -> Result<Self, StorageError> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(TEMPORARY_SUFFIX);
        let temporary = PathBuf::from(temporary);
        let file = disk.create(&temporary).map_err(StorageError::io("create", &temporary))?;
        let empty = Arc::new(Batch { times: Arc::default(), values: Column::Float(Vec::new()) });
        Ok(SegmentWriter {
            disk,
            path: path.to_owned(),
            temporary,
            file,
            buffer: header.encode().to_vec(),
            flushed: 0,
            page: PageState::default(),
            entries: Vec::new(),
            pages: Vec::new(),
            page_first: None,
            pending: empty.clone(),
            empty,
            pending_key: (SeriesId(0), FieldId(0)),
            shared: SharedTimes { series: SeriesId(0), times: Vec::new(), count: 0 },
            values: 0,
            range: None,
        })
    }

    /// Returns the final path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds values of one field of one series. Series, fields and times must ascend from call to call, and times within `batch`;
    /// all values of a field of a series must have one type.
    pub fn add(&mut self, series: SeriesId, field: FieldId, batch: &Arc<Batch>) -> Result<(), StorageError> {
        if self.pending_key != (series, field) {
            self.close_column()?;
            self.pending_key = (series, field);
        }
        if self.pending.times.is_empty() {
            self.pending = batch.clone();
        } else if !append(Arc::make_mut(&mut self.pending), batch) {
            return Err(StorageError::damaged(&self.path, "a field has values of two types"));
        }
        while self.pending.times.len() >= BLOCK_VALUES_MAX {
            self.add_first_block()?;
        }
        Ok(())
    }

    /// Writes all pending values.
    fn close_column(&mut self) -> Result<(), StorageError> {
        while !self.pending.times.is_empty() {
            self.add_first_block()?;
        }
        Ok(())
    }

    fn add_first_block(&mut self) -> Result<(), StorageError> {
        let (series, field) = self.pending_key;
        let (end, len) = (block_end(&self.pending), self.pending.times.len());
        if end == len {
            let block = std::mem::replace(&mut self.pending, self.empty.clone());
            return self.add_block(series, field, &block);
        }
        let block = part(&self.pending, 0, end);
        self.pending = Arc::new(part(&self.pending, end, len));
        self.add_block(series, field, &block)
    }

    fn add_block(&mut self, series: SeriesId, field: FieldId, batch: &Batch) -> Result<(), StorageError> {
        let (Some(&min), Some(&max)) = (batch.times.first(), batch.times.last()) else { return Ok(()) };
        let range = TimeRange { min: Timestamp(min), max: Timestamp(max) };
        let times = self.times_part(series, &batch.times);
        let offset = self.end();
        encode_values(&batch.values, &mut self.buffer);
        let values = PartRef { offset, len: self.end() - offset };
        let numbers = if batch.times.len() >= SUMMARY_VALUES_MIN { summarize(&batch.values) } else { None };
        let count = batch.times.len() as u32;
        let summary = Summary { range, count, field_type: batch.values.field_type(), numbers };
        self.index(&BlockEntry { series, field, summary, times, values });
        self.values += u64::from(count);
        let all = self.range.unwrap_or(range);
        self.range = Some(TimeRange { min: all.min.min(range.min), max: all.max.max(range.max) });
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Returns the place of `times`, after writing them unless an earlier field of the series has the same.
    fn times_part(&mut self, series: SeriesId, times: &Arc<Vec<i64>>) -> PartRef {
        if self.shared.series != series {
            self.shared.times.clear();
            (self.shared.series, self.shared.count) = (series, 0);
        }
        if let Some((_, part)) = self.shared.times.iter().find(|(known, _)| known == times) {
            return *part;
        }
        let offset = self.end();
        encode_times(times, &mut self.buffer);
        let part = PartRef { offset, len: self.end() - offset };
        if self.shared.count + times.len() <= SHARED_TIMES_MAX {
            self.shared.count += times.len();
            self.shared.times.push((times.clone(), part));
        }
        part
    }

    /// Returns the offset of the next byte in the file.
    fn end(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    fn index(&mut self, entry: &BlockEntry) {
        if self.entries.len() >= PAGE_BYTES_MIN {
            self.close_page();
        }
        if self.page_first.is_none() {
            self.page_first = Some(entry.key());
        }
        self.page.put(entry, &mut self.entries);
    }

    fn close_page(&mut self) {
        let Some(first) = self.page_first.take() else { return };
        self.page = PageState::default();
        let mut page = std::mem::take(&mut self.entries);
        let crc = crc32c::crc32c(&page);
        page.extend_from_slice(&crc.to_le_bytes());
        let part = PartRef { offset: 0, len: page.len() as u64 }; // the offset is known at the end
        self.pages.push((PageRef { first, part }, page));
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.file.append(&self.buffer).map_err(StorageError::io("write", &self.temporary))?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes index and footer, makes the file durable and gives it its name; the caller has to make the name durable. If there
    /// are no blocks, removes the file and returns `false`.
    pub fn finish(mut self) -> Result<bool, StorageError> {
        self.close_column()?;
        let Some(range) = self.range else {
            drop(self.file);
            self.disk.remove(&self.temporary).map_err(StorageError::io("remove", &self.temporary))?;
            return Ok(false);
        };
        self.finish_with(range)?;
        Ok(true)
    }

    /// Like [`SegmentWriter::finish`], but keeps a file without blocks.
    pub(crate) fn finish_even_if_empty(mut self) -> Result<(), StorageError> {
        self.close_column()?;
        let range = self.range.unwrap_or(TimeRange { min: Timestamp(0), max: Timestamp(0) });
        self.finish_with(range)
    }

    fn finish_with(mut self, range: TimeRange) -> Result<(), StorageError> {
        self.close_page();
        let mut refs = Vec::with_capacity(self.pages.len());
        for (page, bytes) in std::mem::take(&mut self.pages) {
            refs.push(PageRef { part: PartRef { offset: self.end(), ..page.part }, ..page });
            self.buffer.extend_from_slice(&bytes);
        }
        let directory = encode_directory(&refs);
        let footer =
            Footer { directory_offset: self.end(), directory_len: directory.len() as u64, values: self.values, range };
        self.buffer.extend_from_slice(&directory);
        self.buffer.extend_from_slice(&footer.encode());
        self.flush()?;
        self.file.sync().map_err(StorageError::io("sync", &self.temporary))?;
        drop(self.file);
        self.disk.rename(&self.temporary, &self.path).map_err(StorageError::io("rename", &self.temporary))
    }
}

/// Returns the number of values in the first block of a batch.
fn block_end(batch: &Batch) -> usize {
    let max = batch.times.len().min(BLOCK_VALUES_MAX);
    let Column::String(values) = &batch.values else { return max };
    let mut bytes = 0;
    let fitting = values[..max].iter().take_while(|value| {
        bytes += value.len();
        bytes <= STRING_BYTES_MAX
    });
    fitting.count().max(1)
}

/// Appends the values of one batch to another. Returns `false` if their types differ.
pub(super) fn append(batch: &mut Batch, more: &Batch) -> bool {
    match (&mut batch.values, &more.values) {
        (Column::Float(a), Column::Float(b)) => a.extend_from_slice(b),
        (Column::Integer(a), Column::Integer(b)) => a.extend_from_slice(b),
        (Column::String(a), Column::String(b)) => a.extend_from_slice(b),
        (Column::Boolean(a), Column::Boolean(b)) => a.extend_from_slice(b),
        _ => return false,
    }
    Arc::make_mut(&mut batch.times).extend_from_slice(&more.times);
    true
}

/// Returns the values from index `from` to `to`, exclusive.
fn part(batch: &Batch, from: usize, to: usize) -> Batch {
    let values = match &batch.values {
        Column::Float(v) => Column::Float(v[from..to].to_vec()),
        Column::Integer(v) => Column::Integer(v[from..to].to_vec()),
        Column::String(v) => Column::String(v[from..to].to_vec()),
        Column::Boolean(v) => Column::Boolean(v[from..to].to_vec()),
    };
    Batch { times: Arc::new(batch.times[from..to].to_vec()), values }
}
