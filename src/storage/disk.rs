//! The disk: every file operation of storage goes through [`Disk`], so that tests can pull the plug.
//!
//! The contract is that of a POSIX file system and no more: bytes are safe after `sync` of their file, names (created,
//! renamed, removed) after `sync_dir` of their directory; before that, a crash may keep any part of them.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A disk, or something that behaves like one.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes a directory and those above it, if they are missing, and makes their names durable.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// The names in a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes a new empty file, in place of an old one of that name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>>;
    /// Opens a file to write behind its first `len` bytes; what follows them is cut off.
    fn append(&self, path: &Path, len: u64) -> io::Result<Box<dyn AppendFile>>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>>;
    /// Gives a file another name, in place of an old one of that name, at once or not at all.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Whoever has it open can read it still.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes a lock that is held until it is dropped or the process dies; `None` if another process has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn fmt::Debug + Send + Sync>>>;
}

/// A file that is written from its end.
pub trait AppendFile: Send + fmt::Debug {
    /// Writes all of `bytes`, or fails having written some of them.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file that is read anywhere.
pub trait ReadFile: Send + Sync + fmt::Debug {
    /// The length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Fills `buffer` with the bytes at `offset`, or fails.
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

/// Writes a whole file so that a crash leaves the old one or the new one, never a mixture.
pub fn replace(disk: &dyn Disk, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}{TEMPORARY_SUFFIX}"));
    let mut file = disk.create(&temporary)?;
    file.append(bytes)?;
    file.sync()?;
    drop(file);
    disk.rename(&temporary, &dir.join(name))?;
    disk.sync_dir(dir)
}

/// Ends the names of files that are being written; they are worth nothing after a restart.
pub const TEMPORARY_SUFFIX: &str = ".tmp";
