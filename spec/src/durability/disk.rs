//! The disk of the model: files and names of which some are durable. A power cut keeps what is durable, and any part of the rest.
//!
//! It is an abstraction of the simulated disk of storage: bytes are frames, segments or checkpoints, which are whole or torn.

use std::collections::BTreeMap;

use super::contents::{Checkpoint, Frame, Segment, SeriesFile};

/// One of the two directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dir {
    /// `[data] dir`.
    Data,
    /// `[data] wal-dir`.
    Log,
}

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum File {
    /// The newest checkpoint.
    Checkpoint,
    /// The checkpoint before it.
    Previous,
    /// A damaged checkpoint that was set aside.
    Damaged,
    /// The segment file of this number.
    Segment(u8),
    /// The series file of this number.
    Series(u8),
    /// The log file that begins with the record at this position.
    Log(u8),
}

/// A name in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// What the file is or will be.
    pub file: File,
    /// Whether the name ends in `.tmp`.
    pub is_temporary: bool,
}

impl File {
    /// Its name once it is complete.
    pub fn named(self) -> Name {
        Name { file: self, is_temporary: false }
    }

    /// Its name while it is written.
    pub fn temporary(self) -> Name {
        Name { file: self, is_temporary: true }
    }

    /// The directory that it is in.
    pub fn dir(self) -> Dir {
        if matches!(self, File::Log(_)) { Dir::Log } else { Dir::Data }
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    /// Nothing yet.
    Empty,
    /// The header of a log file, and its frames.
    Log(Vec<Frame>),
    /// A segment file.
    Segment(Segment),
    /// A series file.
    Series(SeriesFile),
    /// A checkpoint.
    Checkpoint(Checkpoint),
    /// Bytes with a wrong checksum.
    Torn,
}

/// The bytes of a file, with or without a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Bytes {
    content: Content,
    /// Whether everything but frames is durable.
    is_durable: bool,
    /// How many frames are durable.
    durable_frames: usize,
    /// The frames before these that were reported as written although their sync failed.
    lost: Vec<usize>,
}

/// A change of names that is not durable yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum NameChange {
    Set(Name, u8),
    Rename(Name, Name, u8),
    Remove(Name),
}

impl NameChange {
    fn dir(self) -> Dir {
        match self {
            NameChange::Set(name, _) | NameChange::Rename(name, ..) | NameChange::Remove(name) => name.file.dir(),
        }
    }

    fn apply(self, names: &mut BTreeMap<Name, u8>) {
        match self {
            NameChange::Set(name, bytes) => {
                names.insert(name, bytes);
            }
            NameChange::Rename(from, to, bytes) => {
                if names.get(&from) == Some(&bytes) {
                    names.remove(&from);
                    names.insert(to, bytes);
                }
            }
            NameChange::Remove(name) => {
                names.remove(&name);
            }
        }
    }
}

/// An operation of the disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Creates an empty file.
    Create(Name),
    /// Writes all of a file.
    Write(Name, Content),
    /// Appends a frame to a log file.
    Append(Name, Frame),
    /// Makes what was written to a file durable.
    Sync(Name),
    /// Renames a file.
    Rename(Name, Name),
    /// Removes a file.
    Remove(Name),
    /// Cuts off what follows the first so many frames of a log file, and opens it for writing.
    Cut(Name, usize),
    /// Makes the names of a directory durable.
    SyncDir(Dir),
}

/// Why an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// There is no space.
    NoSpace,
    /// Anything else.
    Io,
}

/// What survives a power cut of what is not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Survival {
    /// The changes of names, in the order in which they were made: a bit for each.
    pub names: u32,
    /// The unsynced parts of the files that then have a name, in the order of [`Disk::unsynced`]: a bit for each.
    pub bytes: u32,
}

/// A disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    names: BTreeMap<Name, u8>,
    durable: BTreeMap<Name, u8>,
    pending: Vec<NameChange>,
    files: BTreeMap<u8, Bytes>,
    /// Which directories have no space.
    pub full: [bool; 2],
}

impl Disk {
    /// Performs an operation, or fails as a disk does that fails at this moment for another reason than a lack of space.
    pub(super) fn perform(&mut self, operation: &Operation, fails: bool) -> Result<(), Failure> {
        let result = self.try_perform(operation, fails);
        self.renumber();
        result
    }

