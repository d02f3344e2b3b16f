//! Hashes that a table keeps beside its entries, so that it grows, and passes over other entries, without reading what they name.

use std::hash::{BuildHasher, Hash};

/// Half a hash, which is enough for a table of some billions of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredHash(u32);

impl StoredHash {
    pub(super) fn of(hasher: &impl BuildHasher, value: impl Hash) -> Self {
        StoredHash(hasher.hash_one(value) as u32)
    }

    /// What the table is to use: both its ends differ where the halves do.
    pub(super) fn whole(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
