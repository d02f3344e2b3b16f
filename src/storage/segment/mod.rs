//! Segment files: the sealed values of one shard, immutable.
//!
//! A file is a header, blocks sorted by series, field and time, index pages that say where each block is and what is in it,
//! a directory of the pages, and a footer that says where the directory is. Only the directory is held in memory, and
//! what a bounded cache keeps of pages and times. Every part has its own CRC-32C, checked when it is read. The format is described to the bit in `spec/storage.md`.

mod block;
mod cache;
mod index;
mod layout;
mod reader;
mod sequential;
mod writer;

pub use block::{BLOCK_VALUES_MAX, decode_times, decode_values, encode_times, encode_values};
pub use cache::{SEGMENT_CACHE_BYTES, SegmentCache};
pub use index::{BlockEntry, PartRef};
pub use layout::SegmentHeader;
pub use reader::{Segment, SegmentError, StoredBlock};
pub use sequential::SequentialReader;
pub use writer::SegmentWriter;

#[cfg(test)]
mod tests;
