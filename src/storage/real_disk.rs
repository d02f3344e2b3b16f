//! The file system of the operating system.
//!
//! Files opened for reading do not own a descriptor: a bounded number of descriptors is shared by the most recently read ones,
//! so that a store may have more files than a process may open.
//!
//! Invariant: if the name of a file is removed while someone can still read it, the file gets a descriptor of its own first.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::disk::{AppendFile, Disk, DiskLock, ReadFile};

/// The maximum number of descriptors for files opened for reading.
const DESCRIPTORS_MAX: usize = 512;

/// The permissions of a new file: only its owner reads and writes it, since it holds data and password hashes.
const FILE_MODE: u32 = 0o600;

/// The permissions of a new directory.
const DIRECTORY_MODE: u32 = 0o700;

/// The file system of the operating system. Clones share their descriptors.
#[derive(Debug, Clone)]
pub struct RealDisk {
    descriptors: Arc<Descriptors>,
}

impl Default for RealDisk {
    fn default() -> Self {
        RealDisk::with_descriptors(DESCRIPTORS_MAX)
    }
}

impl RealDisk {
    /// Creates a disk whose files opened for reading share `max` descriptors, which must be at least one.
    fn with_descriptors(max: usize) -> Self {
        RealDisk { descriptors: Arc::new(Descriptors { max, table: Mutex::default() }) }
    }
}

