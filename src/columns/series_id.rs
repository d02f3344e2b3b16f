//! The number by which storage and query name a series.

/// Identifies a series within a source or a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u64);
