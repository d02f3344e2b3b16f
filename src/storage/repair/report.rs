//! What a check of a store finds, for operators.

use std::path::PathBuf;

use fluxstone_model::{DatabaseId, ShardId, TimeRange};

use crate::catalog_bytes::{CatalogBytes, CatalogRecord};

/// The damage of a store.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Each damaged file.
    pub damages: Vec<Damage>,
    pub(super) names: CatalogBytes,
}

impl Report {
    /// The catalog as far as it can be read, from which the names of databases can be taken.
    pub fn catalog(&self) -> impl Iterator<Item = CatalogRecord<'_>> {
        self.names.records()
    }
}

/// A damaged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, or the directory if a file is missing whose name is not known.
    pub path: PathBuf,
    /// What is wrong, and where in the file.
    pub problem: String,
    /// What a repair does about it.
    pub remedy: Remedy,
    /// What is lost.
    pub lost: Vec<Loss>,
}

/// What a repair does about a damaged file. The file as it was is kept under another name, in all cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing but that: other files hold the same, or it is not needed.
    SetAside,
    /// Flips back this many bits.
    FlipBack(usize),
    /// Writes the file anew, with what other files hold.
    Rebuild,
    /// Writes the file anew, with what can be read of it.
    Salvage,
    /// Cuts the log there: later changes build on those that cannot be read.
    Cut,
    /// Starts an empty log.
    RestartLog,
    /// Nothing can be done.
    None,
}

/// Values that are lost with a damaged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The database.
    pub database: DatabaseId,
    /// The shard; `None` if it is more than one.
    pub shard: Option<ShardId>,
    /// The number of values, as far as it is known.
    pub values: u64,
    /// Whether there may be more than is known.
    pub may_be_more: bool,
    /// From the first to the last time, as far as they are known.
    pub range: Option<TimeRange>,
    /// The keys of some of the series, or what is left of them.
    pub series: Vec<String>,
    /// The number of series, as far as it is known.
    pub series_count: u64,
}
