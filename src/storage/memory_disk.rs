//! A simulated disk in memory that loses everything that a real disk may lose. For tests only: it is compiled with the feature
//! `memory-disk`.
//!
//! It distinguishes what was written from what is durable. [`MemoryDisk::crash`] does what a power cut may do: any parts of
//! unsynced bytes may be missing, zero or changed, and any unsynced changes of a directory may not have happened. Bytes whose
//! sync failed count as unsynced forever, although they can be read.
//!
//! [`MemoryDisk::fail_after`] makes one or all operations fail, [`MemoryDisk::set_shortage`] makes all fail that need space or
//! a descriptor, and [`MemoryDisk::record_images`] keeps copies of the disk between operations.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{AppendFile, Disk, DiskLock, ReadFile};

/// Unsynced bytes are lost in pieces of this size.
const SECTOR: usize = 64;

/// A simulated disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Clone, Default)]
struct Inner {
    files: HashMap<Inode, Content>,
    names: BTreeMap<PathBuf, Inode>,
    durable_names: BTreeMap<PathBuf, Inode>,
    /// Name changes since the last sync of their directory, in order.
    pending: Vec<NameChange>,
    next_inode: Inode,
    locked: BTreeSet<PathBuf>,
    /// The number of operations that still succeed before the failure; `None` if no failure is planned.
    fails_in: Option<u64>,
    failure: Failure,
    has_failed: bool,
    shortages: BTreeMap<PathBuf, Shortage>,
    /// The number of operations so far.
    operations: u64,
    /// The number of operations until the next image, and between images; `None` if none are recorded.
    next_image: Option<(u64, u64)>,
    images: Vec<Inner>,
}

type Inode = u64;

#[derive(Debug, Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    /// The bytes after this were never synced.
    durable_len: usize,
    /// The parts before it whose sync failed.
    lost: Vec<Range<usize>>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Set(PathBuf, Inode),
    /// The old name, the new name, and the file, which is never another one that had the old name before.
    Rename(PathBuf, PathBuf, Inode),
    Remove(PathBuf),
}

/// Which operations fail, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Failure {
    /// All operations, as after a power cut.
    #[default]
    All,
    /// One operation; those after it succeed.
    Once,
    /// One operation, which panics.
    Panic,
}

/// A shortage that makes operations on the files of a directory fail until it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// There is no space for more files and bytes.
    DiskFull,
    /// There is space for this many bytes in all files of the directory together.
    Capacity(usize),
    /// Too many files are open.
    TooManyFiles,
}

impl MemoryDisk {
    /// Lets the next `operations` succeed and those after them fail.
    pub fn fail_after(&self, operations: u64, failure: Failure) {
        let mut inner = self.inner.lock();
        (inner.fails_in, inner.failure, inner.has_failed) = (Some(operations), failure, false);
    }

