//! The catalog as storage keeps it: bytes whose meaning only the engine knows.

use std::sync::Arc;

/// A catalog record found while a store is opened. Storage only keeps these bytes in order.
#[derive(Debug)]
pub enum CatalogRecord<'a> {
    /// The whole catalog as of the checkpoint. If there is one, it comes first.
    Checkpoint(&'a [u8]),
    /// One change, in log order.
    Change(&'a [u8]),
}

/// The whole catalog at one position, and the changes since.
#[derive(Debug, Clone, Default)]
pub(crate) struct CatalogBytes {
    pub(crate) base: Option<Arc<[u8]>>,
    pub(crate) changes: Vec<Arc<[u8]>>,
}

impl CatalogBytes {
    /// The records in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = CatalogRecord<'_>> {
        let base = self.base.iter().map(|bytes| CatalogRecord::Checkpoint(bytes));
        base.chain(self.changes.iter().map(|bytes| CatalogRecord::Change(bytes)))
    }
}
