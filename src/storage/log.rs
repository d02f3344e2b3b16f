//! The log: files of frames in one directory, written at the end of the last one.
//!
//! Invariant: records have consecutive positions over all files, and a file is begun only when all frames of the one
//! before it are on disk. What the records mean is left to others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{AppendFile, Disk, TEMPORARY_SUFFIX, read_all};
use super::error::StorageError;
use super::frame::{Frame, LOG_HEADER_LEN, LogHeader, find_frame, put_frame};

/// A file of the log is closed when it has this many bytes.
pub(super) const LOG_FILE_BYTES_MAX: u64 = 64 << 20;

const PREFIX: &str = "log-";

/// The end of the log, where records are appended.
#[derive(Debug)]
pub(super) struct LogWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    path: PathBuf,
    file: Box<dyn AppendFile>,
    header: LogHeader,
    len: u64,
    /// The position that the next record gets.
    next: u64,
    frame: Vec<u8>,
    bytes_written: u64,
    /// The length at which a new file is begun.
    rotate_at: u64,
}

impl LogWriter {
    /// Begins a log at position `first`.
    fn begin(disk: Arc<dyn Disk>, dir: &Path, first: u64) -> Result<LogWriter, StorageError> {
        let (file, header) = new_file(&*disk, dir, first)?;
        let path = install(&*disk, dir, first)?;
        Ok(LogWriter::at_end(disk, path, file, header, LOG_HEADER_LEN as u64, first))
    }

    /// Goes on behind the first `len` bytes of a file, with the record `next`.
    fn at_end(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        file: Box<dyn AppendFile>,
        header: LogHeader,
        len: u64,
        next: u64,
    ) -> LogWriter {
        let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
        let rotate_at = LOG_FILE_BYTES_MAX;
        LogWriter { disk, dir, path, file, header, len, next, frame: Vec::new(), bytes_written: 0, rotate_at }
    }

    /// Appends records as one frame and waits until it is on disk. After an error nothing can be appended any more.
    pub(super) fn append<R: AsRef<[u8]>>(&mut self, records: &[R]) -> Result<(), StorageError> {
        if self.len >= self.rotate_at {
            self.rotate()?;
        }
        self.frame.clear();
        put_frame(self.header.salt, self.next, records, &mut self.frame);
        let appended = self.file.append(&self.frame).map_err(StorageError::io("write", &self.path));
        let synced = appended.and_then(|()| self.file.sync().map_err(StorageError::io("sync", &self.path)));
        if let Err(error) = synced {
            self.cut_off_unfinished();
            return Err(error);
        }
        self.len += self.frame.len() as u64;
        self.bytes_written += self.frame.len() as u64;
        self.next += records.len() as u64;
        // One great request must not hold its memory for ever.
        self.frame.shrink_to(FRAME_BUFFER_BYTES_MAX);
        Ok(())
    }

    /// Removes what a failed write or sync left behind the last good frame. After a failed sync the system may show
    /// these bytes to the next start although they are not on the disk, and never will be.
    fn cut_off_unfinished(&mut self) {
        if let Err(error) = self.disk.append(&self.path, self.len) {
            tracing::warn!(file = %self.path.display(), %error, "what could not be written can't be cut off either");
        }
    }

    /// Begins a new file, so that the ones before it can be deleted when their records are held elsewhere. If there can't
    /// be one, because the disk is full or too many files are open, the old one goes on.
    pub(super) fn rotate(&mut self) -> Result<(), StorageError> {
        if self.len <= LOG_HEADER_LEN as u64 {
            return Ok(());
        }
        let (file, header) = match new_file(&*self.disk, &self.dir, self.next) {
            Ok(new) => new,
            Err(error) => {
                tracing::warn!(%error, "the log goes on in its old file");
                self.rotate_at = self.len + LOG_FILE_BYTES_MAX;
                return Ok(());
            }
        };
        // From here on the new file may be found by the next start: an error leaves no way on.
        self.path = install(&*self.disk, &self.dir, self.next)?;
        (self.file, self.header) = (file, header);
        (self.len, self.rotate_at) = (LOG_HEADER_LEN as u64, LOG_FILE_BYTES_MAX);
        Ok(())
    }

    /// The file that is being written.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes were appended since the log was opened.
    pub(super) fn bytes_written(&self) -> u64 {
        self.bytes_written
    }
}

