//! The errors of storage, and how they are worded for clients.

use std::io;
use std::path::{Path, PathBuf};

use fluxstone_model::Clause;

/// What to do about a log that does not belong to the checkpoint.
const WRONG_LOG_ADVICE: &str = "mount or restore the directories that `[data] dir` and `[data] wal-dir` name; \
    to start an empty server instead, move what is in both of them elsewhere";

/// Why storage could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// An earlier write to disk failed; nothing is accepted until the server is restarted.
    #[error("storage is read-only after a disk error")]
    ReadOnly,
    /// The disk of the log is full; changes are accepted again as soon as it is not.
    #[error("storage failed: no storage space; changes are accepted again when there is space")]
    DiskFull,
    /// A storage thread panicked at its work, which it tries again.
    #[error("the {0} panicked")]
    Panicked(&'static str),
    /// A file operation failed.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, and the path.
        context: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where in the file.
        problem: String,
    },
    /// From some offset on, the log is not what was synced.
    #[error("{path}: at offset {offset}: {problem}")]
    DamagedLog {
        /// The file.
        path: PathBuf,
        /// The offset in the file.
        offset: usize,
        /// What is wrong.
        problem: String,
    },
    /// The log does not belong to the checkpoint: it is missing, incomplete, or that of another store.
    #[error("{path}: {problem}: {WRONG_LOG_ADVICE}")]
    WrongLog {
        /// The directory or the file of the log.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Another process has the directory open.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// There was no memory for the write within the time limit.
    #[error("timeout")]
    Busy,
    /// A write needs more memory than any may have.
    #[error("a write that needs {bytes} bytes of memory is too large: cache-max-memory-size allows {max}")]
    TooMuchMemory {
        /// What it needs.
        bytes: usize,
        /// What it may have.
        max: usize,
    },
    /// There is no memory for the series, fields and shards that a write would add.
    #[error("max-schema-memory limit exceeded: there is no room for more series, fields and shards")]
    TooMuchSchema,
    /// A change needs a log record larger than [`RECORD_BYTES_MAX`](super::RECORD_BYTES_MAX).
    #[error("a change of {0} bytes is too large")]
    TooLarge(usize),
}

impl StorageError {
    /// Returns the text for clients, which does not reveal the server's paths.
    pub fn client_text(&self) -> String {
        match self {
            StorageError::Io { source, .. } => format!("storage failed: {}", reason(source)),
            StorageError::Damaged { .. } | StorageError::DamagedLog { .. } | StorageError::WrongLog { .. } => {
                "stored data is damaged: see the server's log".to_owned()
            }
            StorageError::Locked(_) => "storage is in use by another process".to_owned(),
            other => other.to_string(),
        }
    }

    /// The clause that says so.
    pub fn clause(&self) -> Clause {
        match self {
            StorageError::ReadOnly
            | StorageError::DiskFull
            | StorageError::Panicked(_)
            | StorageError::Io { .. }
            | StorageError::Locked(_) => Clause::new("storage.durability.10"),
            StorageError::Damaged { .. } | StorageError::DamagedLog { .. } | StorageError::WrongLog { .. } => {
                Clause::new("storage.checkpoint.7")
            }
            StorageError::Busy => Clause::new("storage.durability.8"),
            StorageError::TooMuchMemory { .. } | StorageError::TooLarge(_) => Clause::new("write.memory.2"),
            StorageError::TooMuchSchema => Clause::new("write.memory.4"),
        }
    }

    /// Whether something failed because there was no space on the disk.
    pub(super) fn is_no_space(&self) -> bool {
        matches!(self, StorageError::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// Wraps an error of the operating system, for use with `map_err`: `io("write", path)`.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
        move |source| StorageError::Io { context: format!("{doing} {}", path.display()), source }
    }

    pub(super) fn wrong_log(path: &Path, problem: &str) -> StorageError {
        StorageError::WrongLog { path: path.to_owned(), problem: problem.to_owned() }
    }

    pub(super) fn damaged(path: &Path, problem: impl Into<String>) -> StorageError {
        StorageError::Damaged { path: path.to_owned(), problem: problem.into() }
    }

    /// Returns the same error for someone else who waited for the same write.
    pub(super) fn share(&self) -> StorageError {
        match self {
            StorageError::ReadOnly => StorageError::ReadOnly,
            StorageError::DiskFull => StorageError::DiskFull,
            StorageError::Panicked(thread) => StorageError::Panicked(thread),
            StorageError::Io { context, source } => {
                let again = source.raw_os_error().map(io::Error::from_raw_os_error);
                let source = again.unwrap_or_else(|| io::Error::new(source.kind(), source.to_string()));
                StorageError::Io { context: context.clone(), source }
            }
            StorageError::Damaged { path, problem } => {
                StorageError::Damaged { path: path.clone(), problem: problem.clone() }
            }
            StorageError::DamagedLog { path, offset, problem } => {
                StorageError::DamagedLog { path: path.clone(), offset: *offset, problem: problem.clone() }
            }
            StorageError::WrongLog { path, problem } => {
                StorageError::WrongLog { path: path.clone(), problem: problem.clone() }
            }
            StorageError::Locked(path) => StorageError::Locked(path.clone()),
            StorageError::Busy => StorageError::Busy,
            StorageError::TooMuchMemory { bytes, max } => StorageError::TooMuchMemory { bytes: *bytes, max: *max },
            StorageError::TooMuchSchema => StorageError::TooMuchSchema,
            StorageError::TooLarge(bytes) => StorageError::TooLarge(*bytes),
        }
    }
}

/// Returns the kind of an error, or what the operating system calls it if it has no kind.
fn reason(error: &io::Error) -> String {
    let kind = error.kind().to_string();
    let Some(code) = error.raw_os_error().filter(|_| kind.starts_with("uncategorized")) else { return kind };
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" (os error {code})")).unwrap_or(&text);
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: storage.durability.10
    #[test]
    fn clients_read_what_failed_but_no_paths() {
        let text = |code| {
            let error = StorageError::io("write", Path::new("/secret"))(io::Error::from_raw_os_error(code));
            assert_eq!(error.share().client_text(), error.client_text());
            error.client_text()
        };
        assert_eq!(text(5), "storage failed: input/output error");
        assert_eq!(text(28), "storage failed: no storage space");
    }
}