impl Disk for RealDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.create_dir_all(parent)?;
        match DirBuilder::new().mode(DIRECTORY_MODE).create(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.sync_dir(parent),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        // A name that is not UTF-8 is not one of ours.
        fs::read_dir(dir)?.filter_map(|entry| entry.map(|e| e.file_name().into_string().ok()).transpose()).collect()
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        let mut options = OpenOptions::new();
        Ok(Box::new(options.write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?))
    }

    fn append(&self, path: &Path, len: u64) -> io::Result<Box<dyn AppendFile>> {
        let file = OpenOptions::new().append(true).open(path)?;
        if file.metadata()?.len() != len {
            file.set_len(len)?;
        }
        // What was read from the file may not be durable yet, and the store is about to rely on it.
        file.sync_all()?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        Ok(self.descriptors.open(path)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.descriptors.detach(to)?;
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.descriptors.detach(path)?;
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(FILE_MODE).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl AppendFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The files opened for reading, and the descriptors of some of them.
#[derive(Debug)]
struct Descriptors {
    max: usize,
    table: Mutex<DescriptorTable>,
}

#[derive(Debug, Default)]
struct DescriptorTable {
    /// The file most recently opened at each path.
    files: HashMap<Arc<Path>, Weak<StoredFile>>,
    open: HashMap<FileNumber, Descriptor>,
    last_number: u64,
    /// The number of reads so far.
    reads: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct FileNumber(u64);

#[derive(Debug)]
struct Descriptor {
    file: Arc<File>,
    last_read: u64,
}

/// A file opened for reading.
#[derive(Debug)]
struct StoredFile {
    number: FileNumber,
    path: Arc<Path>,
    len: u64,
    /// Its own descriptor, from the moment at which its name is removed.
    own: OnceLock<Arc<File>>,
    descriptors: Arc<Descriptors>,
}

impl Descriptors {
    fn open(self: &Arc<Self>, path: &Path) -> io::Result<Arc<StoredFile>> {
        self.detach(path)?;
        let file = Arc::new(File::open(path)?);
        let path: Arc<Path> = path.into();
        let len = file.metadata()?.len();
        let mut table = self.table.lock();
        table.last_number += 1;
        let number = FileNumber(table.last_number);
        let stored =
            Arc::new(StoredFile { number, path: path.clone(), len, own: OnceLock::new(), descriptors: self.clone() });
        table.files.insert(path, Arc::downgrade(&stored));
        table.insert(number, file, self.max);
        Ok(stored)
    }

    /// Gives the file at `path` its own descriptor, so that it can still be read when that name is gone.
    fn detach(&self, path: &Path) -> io::Result<()> {
        let stored = self.table.lock().files.get(path).and_then(Weak::upgrade);
        if let Some(stored) = stored {
            let file = stored.descriptor()?;
            stored.own.get_or_init(|| file);
        }
        Ok(())
    }
}

impl DescriptorTable {
    /// Adds a descriptor, and closes the least recently used one if there are too many.
    fn insert(&mut self, number: FileNumber, file: Arc<File>, max: usize) {
        if self.open.len() >= max {
            let oldest = self.open.iter().min_by_key(|(_, descriptor)| descriptor.last_read);
            if let Some(oldest) = oldest.map(|(number, _)| *number) {
                self.open.remove(&oldest);
            }
        }
        self.reads += 1;
        self.open.insert(number, Descriptor { file, last_read: self.reads });
    }

    fn find(&mut self, number: FileNumber) -> Option<Arc<File>> {
        let descriptor = self.open.get_mut(&number)?;
        self.reads += 1;
        descriptor.last_read = self.reads;
        Some(descriptor.file.clone())
    }
}

impl StoredFile {
    fn descriptor(&self) -> io::Result<Arc<File>> {
        if let Some(file) = self.own.get() {
            return Ok(file.clone());
        }
        if let Some(file) = self.descriptors.table.lock().find(self.number) {
            return Ok(file);
        }
        let opened = File::open(&self.path);
        // The name may have been removed in the meantime.
        if let Some(file) = self.own.get() {
            return Ok(file.clone());
        }
        let file = Arc::new(opened?);
        self.descriptors.table.lock().insert(self.number, file.clone(), self.descriptors.max);
        Ok(file)
    }
}

impl ReadFile for StoredFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.descriptor()?.read_exact_at(buffer, offset)
    }
}

impl Drop for StoredFile {
    fn drop(&mut self) {
        let mut table = self.descriptors.table.lock();
        table.open.remove(&self.number);
        // By now the name may belong to another file.
        if table.files.get(&self.path).is_some_and(|file| file.strong_count() == 0) {
            table.files.remove(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(file: &dyn ReadFile) -> Vec<u8> {
        let mut bytes = vec![0; file.length().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn many_files_share_few_descriptors() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::with_descriptors(3);
        let path = |n: u8| dir.path().join(n.to_string());
        let files: Vec<_> = (0..10)
            .map(|n| {
                disk.create(&path(n)).unwrap().append(&[n; 4]).unwrap();
                disk.open(&path(n)).unwrap()
            })
            .collect();
        let open = || disk.descriptors.table.lock().open.len();
        for _ in 0..3 {
            for (n, file) in (0..).zip(&files) {
                assert_eq!(content(&**file), [n; 4]);
                assert_eq!(open(), 3);
            }
        }
        drop(files);
        assert_eq!((open(), disk.descriptors.table.lock().files.len()), (0, 0));
    }

    // spec: storage.access.1
    #[test]
    fn only_the_owner_can_read_what_is_created() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let (dir, disk) = (root.path().join("a/b"), RealDisk::default());
        disk.create_dir_all(&dir).unwrap();
        drop(disk.create(&dir.join("file")).unwrap());
        drop(disk.lock(&dir.join("lock")).unwrap());
        let mode = |name: &str| fs::metadata(root.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(["a", "a/b", "a/b/file", "a/b/lock"].map(mode), [0o700, 0o700, 0o600, 0o600]);
    }

    #[test]
    fn an_open_file_can_be_read_after_its_name_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::with_descriptors(1);
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        disk.create(&one).unwrap().append(b"one").unwrap();
        disk.create(&other).unwrap().append(b"other").unwrap();
        let first = disk.open(&one).unwrap();
        let again = disk.open(&one).unwrap();
        let second = disk.open(&other).unwrap();
        disk.rename(&other, &one).unwrap();
        assert_eq!(content(&*first), b"one");
        disk.remove(&one).unwrap();
        drop(second);
        assert_eq!((content(&*first), content(&*again)), (b"one".to_vec(), b"one".to_vec()));
        assert!(disk.open(&one).is_err());
    }
}