/// Makes a file with a header under a temporary name, and syncs it.
fn new_file(disk: &dyn Disk, dir: &Path, first: u64) -> Result<(Box<dyn AppendFile>, LogHeader), StorageError> {
    let path = temporary(dir, first);
    let header = LogHeader { first, salt: rand::random() };
    let mut file = disk.create(&path).map_err(StorageError::io("create", &path))?;
    let written = file.append(&header.encode()).map_err(StorageError::io("write", &path));
    match written.and_then(|()| file.sync().map_err(StorageError::io("sync", &path))) {
        Ok(()) => Ok((file, header)),
        Err(error) => {
            // If it stays, it is made anew or removed by the next start.
            let _ = disk.remove(&path);
            Err(error)
        }
    }
}

/// Gives a file of [`new_file`] its name.
fn install(disk: &dyn Disk, dir: &Path, first: u64) -> Result<PathBuf, StorageError> {
    let path = dir.join(file_name(first));
    disk.rename(&temporary(dir, first), &path).map_err(StorageError::io("rename", &path))?;
    disk.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
    Ok(path)
}

/// Memory kept for frames between commits.
const FRAME_BUFFER_BYTES_MAX: usize = 1 << 20;

/// Takes a record and its position.
pub(super) type OnRecord<'a> = dyn FnMut(u64, &[u8]) -> Result<(), StorageError> + 'a;

/// Reads the log from position `from` on, hands each record to `each`, cuts off what a crash left unfinished, and opens
/// the log for appending.
pub(super) fn recover(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    from: u64,
    each: &mut OnRecord<'_>,
) -> Result<LogWriter, StorageError> {
    remove_temporary(disk.as_ref(), dir)?;
    // The names that are found may so far be in the system's memory only, and are about to be relied on.
    disk.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
    let Extent { last, next, damage } = scan(disk.as_ref(), dir, from, each)?;
    if let Some(Damage { path, offset, problem, .. }) = damage {
        return Err(StorageError::DamagedLog { path, offset, problem });
    }
    let Some(LastFile { path, header, end, len }) = last else {
        return LogWriter::begin(disk.clone(), dir, from);
    };
    if end < len {
        tracing::warn!(file = %path.display(), offset = end, bytes = len - end,
            "cut off the end of the log that a crash left unfinished");
    }
    let file = disk.append(&path, end as u64).map_err(StorageError::io("open", &path))?;
    if next < from {
        // The checkpoint knows more than the log holds: the log must go on behind the checkpoint.
        return LogWriter::begin(disk.clone(), dir, from);
    }
    Ok(LogWriter::at_end(disk.clone(), path, file, header, end as u64, next))
}

/// How far a log can be read.
#[derive(Debug)]
pub(super) struct Extent {
    /// The last file of which anything can be read; none if there is none.
    last: Option<LastFile>,
    /// The position behind the last record that can be read.
    pub(super) next: u64,
    /// Why no more can be read, unless that is the end of the log.
    pub(super) damage: Option<Damage>,
}

/// The file with the last record that can be read.
#[derive(Debug)]
struct LastFile {
    path: PathBuf,
    header: LogHeader,
    /// Where its last good frame ends.
    end: usize,
    len: usize,
}

/// Bytes of the log that are not what was synced.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) path: PathBuf,
    /// Where the bytes begin.
    pub(super) offset: usize,
    pub(super) problem: String,
    /// The files behind that one, in order.
    pub(super) later: Vec<PathBuf>,
}

/// Reads the log from position `from` on, as far as that goes, and hands each record to `each`.
pub(super) fn scan(disk: &dyn Disk, dir: &Path, from: u64, each: &mut OnRecord<'_>) -> Result<Extent, StorageError> {
    let firsts = files(disk, dir)?;
    let needed = firsts.partition_point(|&first| first <= from).saturating_sub(1);
    let firsts = &firsts[needed..];
    let mut extent = Extent { last: None, next: from, damage: None };
    for (nth, &first) in firsts.iter().enumerate() {
        let path = dir.join(file_name(first));
        let later = || firsts[nth + 1..].iter().map(|first| dir.join(file_name(*first))).collect::<Vec<_>>();
        let bytes = read_all(disk, &path).map_err(StorageError::io("read", &path))?;
        let header = match header_of(&bytes, first, nth, &extent) {
            Ok(header) => header,
            Err(problem) => {
                extent.damage = Some(Damage { path, offset: 0, problem, later: later() });
                break;
            }
        };
        extent.next = first;
        let is_last = nth + 1 == firsts.len();
        let (end, problem) = read_frames(&path, &bytes, header, is_last, &mut |position, record| {
            extent.next = position + 1;
            if position >= from { each(position, record) } else { Ok(()) }
        })?;
        extent.last = Some(LastFile { path: path.clone(), header, end, len: bytes.len() });
        if let Some(problem) = problem {
            extent.damage = Some(Damage { path, offset: end, problem, later: later() });
            break;
        }
    }
    Ok(extent)
}

