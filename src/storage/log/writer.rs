//! The end of the log, where records are appended.
//!
//! Invariant: after [`LogWriter::append`] returns, its records are on disk; after it fails, nothing may be appended again, unless
//! only space was missing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{create_temporary, install};
use super::frame::{LogHeader, put_frame};
use crate::disk::{AppendFile, Disk};
use crate::error::StorageError;
use crate::store_id::StoreId;

/// The size at which a log file is closed and the next one started.
const LOG_FILE_BYTES_MAX: u64 = 64 << 20;
/// The memory kept for frames between commits.
const FRAME_BUFFER_BYTES_MAX: usize = 1 << 20;

/// Appends records to the last file of the log.
#[derive(Debug)]
pub(crate) struct LogWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    path: PathBuf,
    file: Box<dyn AppendFile>,
    header: LogHeader,
    /// The store that new files belong to.
    store: StoreId,
    len: u64,
    /// The position of the next record.
    next: u64,
    frame: Vec<u8>,
    bytes_written: u64,
    /// The length at which a new file is started.
    rotate_at: u64,
}

impl LogWriter {
    /// Starts a log at position `first`.
    pub(super) fn start(
        disk: Arc<dyn Disk>,
        dir: &Path,
        first: u64,
        store: StoreId,
    ) -> Result<LogWriter, StorageError> {
        let (file, header) = create_temporary(&*disk, dir, first, store)?;
        let path = install(&*disk, dir, first)?;
        Ok(LogWriter::at_end(disk, path, file, header, store, header.len() as u64, first))
    }

    /// Continues after the first `len` bytes of a file, with record `next`.
    pub(super) fn at_end(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        file: Box<dyn AppendFile>,
        header: LogHeader,
        store: StoreId,
        len: u64,
        next: u64,
    ) -> LogWriter {
        let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
        let rotate_at = LOG_FILE_BYTES_MAX;
        LogWriter { disk, dir, path, file, header, store, len, next, frame: Vec::new(), bytes_written: 0, rotate_at }
    }

    /// Appends records as one frame and waits until it is on disk. After [`StorageError::DiskFull`] the log is as it was before;
    /// after any other error nothing may be appended again.
    pub(crate) fn append<R: AsRef<[u8]>>(&mut self, records: &[R]) -> Result<(), StorageError> {
        if self.len >= self.rotate_at {
            self.rotate()?;
        }
        self.frame.clear();
        put_frame(self.header.salt, self.next, records, &mut self.frame);
        let appended = self.file.append(&self.frame).map_err(StorageError::io("write", &self.path));
        let synced = appended.and_then(|()| self.file.sync().map_err(StorageError::io("sync", &self.path)));
        if let Err(error) = synced {
            let is_restored = self.cut_off_unfinished();
            return Err(if is_restored && error.is_no_space() { StorageError::DiskFull } else { error });
        }
        self.len += self.frame.len() as u64;
        self.bytes_written += self.frame.len() as u64;
        self.next += records.len() as u64;
        // One large request must not hold on to its memory forever.
        self.frame.shrink_to(FRAME_BUFFER_BYTES_MAX);
        Ok(())
    }

    /// Removes what a failed write or sync left after the last good frame. After a failed sync the operating system may
    /// show these bytes when the store is next opened, although they are not on disk and never will be. Returns whether the
    /// file ends with that frame again, so that writing can go on there.
    fn cut_off_unfinished(&mut self) -> bool {
        match self.disk.append(&self.path, self.len) {
            Ok(file) => {
                self.file = file;
                true
            }
            Err(error) => {
                tracing::warn!(file = %self.path.display(), %error,
                    "cannot cut off the part of the log that failed to be written");
                false
            }
        }
    }

    /// Starts a new file, so that the previous ones can be deleted once their records are stored elsewhere. If the file
    /// cannot be created, because the disk is full or too many files are open, the old one is continued.
    pub(crate) fn rotate(&mut self) -> Result<(), StorageError> {
        if self.len <= self.header.len() as u64 {
            return Ok(());
        }
        let (file, header) = match create_temporary(&*self.disk, &self.dir, self.next, self.store) {
            Ok(new) => new,
            Err(error) => {
                tracing::warn!(%error, "continuing the log in its old file");
                self.rotate_at = self.len + LOG_FILE_BYTES_MAX;
                return Ok(());
            }
        };
        // If this fails, the next start may or may not find the new file, so writing cannot continue in either.
        self.path = install(&*self.disk, &self.dir, self.next)?;
        (self.file, self.header) = (file, header);
        (self.len, self.rotate_at) = (header.len() as u64, LOG_FILE_BYTES_MAX);
        Ok(())
    }

    /// The file that is being written.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of bytes appended since the log was opened.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.bytes_written
    }
}
