//! Segment files: immutable files with the sealed values of one shard.
//!
//! A file consists of a header, blocks sorted by series, field and time, index pages with the place and the summary of each
//! block, a directory of the pages, and a footer with the place of the directory. Only the directory is always in memory; a
//! bounded cache keeps pages and times. Every part has its own CRC-32C, which is checked when the part is read. The format is
//! specified to the bit in `spec/storage.md`.

mod block;
mod cache;
mod index;
mod layout;
mod page;
mod reader;
pub(crate) mod salvage;
mod sequential;
mod stored;
mod writer;

pub use block::{BLOCK_VALUES_MAX, decode_times, decode_values, encode_times, encode_values};
pub use cache::{SEGMENT_CACHE_BYTES, SegmentCache};
pub use index::{BlockEntry, PartRef};
pub use layout::SegmentHeader;
pub(crate) use layout::UNKNOWN_SEGMENT_VERSION;
pub(crate) use reader::read_header;
pub use reader::{Segment, SegmentError};
pub use sequential::SequentialReader;
pub(crate) use stored::StoredColumn;
pub use writer::SegmentWriter;

#[cfg(test)]
mod tests;