/// The header of the `nth` file, whose name says that its first record is `first`.
fn header_of(bytes: &[u8], first: u64, nth: usize, before: &Extent) -> Result<LogHeader, String> {
    let next = before.next;
    if nth == 0 && first > next {
        return Err(format!("the log before it, from record {next} on, is missing"));
    }
    if nth > 0 && first != next {
        return Err(format!("the log before it ends at record {next}, this file begins at {first}"));
    }
    let header = LogHeader::decode(bytes).map_err(|error| error.to_string())?;
    if header.first == first { Ok(header) } else { Err("its name is not that of its first record".to_owned()) }
}

/// Deletes the files that hold only records before `position`.
pub(super) fn delete_before(disk: &dyn Disk, dir: &Path, position: u64) -> Result<(), StorageError> {
    let firsts = files(disk, dir)?;
    for pair in firsts.windows(2) {
        if pair[1] <= position {
            let path = dir.join(file_name(pair[0]));
            disk.remove(&path).map_err(StorageError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Reads the frames of a file; returns where they end, and what is wrong there unless it is the end of the log. Only in the
/// last file may a bad frame be that, with no good one behind it.
fn read_frames(
    path: &Path,
    bytes: &[u8],
    header: LogHeader,
    is_last: bool,
    each: &mut OnRecord<'_>,
) -> Result<(usize, Option<String>), StorageError> {
    let mut at = LOG_HEADER_LEN;
    let mut next = header.first;
    while at < bytes.len() {
        let frame = match Frame::decode(header.salt, &bytes[at..]) {
            Ok(frame) if frame.first == next => frame,
            Ok(frame) => return Ok((at, Some(format!("record {} where {next} should be", frame.first)))),
            Err(error) => {
                let is_end = is_last && find_frame(header.salt, &bytes[at + 1..]).is_none();
                return Ok((at, (!is_end).then(|| error.to_string())));
            }
        };
        for record in frame.records() {
            let (position, record) = record.map_err(|e| StorageError::damaged(path, format!("at offset {at}: {e}")))?;
            each(position, record)?;
        }
        next += u64::from(frame.count);
        at += frame.len;
    }
    Ok((at, None))
}

/// How many records can be read in what follows the first `offset` bytes of a file, whatever is wrong between them.
pub(super) fn records_behind(disk: &dyn Disk, path: &Path, offset: usize) -> Result<u64, StorageError> {
    let bytes = read_all(disk, path).map_err(StorageError::io("read", path))?;
    let Ok(header) = LogHeader::decode(&bytes) else { return Ok(0) };
    let mut rest = bytes.get(offset.max(LOG_HEADER_LEN)..).unwrap_or_default();
    let mut records = 0;
    while let Some(at) = find_frame(header.salt, rest) {
        let Ok(frame) = Frame::decode(header.salt, &rest[at..]) else { break };
        records += u64::from(frame.count);
        rest = &rest[at + frame.len..];
    }
    Ok(records)
}

/// The first positions of all files, ascending.
fn files(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, StorageError> {
    let names = disk.list(dir).map_err(StorageError::io("list", dir))?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| name.strip_prefix(PREFIX)?.parse().ok()).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

fn file_name(first: u64) -> String {
    format!("{PREFIX}{first:020}")
}

/// Where a file is made before it gets its name.
fn temporary(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{}{TEMPORARY_SUFFIX}", file_name(first)))
}

/// Removes files that were being made when a crash came.
fn remove_temporary(disk: &dyn Disk, dir: &Path) -> Result<(), StorageError> {
    let names = disk.list(dir).map_err(StorageError::io("list", dir))?;
    for name in names.iter().filter(|name| name.starts_with(PREFIX) && name.ends_with(TEMPORARY_SUFFIX)) {
        let path = dir.join(name);
        disk.remove(&path).map_err(StorageError::io("remove", &path))?;
    }
    Ok(())
}