    /// Ends all failures and shortages.
    pub fn heal(&self) {
        let mut inner = self.inner.lock();
        (inner.fails_in, inner.shortages) = (None, BTreeMap::new());
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

    /// Starts or ends a shortage for the files of a directory.
    pub fn set_shortage(&self, dir: &Path, shortage: Option<Shortage>) {
        let mut inner = self.inner.lock();
        match shortage {
            Some(shortage) => inner.shortages.insert(dir.to_owned(), shortage),
            None => inner.shortages.remove(dir),
        };
    }

    /// Starts recording an image of the disk after the next `operations` operations, and then after every `every` operations,
    /// for [`MemoryDisk::take_images`].
    pub fn record_images(&self, operations: u64, every: u64) {
        let mut inner = self.inner.lock();
        (inner.next_image, inner.images) = (Some((operations, every.max(1))), Vec::new());
    }

    /// Stops recording images and returns them.
    pub fn take_images(&self) -> Vec<MemoryDisk> {
        let mut inner = self.inner.lock();
        inner.next_image = None;
        let images = std::mem::take(&mut inner.images);
        images.into_iter().map(|inner| MemoryDisk { inner: Arc::new(Mutex::new(inner)) }).collect()
    }

    /// Returns the number of operations so far, not counting reads.
    pub fn operations(&self) -> u64 {
        self.inner.lock().operations
    }

    /// Returns the disk after a power cut: whether something that was not durable is lost depends on `seed`. This disk does not
    /// change.
    #[must_use]
    pub fn crash(&self, seed: u64) -> MemoryDisk {
        let old = self.inner.lock();
        let mut rng = Rng(seed | 1);
        let mut names = old.durable_names.clone();
        let dirs: Vec<&Path> = old.pending.iter().filter_map(NameChange::dir).collect();
        for dir in dirs.iter().collect::<BTreeSet<_>>() {
            let changes: Vec<_> = old.pending.iter().filter(|change| change.dir() == Some(dir)).collect();
            // Either a prefix of the changes happened, as with a journal, or any of them.
            let happened = rng.below(changes.len() + 1);
            let any = rng.below(2) == 0;
            for (nth, change) in changes.into_iter().enumerate() {
                if if any { rng.below(2) == 0 } else { nth < happened } {
                    change.apply(&mut names);
                }
            }
        }
        let mut files = HashMap::new();
        for inode in names.values() {
            let bytes = old.files[inode].after_crash(&mut rng);
            files.insert(*inode, Content { durable_len: bytes.len(), bytes, lost: Vec::new() });
        }
        let inner =
            Inner { files, durable_names: names.clone(), names, next_inode: old.next_inode, ..Inner::default() };
        MemoryDisk { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Like [`MemoryDisk::crash`], but the caller decides. `keeps_name` is asked for each change of a directory that was not
    /// synced, by its number in the order in which they were made; `keeps_bytes` for each file that then has a name and has
    /// unsynced bytes, of which otherwise a part is lost.
    #[must_use]
    pub fn crash_keeping(
        &self,
        keeps_name: &dyn Fn(usize) -> bool,
        keeps_bytes: &mut dyn FnMut(&Path) -> bool,
    ) -> MemoryDisk {
        let old = self.inner.lock();
        let mut names = old.durable_names.clone();
        for (_, change) in old.pending.iter().enumerate().filter(|(nth, _)| keeps_name(*nth)) {
            change.apply(&mut names);
        }
        let mut files = HashMap::new();
        for (path, inode) in &names {
            let Content { mut bytes, durable_len, lost } = old.files[inode].clone();
            let durable = lost.iter().map(|lost| lost.start).min().unwrap_or(durable_len);
            if durable < bytes.len() && !keeps_bytes(path) {
                bytes.truncate(durable + (bytes.len() - durable) / 2);
            }
            files.insert(*inode, Content { durable_len: bytes.len(), bytes, lost: Vec::new() });
        }
        let inner =
            Inner { files, durable_names: names.clone(), names, next_inode: old.next_inode, ..Inner::default() };
        MemoryDisk { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Returns the disk after the process has stopped: nothing is lost yet, and nothing is locked. This disk does not change.
    #[must_use]
    pub fn after_stop(&self) -> MemoryDisk {
        let old = self.inner.lock();
        let inner =
            Inner { locked: BTreeSet::new(), fails_in: None, next_image: None, images: Vec::new(), ..old.clone() };
        MemoryDisk { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Returns the paths of all files.
    pub fn names(&self) -> Vec<PathBuf> {
        self.inner.lock().names.keys().cloned().collect()
    }

    /// Changes the bytes of a file without anyone noticing.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.inner.lock();
        let inode = inner.names[path];
        let content = inner.files.entry(inode).or_default();
        change(&mut content.bytes);
        content.durable_len = content.bytes.len();
    }
}

impl Content {
    fn after_crash(&self, rng: &mut Rng) -> Vec<u8> {
        let kept = self.durable_len + rng.below(self.bytes.len() - self.durable_len + 1);
        let mut bytes = self.bytes[..kept].to_vec();
        for unsynced in self.lost.iter().cloned().chain(std::iter::once(self.durable_len..kept)) {
            for sector in bytes[unsynced].chunks_mut(SECTOR) {
                match rng.below(6) {
                    0 | 1 => sector.fill(0),
                    2 => sector[rng.below(sector.len())] ^= 1 << rng.below(8),
                    _ => {}
                }
            }
        }
        bytes
    }

    /// Simulates a failed sync: the system regards the bytes as written, but they are not.
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
    /// Counts an operation. Returns an error if it should fail.
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.next_image {
            Some((0, every)) => {
                let earlier = std::mem::take(&mut self.images);
                let image = self.clone();
                self.images = earlier;
                self.images.push(image);
                self.next_image = Some((every - 1, every));
            }
            Some((left, every)) => self.next_image = Some((left - 1, every)),
            None => {}
        }
        match &mut self.fails_in {
            None => Ok(()),
            Some(0) => {
                self.has_failed = true;
                if self.failure == Failure::Once {
                    self.fails_in = None;
                }
                assert_ne!(self.failure, Failure::Panic, "this panic is intended");
                Err(io::Error::other("the disk failed"))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// Returns an error if a directory has one of these shortages.
    fn check(&self, dir: Option<&Path>, shortages: &[Shortage]) -> io::Result<()> {
        match dir.and_then(|dir| self.shortages.get(dir)) {
            Some(Shortage::DiskFull) if shortages.contains(&Shortage::DiskFull) => {
                Err(io::ErrorKind::StorageFull.into())
            }
            Some(Shortage::TooManyFiles) if shortages.contains(&Shortage::TooManyFiles) => {
                Err(io::Error::other("too many open files"))
            }
            _ => Ok(()),
        }
    }

    /// Returns an error if there is no space for more bytes in the directory of a file.
    fn check_space(&self, inode: Inode, bytes: usize) -> io::Result<()> {
        let dir = self.dir_of(inode);
        self.check(dir, &[Shortage::DiskFull])?;
        match dir.and_then(|dir| self.shortages.get(dir)) {
            Some(Shortage::Capacity(capacity)) => {
                let here = self.names.iter().filter(|(path, _)| path.parent() == dir);
                let used: usize = here.map(|(_, inode)| self.files[inode].bytes.len()).sum();
                if used + bytes > *capacity { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Returns the directory of a file, unless its name was removed.
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
            NameChange::Set(path, _) | NameChange::Rename(path, ..) | NameChange::Remove(path) => path.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Inode>) {
        match self {
            NameChange::Set(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            NameChange::Rename(from, to, inode) => {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                    names.insert(to.clone(), *inode);
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
        inner.check(path.parent(), &[Shortage::DiskFull, Shortage::TooManyFiles])?;
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
        inner.check(path.parent(), &[Shortage::TooManyFiles])?;
        let content = inner.files.entry(inode).or_default();
        content.truncate(len as usize);
        content.durable_len = content.bytes.len();
        Ok(Box::new(OpenFile { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let inner = self.inner.lock();
        inner.check(path.parent(), &[Shortage::TooManyFiles])?;
        let inode = inner.find(path)?;
        drop(inner);
        Ok(Arc::new(OpenFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.operate()?;
        let inode = inner.find(from)?;
        inner.change_names(NameChange::Rename(from.to_owned(), to.to_owned(), inode));
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
        inner.check(Some(dir), &[Shortage::TooManyFiles])?;
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

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let mut inner = self.inner.lock();
        let is_free = inner.locked.insert(path.to_owned());
        Ok(is_free.then(|| Box::new(MemoryLock(self.clone(), path.to_owned())) as _))
    }
}

#[derive(Debug)]
struct MemoryLock(MemoryDisk, PathBuf);

impl Drop for MemoryLock {
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
        let result = inner.operate().and_then(|()| inner.check_space(self.inode, bytes.len()));
        // A failed write may have written some of the bytes.
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

/// A pseudo-random number generator (xorshift).
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_file_is_never_an_earlier_one_of_the_same_name() {
        let (temporary, path) = (Path::new("/d/a.tmp"), Path::new("/d/a"));
        let disk = MemoryDisk::default();
        let mut first = disk.create(temporary).unwrap();
        first.append(b"not synced").unwrap();
        disk.remove(temporary).unwrap();
        let mut second = disk.create(temporary).unwrap();
        second.append(b"synced").unwrap();
        second.sync().unwrap();
        disk.rename(temporary, path).unwrap();
        let mut found = [false; 2];
        for seed in 0..1000 {
            let after = disk.crash(seed);
            let Ok(file) = after.open(path) else {
                found[0] = true;
                continue;
            };
            let mut bytes = [0; 6];
            file.read_at(&mut bytes, 0).unwrap();
            assert_eq!((file.length().unwrap(), &bytes), (6, b"synced"), "seed {seed}");
            found[1] = true;
        }
        assert_eq!(found, [true; 2], "both must happen");
    }
}
