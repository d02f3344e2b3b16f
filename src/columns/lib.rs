//! The seam between storage and query: what a query reads, and what a write stores.
//!
//! A query reads from a [`Source`], which answers with [`Block`]s; the evaluator knows nothing else about data, so it runs
//! without a disk. A write is a [`PointBatch`], which line protocol and SELECT INTO both make. Neither side of the seam
//! is known here: no files, no syntax trees, no text formats.
//!
//! | module | holds |
//! |---|---|
//! | `source` | [`Source`], one retention policy at one instant; [`SeriesRef`], a series that it found |
//! | `predicate` | [`SeriesPredicate`], a condition on tags |
//! | `block` | [`Block`], a stretch of values that may be encoded; [`Summary`], what is known without decoding |
//! | `batch` | [`Batch`] and [`Column`], decoded times and values |
//! | `point_batch` | [`PointBatch`], the points of a write |
//! | `series_id` | [`SeriesId`], the number of a series |
//! | `memory_source` | a source in memory, for tests (feature `test-source`) |

mod batch;
mod block;
#[cfg(feature = "test-source")]
mod memory_source;
mod point_batch;
mod predicate;
mod series_id;
mod source;

pub use batch::{Batch, Column};
pub use block::{Block, NumberSummary, SourceError, Summary};
#[cfg(feature = "test-source")]
pub use memory_source::{MemorySource, MemorySourceBuilder};
pub use point_batch::{PointBatch, PointRow};
pub use predicate::SeriesPredicate;
pub use series_id::SeriesId;
pub use source::{SeriesRef, Source};
