//! The disk: every file operation of storage goes through [`Disk`], so that tests can simulate failures and power cuts.
//!
//! The contract is that of a POSIX file system and no more: bytes are safe after `sync` of their file, and names (created,
//! renamed or removed) after `sync_dir` of their directory. Before that, a crash may keep any part of them.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A lock on a file, held until it is dropped.
pub type DiskLock = Box<dyn fmt::Debug + Send + Sync>;

/// A disk, or something that behaves like one.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a directory and its parents if they are missing, and makes their names durable.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Returns the names in a directory, in any order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Creates an empty file, replacing any file of that name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>>;
    /// Opens a file for writing after its first `len` bytes; the rest is cut off.
    fn append(&self, path: &Path, len: u64) -> io::Result<Box<dyn AppendFile>>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>>;
    /// Renames a file atomically, replacing any file of the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Those who have it open can still read it.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes a lock, which is held until it is dropped or the process dies. Returns `None` if someone else holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>>;
}

/// A file to append to.
pub trait AppendFile: Send + fmt::Debug {
    /// Writes all of `bytes`, or fails having written some of them.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything written so far durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file that can be read at any offset.
pub trait ReadFile: Send + Sync + fmt::Debug {
    /// Returns the length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Fills `buffer` with the bytes at `offset`, or fails if there are not enough.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

/// Reads a whole file.
pub fn read_all(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let len = usize::try_from(file.length()?).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    let mut bytes = vec![0; len];
    file.read_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Writes a whole file atomically: a crash leaves the old file or the new one, never a mixture.
pub fn replace(disk: &dyn Disk, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}{TEMPORARY_SUFFIX}"));
    let mut file = disk.create(&temporary)?;
    file.append(bytes)?;
    file.sync()?;
    drop(file);
    disk.rename(&temporary, &dir.join(name))?;
    disk.sync_dir(dir)
}

/// The suffix of files that are being written, which are useless after a restart.
pub const TEMPORARY_SUFFIX: &str = ".tmp";
