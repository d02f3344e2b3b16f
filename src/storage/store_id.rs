//! The id of a store: it ties a log to the checkpoint that it continues, so that neither is used with those of another store.

use std::fmt;

/// Sixteen random bytes that are chosen when a store is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreId(pub [u8; StoreId::LEN]);

impl StoreId {
    /// The length of an id in bytes.
    pub const LEN: usize = 16;

    /// Chooses the id of a new store.
    pub(crate) fn random() -> StoreId {
        StoreId(rand::random())
    }
}

/// As 32 hexadecimal digits.
impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
