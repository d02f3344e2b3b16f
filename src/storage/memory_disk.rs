//! A disk in memory that loses what it may lose, for tests.
//!
//! It keeps what was written apart from what is durable. [`MemoryDisk::crash`] does what a power cut may do: of bytes that
//! were not synced any parts may be missing or zero, of changes of a directory that were not synced only the first ones may
//! have happened. [`MemoryDisk::fail_after`] makes operations fail, all from some point on or a single one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{AppendFile, Disk, ReadFile};

/// Unsynced bytes are lost in pieces of this size.
const SECTOR: usize = 64;

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryDisk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    files: HashMap<Inode, Content>,
    names: BTreeMap<PathBuf, Inode>,
    durable_names: BTreeMap<PathBuf, Inode>,
    /// Changes of names since the last sync of their directory, in order.
    pending: Vec<NameChange>,
    next_inode: Inode,
    locked: BTreeSet<PathBuf>,
    /// Operations until the failure; none, if there is none to come.
    fails_in: Option<u64>,
    failure: Failure,
}

type Inode = u64;

#[derive(Debug, Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    durable_len: usize,
}

#[derive(Debug, Clone)]
enum NameChange {
    Set(PathBuf, Inode),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// How operations fail when their time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Failure {
    /// All of them, as after a power cut.
    #[default]
    All,
    /// One; those after it succeed.
    Once,
    /// The thread panics.
    Panic,
}

impl MemoryDisk {
    /// Lets the next `operations` succeed and what follows fail.
    pub(super) fn fail_after(&self, operations: u64, failure: Failure) {
        let mut inner = self.inner.lock();
        (inner.fails_in, inner.failure) = (Some(operations), failure);
    }

    /// The disk after a power cut: what was not durable is lost, or not, as `seed` has it.
    pub(super) fn crash(&self, seed: u64) -> MemoryDisk {
        let old = self.inner.lock();
        let mut chance = Chance(seed | 1);
        let mut names = old.durable_names.clone();
        let dirs: Vec<&Path> = old.pending.iter().filter_map(NameChange::dir).collect();
        for dir in dirs.iter().collect::<BTreeSet<_>>() {
            let changes: Vec<_> = old.pending.iter().filter(|change| change.dir() == Some(dir)).collect();
            let happened = chance.below(changes.len() + 1);
            changes.into_iter().take(happened).for_each(|change| change.apply(&mut names));
        }
        let mut files = HashMap::new();
        for inode in names.values() {
            let content = &old.files[inode];
            let kept = content.durable_len + chance.below(content.bytes.len() - content.durable_len + 1);
            let mut bytes = content.bytes[..kept].to_vec();
            for sector in bytes[content.durable_len..].chunks_mut(SECTOR) {
                if chance.below(3) == 0 {
                    sector.fill(0);
                }
            }
            files.insert(*inode, Content { durable_len: bytes.len(), bytes });
        }
        let inner =
            Inner { files, durable_names: names.clone(), names, next_inode: old.next_inode, ..Inner::default() };
        MemoryDisk { inner: Arc::new(Mutex::new(inner)) }
    }

    /// The names of all files.
    pub(super) fn names(&self) -> Vec<PathBuf> {
        self.inner.lock().names.keys().cloned().collect()
    }

    /// Changes the bytes of a file behind everyone's back.
    pub(super) fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.inner.lock();
        let inode = inner.names[path];
        let content = inner.files.entry(inode).or_default();
        change(&mut content.bytes);
        content.durable_len = content.bytes.len();
    }
}

impl Inner {
    /// Counts an operation; errs if its time to fail has come.
    fn operate(&mut self) -> io::Result<()> {
        match &mut self.fails_in {
            None => Ok(()),
            Some(0) => {
                if self.failure == Failure::Once {
                    self.fails_in = None;
                }
                assert_ne!(self.failure, Failure::Panic, "meant to happen");
                Err(io::Error::other("the disk failed"))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    fn find(&self, path: &Path) -> io::Result<Inode> {
        self.names.get(path).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl NameChange {
    fn dir(&self) -> Option<&Path> {
        match self {
            NameChange::Set(path, _) | NameChange::Rename(path, _) | NameChange::Remove(path) => path.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Inode>) {
        match self {
            NameChange::Set(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            NameChange::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            NameChange::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

impl Disk for MemoryDisk {
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let inner = self.inner.lock();
        let names = inner.names.keys().filter(|path| path.parent() == Some(dir)).filter_map(|path| path.file_name());
        Ok(names.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        let mut inner = self.inner.lock();
        inner.operate()?;
        inner.next_inode += 1;
        let inode = inner.next_inode;
        inner.files.insert(inode, Content::default());
        inner.change_names(NameChange::Set(path.to_owned(), inode));
        Ok(Box::new(OpenFile { disk: self.clone(), inode }))
    }

    fn append(&self, path: &Path, len: u64) -> io::Result<Box<dyn AppendFile>> {
        let mut inner = self.inner.lock();
        inner.operate()?;
        let inode = inner.find(path)?;
        let content = inner.files.entry(inode).or_default();
        content.bytes.truncate(len as usize);
        content.durable_len = content.bytes.len();
        Ok(Box::new(OpenFile { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let inode = self.inner.lock().find(path)?;
        Ok(Arc::new(OpenFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.operate()?;
        inner.find(from)?;
        inner.change_names(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.operate()?;
        inner.find(path)?;
        inner.change_names(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.operate()?;
        let Inner { pending, durable_names, .. } = &mut *inner;
        pending.retain(|change| {
            let is_here = change.dir() == Some(dir);
            if is_here {
                change.apply(durable_names);
            }
            !is_here
        });
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn fmt::Debug + Send + Sync>>> {
        let mut inner = self.inner.lock();
        let is_free = inner.locked.insert(path.to_owned());
        Ok(is_free.then(|| Box::new(Lock(self.clone(), path.to_owned())) as _))
    }
}

#[derive(Debug)]
struct Lock(MemoryDisk, PathBuf);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.inner.lock().locked.remove(&self.1);
    }
}

#[derive(Debug)]
struct OpenFile {
    disk: MemoryDisk,
    inode: Inode,
}

impl AppendFile for OpenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        let result = inner.operate();
        // A write that fails may have written a part.
        let written = if result.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        inner.files.entry(self.inode).or_default().bytes.extend_from_slice(written);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        inner.operate()?;
        let content = inner.files.entry(self.inode).or_default();
        content.durable_len = content.bytes.len();
        Ok(())
    }
}

impl ReadFile for OpenFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.inner.lock().files[&self.inode].bytes.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let inner = self.disk.inner.lock();
        let from = offset as usize;
        let bytes = inner.files[&self.inode].bytes.get(from..from + buffer.len());
        buffer.copy_from_slice(bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }
}

/// Random numbers of a seed (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}
