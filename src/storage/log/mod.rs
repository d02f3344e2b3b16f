//! The write-ahead log: files of frames in one directory, each frame holding the records of one group commit.
//!
//! Invariant: records have consecutive positions across all files, and a file is started only after all frames of the
//! previous one are on disk. This module does not know what the records mean.

mod files;
pub mod frame;
mod recovery;
mod restore;
mod writer;

pub(crate) use files::{LogIdentity, delete_before, identify, path_of, paths_in_order};
pub(crate) use recovery::{Damage, records_after, recover, scan, start_empty};
pub(crate) use restore::restore;
pub(crate) use writer::LogWriter;
