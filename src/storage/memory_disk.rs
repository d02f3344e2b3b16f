//! A disk in memory that loses what it may lose, for simulations.
//!
//! It keeps what was written apart from what is durable. [`MemoryDisk::crash`] does what a power cut may do: of bytes that
//! were not synced any parts may be missing, zero or changed, of changes of a directory that were not synced any may not have
//! happened. Bytes whose sync failed count as not synced for ever, though they can be read as if they were.
//! [`MemoryDisk::fail_after`] makes operations fail, all from some point on or a single one, [`MemoryDisk::trouble`] all
//! that need room or a descriptor, and [`MemoryDisk::photograph_from`] keeps the disk as it is between operations.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{AppendFile, Disk, ReadFile};

/// Unsynced bytes are lost in pieces of this size.
const SECTOR: usize = 64;

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Clone, Default)]
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
    has_failed: bool,
    troubles: BTreeMap<PathBuf, Trouble>,
    /// How many operations there were.
    operations: u64,
    /// Operations until the next photograph, and from one to the next; none, if none is to be taken.
    photograph_in: Option<(u64, u64)>,
    photographs: Vec<Inner>,
}

type Inode = u64;

#[derive(Debug, Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    /// What is behind this was never synced.
    durable_len: usize,
    /// What is before it but was lost by a sync that failed.
    lost: Vec<Range<usize>>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Set(PathBuf, Inode),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// How operations fail when their time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Failure {
    /// All of them, as after a power cut.
    #[default]
    All,
    /// One; those after it succeed.
    Once,
    /// The thread panics.
    Panic,
}

/// Why operations on the files of a directory fail until it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// There is no room for files and bytes.
    Full,
    /// Too many files are open.
    TooManyFiles,
}

impl MemoryDisk {
    /// Lets the next `operations` succeed and what follows fail.
    pub fn fail_after(&self, operations: u64, failure: Failure) {
        let mut inner = self.inner.lock();
        (inner.fails_in, inner.failure, inner.has_failed) = (Some(operations), failure, false);
    }

    /// Lets nothing fail any more.
    pub fn heal(&self) {
        let mut inner = self.inner.lock();
        (inner.fails_in, inner.troubles) = (None, BTreeMap::new());
    }

    /// Whether an operation has failed since the last [`MemoryDisk::fail_after`].
    pub fn has_failed(&self) -> bool {
        self.inner.lock().has_failed
    }

    /// Whether every operation fails from now on.
    pub fn is_dead(&self) -> bool {
        let inner = self.inner.lock();
        inner.failure == Failure::All && inner.fails_in == Some(0)
    }

    /// Puts the files of a directory into trouble, or ends it.
    pub fn trouble(&self, dir: &Path, trouble: Option<Trouble>) {
        let mut inner = self.inner.lock();
        match trouble {
            Some(trouble) => inner.troubles.insert(dir.to_owned(), trouble),
            None => inner.troubles.remove(dir),
        };
    }

    /// Keeps the disk as it will be after the next `operations` and after every `further` from then on, for
    /// [`MemoryDisk::photographs`].
    pub fn photograph_from(&self, operations: u64, further: u64) {
        let mut inner = self.inner.lock();
        (inner.photograph_in, inner.photographs) = (Some((operations, further.max(1))), Vec::new());
    }

    /// Takes the photographs, and ends their taking.
    pub fn photographs(&self) -> Vec<MemoryDisk> {
        let mut inner = self.inner.lock();
        inner.photograph_in = None;
        let photographs = std::mem::take(&mut inner.photographs);
        photographs.into_iter().map(|inner| MemoryDisk { inner: Arc::new(Mutex::new(inner)) }).collect()
    }

    /// How many operations there were that change anything.
    pub fn operations(&self) -> u64 {
        self.inner.lock().operations
    }