    fn try_perform(&mut self, operation: &Operation, fails: bool) -> Result<(), Failure> {
        let fails = if fails { Err(Failure::Io) } else { Ok(()) };
        match operation {
            Operation::Create(name) => {
                fails.and(self.check_space(*name))?;
                let number = self.files.keys().next_back().map_or(0, |last| last + 1);
                let bytes = Bytes { content: Content::Empty, is_durable: true, durable_frames: 0, lost: Vec::new() };
                self.files.insert(number, bytes);
                self.change(NameChange::Set(*name, number));
            }
            Operation::Write(name, content) => {
                let result = fails.and(self.check_space(*name));
                let bytes = self.bytes_mut(*name)?;
                bytes.is_durable = false;
                bytes.content = if result.is_ok() { content.clone() } else { Content::Torn };
                result?;
            }
            Operation::Append(name, frame) => {
                let result = fails.and(self.check_space(*name));
                if let Content::Log(frames) = &mut self.bytes_mut(*name)?.content {
                    frames.push(if result.is_ok() { frame.clone() } else { Frame::Torn });
                }
                result?;
            }
            Operation::Sync(name) => {
                let bytes = self.bytes_mut(*name)?;
                let frames = bytes.frames();
                if fails.is_err() {
                    // The system regards the bytes as written, but they are not.
                    bytes.lost.extend(bytes.durable_frames..frames);
                } else {
                    bytes.is_durable = true;
                }
                bytes.durable_frames = frames;
                fails?;
            }
            Operation::Rename(from, to) => {
                fails?;
                let number = *self.names.get(from).ok_or(Failure::Io)?;
                self.change(NameChange::Rename(*from, *to, number));
            }
            Operation::Remove(name) => {
                fails?;
                self.names.get(name).ok_or(Failure::Io)?;
                self.change(NameChange::Remove(*name));
            }
            Operation::Cut(name, count) => {
                fails?;
                let bytes = self.bytes_mut(*name)?;
                if let Content::Log(frames) = &mut bytes.content {
                    frames.truncate(*count);
                    bytes.durable_frames = frames.len();
                    bytes.lost.retain(|lost| lost < count);
                }
            }
            Operation::SyncDir(dir) => {
                fails?;
                let Disk { pending, durable, .. } = self;
                pending.retain(|change| {
                    let is_here = change.dir() == *dir;
                    if is_here {
                        change.apply(durable);
                    }
                    !is_here
                });
            }
        }
        Ok(())
    }

    fn check_space(&self, name: Name) -> Result<(), Failure> {
        if self.full[name.file.dir() as usize] { Err(Failure::NoSpace) } else { Ok(()) }
    }

    fn bytes_mut(&mut self, name: Name) -> Result<&mut Bytes, Failure> {
        let number = self.names.get(&name).ok_or(Failure::Io)?;
        self.files.get_mut(number).ok_or(Failure::Io)
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    /// Gives equal disks equal numbers, and forgets files that can no longer be named.
    fn renumber(&mut self) {
        let mut numbers: BTreeMap<u8, u8> = BTreeMap::new();
        let mut number = |old: &mut u8| {
            let next = numbers.len() as u8;
            *old = *numbers.entry(*old).or_insert(next);
        };
        self.names.values_mut().for_each(&mut number);
        self.durable.values_mut().for_each(&mut number);
        for change in &mut self.pending {
            if let NameChange::Set(_, of) | NameChange::Rename(_, _, of) = change {
                number(of);
            }
        }
        let files = std::mem::take(&mut self.files);
        self.files = files.into_iter().filter_map(|(old, bytes)| Some((*numbers.get(&old)?, bytes))).collect();
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = Name> {
        self.names.keys().copied()
    }

    /// What a reader finds under a name.
    pub fn read(&self, file: File) -> Option<&Content> {
        Some(&self.files.get(self.names.get(&file.named())?)?.content)
    }

    /// The number of changes of names that are not durable.
    pub fn pending_names(&self) -> usize {
        self.pending.len()
    }

    /// The parts of files that are not durable, if these changes of names survive: each frame, or a whole file.
    pub fn unsynced(&self, names: u32) -> Vec<Name> {
        let parts = |(name, number): (Name, u8)| {
            let count = self.files.get(&number).map_or(0, |bytes| bytes.unsynced().len());
            std::iter::repeat_n(name, count)
        };
        self.surviving_names(names).into_iter().flat_map(parts).collect()
    }

    fn surviving_names(&self, survival: u32) -> BTreeMap<Name, u8> {
        let mut names = self.durable.clone();
        for (nth, change) in self.pending.iter().enumerate() {
            if survival & (1 << nth) != 0 {
                change.apply(&mut names);
            }
        }
        names
    }

    /// The disk after a power cut.
    #[must_use]
    pub fn crash(&self, survival: Survival) -> Disk {
        let names = self.surviving_names(survival.names);
        let mut files = self.files.clone();
        let mut survives = (0..u32::BITS).map(|nth| survival.bytes & (1 << nth) != 0);
        for number in names.values() {
            if let Some(bytes) = files.get_mut(number) {
                bytes.lose_power(&mut survives);
            }
        }
        let mut after = Disk { durable: names.clone(), names, pending: Vec::new(), files, full: [false; 2] };
        after.renumber();
        after
    }

    /// The files whose names would survive any power cut, with what a crash keeps of them at least.
    pub(super) fn worst_case(&self) -> Disk {
        self.crash(Survival { names: 0, bytes: 0 })
    }

    /// Damages a file.
    pub(super) fn damage(&mut self, file: File) {
        if let Ok(bytes) = self.bytes_mut(file.named()) {
            bytes.content = Content::Torn;
        }
    }
}

impl Bytes {
    fn frames(&self) -> usize {
        if let Content::Log(frames) = &self.content { frames.len() } else { 0 }
    }

    /// The frames that are not durable; or one part, the first, if it is the whole file.
    fn unsynced(&self) -> Vec<usize> {
        if self.is_durable {
            self.lost.iter().copied().chain(self.durable_frames..self.frames()).collect()
        } else {
            vec![0]
        }
    }

    /// Loses each unsynced part, unless it survives.
    fn lose_power(&mut self, survives: &mut impl Iterator<Item = bool>) {
        let unsynced = self.unsynced();
        let torn = unsynced.into_iter().zip(survives).filter(|(_, survives)| !survives).map(|(part, _)| part);
        for part in torn {
            match &mut self.content {
                Content::Log(frames) if self.is_durable => frames[part] = Frame::Torn,
                content => *content = Content::Torn,
            }
        }
        self.is_durable = true;
        self.durable_frames = self.frames();
        self.lost.clear();
    }
}
