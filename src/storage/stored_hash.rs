//! Hashes that a table keeps with its entries, so that it can grow, and skip entries that do not match, without reading what
//! they refer to.

use std::hash::{BuildHasher, Hash};

/// Half a hash, which is enough for a table of billions of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredHash(u32);

impl StoredHash {
    pub(super) fn of(hasher: &impl BuildHasher, value: impl Hash) -> Self {
        StoredHash(hasher.hash_one(value) as u32)
    }

    /// Returns the hash to give to the table. It spreads the bits so that both ends depend on the stored half.
    pub(super) fn whole(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