    /// The disk after a power cut: what was not durable is lost, or not, as `seed` has it. This one stays as it is.
    #[must_use]
    pub fn crash(&self, seed: u64) -> MemoryDisk {
        let old = self.inner.lock();
        let mut chance = Chance(seed | 1);
        let mut names = old.durable_names.clone();
        let dirs: Vec<&Path> = old.pending.iter().filter_map(NameChange::dir).collect();
        for dir in dirs.iter().collect::<BTreeSet<_>>() {
            let changes: Vec<_> = old.pending.iter().filter(|change| change.dir() == Some(dir)).collect();
            // In order up to some point, as of a journal, or any of them.
            let happened = chance.below(changes.len() + 1);
            let any = chance.below(2) == 0;
            for (nth, change) in changes.into_iter().enumerate() {
                if if any { chance.below(2) == 0 } else { nth < happened } {
                    change.apply(&mut names);
                }
            }
        }
        let mut files = HashMap::new();
        for inode in names.values() {
            let bytes = old.files[inode].after_crash(&mut chance);
            files.insert(*inode, Content { durable_len: bytes.len(), bytes, lost: Vec::new() });
        }
        let inner =
            Inner { files, durable_names: names.clone(), names, next_inode: old.next_inode, ..Inner::default() };
        MemoryDisk { inner: Arc::new(Mutex::new(inner)) }
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<PathBuf> {
        self.inner.lock().names.keys().cloned().collect()
    }

    /// Changes the bytes of a file behind everyone's back.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.inner.lock();
        let inode = inner.names[path];
        let content = inner.files.entry(inode).or_default();
        change(&mut content.bytes);
        content.durable_len = content.bytes.len();
    }
}

impl Content {
    fn after_crash(&self, chance: &mut Chance) -> Vec<u8> {
        let kept = self.durable_len + chance.below(self.bytes.len() - self.durable_len + 1);
        let mut bytes = self.bytes[..kept].to_vec();
        for unsafe_part in self.lost.iter().cloned().chain(std::iter::once(self.durable_len..kept)) {
            for sector in bytes[unsafe_part].chunks_mut(SECTOR) {
                match chance.below(6) {
                    0 | 1 => sector.fill(0),
                    2 => sector[chance.below(sector.len())] ^= 1 << chance.below(8),
                    _ => {}
                }
            }
        }
        bytes
    }

    /// A sync that failed: the system takes the bytes for written, but they are not.
    fn lose_unsynced(&mut self) {
        self.lost.push(self.durable_len..self.bytes.len());
        self.durable_len = self.bytes.len();
    }

    fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
        for part in &mut self.lost {
            part.end = part.end.min(len);
            part.start = part.start.min(part.end);
        }
    }
}

impl Inner {
    /// Counts an operation on a path; errs if its time to fail has come.
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.photograph_in {
            Some((0, further)) => {
                let earlier = std::mem::take(&mut self.photographs);
                let photograph = self.clone();
                self.photographs = earlier;
                self.photographs.push(photograph);
                self.photograph_in = Some((further - 1, further));
            }
            Some((left, further)) => self.photograph_in = Some((left - 1, further)),
            None => {}
        }
        match &mut self.fails_in {
            None => Ok(()),
            Some(0) => {
                self.has_failed = true;
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

    /// Errs if a directory is in one of these troubles.
    fn check(&self, dir: Option<&Path>, troubles: &[Trouble]) -> io::Result<()> {
        match dir.and_then(|dir| self.troubles.get(dir)) {
            Some(Trouble::Full) if troubles.contains(&Trouble::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Trouble::TooManyFiles) if troubles.contains(&Trouble::TooManyFiles) => {
                Err(io::Error::other("too many open files"))
            }
            _ => Ok(()),
        }
    }

    /// Where a file is; none if it has no name any more.
    fn dir_of(&self, inode: Inode) -> Option<&Path> {
        self.names.iter().find(|(_, of)| **of == inode)?.0.parent()
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
        inner.check(path.parent(), &[Trouble::Full, Trouble::TooManyFiles])?;
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
        inner.check(path.parent(), &[Trouble::TooManyFiles])?;
        let content = inner.files.entry(inode).or_default();
        content.truncate(len as usize);
        content.durable_len = content.bytes.len();
        Ok(Box::new(OpenFile { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let inner = self.inner.lock();
        inner.check(path.parent(), &[Trouble::TooManyFiles])?;
        let inode = inner.find(path)?;
        drop(inner);
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
        inner.check(Some(dir), &[Trouble::TooManyFiles])?;
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
        let result = inner.operate().and_then(|()| inner.check(inner.dir_of(self.inode), &[Trouble::Full]));
        // A write that fails may have written a part.
        let written = if result.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        inner.files.entry(self.inode).or_default().bytes.extend_from_slice(written);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        let result = inner.operate();
        let content = inner.files.entry(self.inode).or_default();
        match result {
            Ok(()) => content.durable_len = content.bytes.len(),
            Err(_) => content.lose_unsynced(),
        }
        result
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
