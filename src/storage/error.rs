//! Why storage could not do something.

use std::io;
use std::path::{Path, PathBuf};

/// Why storage could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// An earlier write to disk failed; nothing is accepted until the server is restarted.
    #[error("storage is read-only after a disk error")]
    ReadOnly,
    /// The disk said no.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, with the path.
        context: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// The log is not what was synced, from some place on.
    #[error("{path}: at offset {offset}: {problem}")]
    DamagedLog {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: usize,
        /// What is wrong.
        problem: String,
    },
    /// Another process has the directory open.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// Waited too long for memory.
    #[error("timeout")]
    Busy,
    /// A change needs a log record greater than [`RECORD_BYTES_MAX`](super::RECORD_BYTES_MAX).
    #[error("a change of {0} bytes is too large")]
    TooLarge(usize),
}

impl StorageError {
    /// The text for clients: it keeps the server's paths to the server.
    pub fn client_text(&self) -> String {
        match self {
            StorageError::Io { source, .. } => format!("storage failed: {}", source.kind()),
            StorageError::Damaged { .. } | StorageError::DamagedLog { .. } => {
                "stored data are damaged: the server's log says where".to_owned()
            }
            StorageError::Locked(_) => "storage is in use by another process".to_owned(),
            other => other.to_string(),
        }
    }

    /// Wraps an error of the operating system: `io("write", path)` is for `map_err`.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
        move |source| StorageError::Io { context: format!("{doing} {}", path.display()), source }
    }

    pub(super) fn damaged(path: &Path, problem: impl Into<String>) -> StorageError {
        StorageError::Damaged { path: path.to_owned(), problem: problem.into() }
    }

    /// The same error for another one who waited for the same write.
    pub(super) fn share(&self) -> StorageError {
        match self {
            StorageError::ReadOnly => StorageError::ReadOnly,
            StorageError::Io { context, source } => {
                StorageError::Io { context: context.clone(), source: io::Error::new(source.kind(), source.to_string()) }
            }
            StorageError::Damaged { path, problem } => {
                StorageError::Damaged { path: path.clone(), problem: problem.clone() }
            }
            StorageError::DamagedLog { path, offset, problem } => {
                StorageError::DamagedLog { path: path.clone(), offset: *offset, problem: problem.clone() }
            }
            StorageError::Locked(path) => StorageError::Locked(path.clone()),
            StorageError::Busy => StorageError::Busy,
            StorageError::TooLarge(bytes) => StorageError::TooLarge(*bytes),
        }
    }
}
