//! A disk on which the threads of storage perform one operation at a time, when they are told to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fluxstone::storage::disk::{AppendFile, Disk, DiskLock, ReadFile};
use fluxstone::storage::memory_disk::MemoryDisk;
use fluxstone_spec::durability::Thread;
use parking_lot::{Condvar, Mutex};

/// A thread that performs no operation for so long never will.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// What an operation does to which names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Performed {
    Create(PathBuf),
    Write(PathBuf),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    Cut(PathBuf),
    SyncDir(PathBuf),
}

/// The simulated disk behind a gate. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct GatedDisk {
    pub(crate) disk: MemoryDisk,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    /// What the committer and the sealer wait for.
    waiting: [Option<Performed>; 2],
    may_pass: [bool; 2],
    /// How many operations each has ended.
    ended: [u64; 2],
    /// Whether nobody waits any more.
    is_open: bool,
    /// What the thread that opens the store did.
    opening: Vec<Performed>,
}

fn at(thread: Thread) -> Option<usize> {
    match thread {
        Thread::Opener => None,
        Thread::Committer => Some(0),
        Thread::Sealer => Some(1),
    }
}

fn current() -> Thread {
    match std::thread::current().name() {
        Some("committer") => Thread::Committer,
        Some("sealer") => Thread::Sealer,
        _ => Thread::Opener,
    }
}

impl GatedDisk {
    pub(crate) fn new(disk: MemoryDisk) -> GatedDisk {
        GatedDisk { disk, gate: Arc::default() }
    }

    /// Waits until a thread is about to perform an operation, and returns it.
    pub(crate) fn next(&self, thread: Thread) -> Performed {
        let at = at(thread).expect("the opener does not wait");
        let mut state = self.gate.state.lock();
        loop {
            if let Some(operation) = &state.waiting[at] {
                return operation.clone();
            }
            let is_late = self.gate.changed.wait_for(&mut state, PATIENCE).timed_out();
            assert!(!is_late, "the {thread:?} performs no further operation");
        }
    }

    /// Lets a thread perform the operation that it waits for.
    pub(crate) fn step(&self, thread: Thread) {
        let at = at(thread).expect("the opener does not wait");
        let mut state = self.gate.state.lock();
        let ended = state.ended[at];
        state.may_pass[at] = true;
        self.gate.changed.notify_all();
        while state.ended[at] == ended {
            let is_late = self.gate.changed.wait_for(&mut state, PATIENCE).timed_out();
            assert!(!is_late, "the {thread:?} does not end its operation");
        }
    }

    /// What the thread that opens the store has done so far.
    pub(crate) fn opening(&self) -> Vec<Performed> {
        self.gate.state.lock().opening.clone()
    }

    /// Lets everyone pass from now on.
    pub(crate) fn open_gate(&self) {
        self.gate.state.lock().is_open = true;
        self.gate.changed.notify_all();
    }

    fn pass<T>(&self, operation: Performed, perform: impl FnOnce() -> T) -> T {
        let Some(at) = at(current()) else {
            self.gate.state.lock().opening.push(operation);
            return perform();
        };
        let mut state = self.gate.state.lock();
        state.waiting[at] = Some(operation);
        self.gate.changed.notify_all();
        while !state.may_pass[at] && !state.is_open {
            self.gate.changed.wait(&mut state);
        }
        (state.may_pass[at], state.waiting[at]) = (false, None);
        drop(state);
        let result = perform();
        self.gate.state.lock().ended[at] += 1;
        self.gate.changed.notify_all();
        result
    }
}

impl Disk for GatedDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        let file = self.pass(Performed::Create(path.to_owned()), || self.disk.create(path))?;
        Ok(Box::new(GatedFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn append(&self, path: &Path, len: u64) -> io::Result<Box<dyn AppendFile>> {
        let file = self.pass(Performed::Cut(path.to_owned()), || self.disk.append(path, len))?;
        Ok(Box::new(GatedFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.disk.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass(Performed::Rename(from.to_owned(), to.to_owned()), || self.disk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.pass(Performed::Remove(path.to_owned()), || self.disk.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.pass(Performed::SyncDir(dir.to_owned()), || self.disk.sync_dir(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        self.disk.lock(path)
    }
}

/// A file that is open for writing. It may have been renamed since.
#[derive(Debug)]
struct GatedFile {
    disk: GatedDisk,
    path: PathBuf,
    file: Box<dyn AppendFile>,
}

impl GatedFile {
    /// Its present name: files that are written under a temporary name and go on to be written lose only the suffix.
    fn path(&self) -> PathBuf {
        let named = self.path.with_extension("");
        let names = self.disk.disk.names();
        if names.contains(&self.path) || !names.contains(&named) { self.path.clone() } else { named }
    }
}

impl AppendFile for GatedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (disk, path) = (self.disk.clone(), self.path());
        disk.pass(Performed::Write(path), || self.file.append(bytes))
    }

    fn sync(&mut self) -> io::Result<()> {
        let (disk, path) = (self.disk.clone(), self.path());
        disk.pass(Performed::Sync(path), || self.file.sync())
    }
}
