//! Blocks of segment files, as queries read them: a whole column, which stands for its blocks, and a block, which is read when it is
//! decoded.

use std::sync::Arc;

use fluxstone_columns::{Batch, Block, SeriesId, SourceError, Summary};

use super::index::BlockEntry;
use super::page::{IndexPage, PageColumns};
use super::reader::{Segment, SegmentError};
use super::writer::append;
use crate::record::FieldId;

/// The blocks of a column that are indexed on one page.
#[derive(Debug)]
pub(crate) struct StoredColumn {
    segment: Arc<Segment>,
    page: Arc<IndexPage>,
    column: usize,
}

/// A block, which is read when it is decoded.
#[derive(Debug)]
struct StoredBlock {
    segment: Arc<Segment>,
    entry: BlockEntry,
}

impl Segment {
    /// Returns the columns of a field of a series, one for each index page that has blocks of it.
    pub fn columns_of(self: &Arc<Self>, series: SeriesId, field: FieldId) -> Result<Vec<Arc<dyn Block>>, SegmentError> {
        let pages = self.columns_between(series, field, field)?;
        let columns = pages.iter().flat_map(|page| StoredColumn::of(self, page, field));
        Ok(columns.map(|column| Arc::new(column) as Arc<dyn Block>).collect())
    }
}

impl StoredColumn {
    /// Returns the columns of a field among those of a page.
    pub(crate) fn of(
        segment: &Arc<Segment>,
        columns: &PageColumns,
        field: FieldId,
    ) -> impl Iterator<Item = StoredColumn> {
        let (segment, page) = (segment.clone(), columns.page.clone());
        columns.of(field).map(move |column| StoredColumn { segment: segment.clone(), page: page.clone(), column })
    }

    fn blocks(&self) -> Result<Vec<StoredBlock>, SourceError> {
        let entries = self.page.entries(self.column).map_err(|source| {
            // The page was verified when it was read.
            self.segment.unreadable(&SegmentError::Damaged { offset: 0, source })
        })?;
        Ok(entries.into_iter().map(|entry| StoredBlock { segment: self.segment.clone(), entry }).collect())
    }
}

impl Block for StoredColumn {
    fn summary(&self) -> Summary {
        self.page.summary(self.column)
    }

    fn part_count(&self) -> usize {
        self.page.block_count(self.column)
    }

    fn parts(&self) -> Result<Vec<Arc<dyn Block>>, SourceError> {
        Ok(self.blocks()?.into_iter().map(|block| Arc::new(block) as Arc<dyn Block>).collect())
    }

    fn times(&self) -> Result<Arc<Vec<i64>>, SourceError> {
        let blocks = self.blocks()?;
        if let [block] = &blocks[..] {
            return block.times();
        }
        let mut times = Vec::with_capacity(self.summary().count as usize);
        for block in &blocks {
            times.extend_from_slice(&block.times()?);
        }
        Ok(Arc::new(times))
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        let mut batches = self.blocks()?.into_iter().map(|block| block.decode());
        let first = batches.next().transpose()?;
        let mut whole = first.ok_or_else(|| SourceError("a column without blocks".to_owned()))?;
        for batch in batches {
            if !append(Arc::make_mut(&mut whole), &*batch?) {
                return Err(SourceError("a field has values of two types in one shard".to_owned()));
            }
        }
        Ok(whole)
    }
}

impl Block for StoredBlock {
    fn summary(&self) -> Summary {
        self.entry.summary
    }

    fn times(&self) -> Result<Arc<Vec<i64>>, SourceError> {
        self.segment.times(&self.entry).map_err(|error| self.segment.source_error(&error))
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        self.segment.decode(&self.entry).map(Arc::new).map_err(|error| self.segment.source_error(&error))
    }
}
