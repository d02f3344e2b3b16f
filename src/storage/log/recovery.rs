//! Reading the log when a store is opened.
//!
//! A bad frame at the very end of the log is a write that a crash interrupted: it is cut off. Anything else that cannot be
//! read is damage, which is reported with its place and never skipped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{file_name, first_positions, remove_temporary};
use super::frame::{Frame, LogHeader, find_frame};
use super::writer::LogWriter;
use crate::disk::{Disk, read_all};
use crate::error::StorageError;
use crate::store_id::StoreId;

/// Called with the position and the bytes of each record.
pub(crate) type OnRecord<'a> = dyn FnMut(u64, &[u8]) -> Result<(), StorageError> + 'a;

/// Reads the log of a store from position `from`, passes each record to `each`, cuts off what a crash left unfinished, and opens
/// the log for appending. Creates a log only for a new store, whose first record is still to come.
pub(crate) fn recover(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    store: StoreId,
    from: u64,
    each: &mut OnRecord<'_>,
) -> Result<LogWriter, StorageError> {
    remove_temporary(disk.as_ref(), dir)?;
    // The file names may not be durable yet, and the store is about to rely on them.
    disk.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
    let LogScan { last, next, damage } = scan(disk.as_ref(), dir, from, each)?;
    if let Some(Damage { path, offset, problem, .. }) = damage {
        return Err(StorageError::DamagedLog { path, offset, problem });
    }
    let Some(LastFile { path, header, end, len }) = last else {
        if from > 1 {
            return Err(StorageError::wrong_log(
                dir,
                &format!("there is no log, but the checkpoint needs it from record {from} on"),
            ));
        }
        return LogWriter::start(disk.clone(), dir, from, store);
    };
    if next < from {
        let problem = format!("the log ends at record {next}, but the checkpoint needs it from record {from} on");
        return Err(StorageError::wrong_log(&path, &problem));
    }
    if from > 1 && next == from && header.first != from {
        let missing = dir.join(file_name(from));
        tracing::warn!(file = %missing.display(),
            "no log file begins where the checkpoint ends; if it was removed, the changes in it are lost");
    }
    if next == from && header.first < from {
        // Sealing begins a file at its position, unless there is no space or no descriptor for it.
        tracing::warn!(file = %dir.join(file_name(from)).display(),
            "the log ends where the checkpoint was written, without this file; if it existed, its records are lost");
    }
    if end < len {
        tracing::warn!(file = %path.display(), offset = end, bytes = len - end,
            "cut off the end of the log, which a crash left unfinished");
    }
    let file = disk.append(&path, end as u64).map_err(StorageError::io("open", &path))?;
    Ok(LogWriter::at_end(disk.clone(), path, file, header, store, end as u64, next))
}

/// Starts a log without records at position `first`.
pub(crate) fn start_empty(disk: &Arc<dyn Disk>, dir: &Path, store: StoreId, first: u64) -> Result<(), StorageError> {
    remove_temporary(disk.as_ref(), dir)?;
    LogWriter::start(disk.clone(), dir, first, store).map(drop)
}

/// How far a log can be read.
#[derive(Debug)]
pub(crate) struct LogScan {
    /// The last file of which anything can be read, if there is one.
    last: Option<LastFile>,
    /// The position after the last readable record.
    pub(crate) next: u64,
    /// Why nothing more can be read; `None` at the regular end of the log.
    pub(crate) damage: Option<Damage>,
}

/// The file that holds the last readable record.
#[derive(Debug)]
struct LastFile {
    path: PathBuf,
    header: LogHeader,
    /// The end of its last good frame.
    end: usize,
    len: usize,
}

impl LogScan {
    /// Whether anything of the log can be read.
    pub(crate) fn has_any(&self) -> bool {
        self.last.is_some()
    }
}

/// Bytes of the log that are not those that were synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) path: PathBuf,
    /// The start of the damaged bytes.
    pub(crate) offset: usize,
    pub(crate) problem: String,
    /// The files after this one, in order.
    pub(crate) later: Vec<PathBuf>,
}

/// Reads the log from position `from` as far as possible, and passes each record to `each`.
pub(crate) fn scan(disk: &dyn Disk, dir: &Path, from: u64, each: &mut OnRecord<'_>) -> Result<LogScan, StorageError> {
    let firsts = first_positions(disk, dir)?;
    let needed = firsts.partition_point(|&first| first <= from).saturating_sub(1);
    let firsts = &firsts[needed..];
    let mut scan = LogScan { last: None, next: from, damage: None };
    for (nth, &first) in firsts.iter().enumerate() {
        let path = dir.join(file_name(first));
        let later = || firsts[nth + 1..].iter().map(|first| dir.join(file_name(*first))).collect::<Vec<_>>();
        let bytes = read_all(disk, &path).map_err(StorageError::io("read", &path))?;
        let header = match check_header(&bytes, first, nth, scan.next) {
            Ok(header) => header,
            Err(problem) => {
                scan.damage = Some(Damage { path, offset: 0, problem, later: later() });
                break;
            }
        };
        scan.next = first;
        let is_last = nth + 1 == firsts.len();
        let (end, problem) = read_frames(&path, &bytes, header, is_last, &mut |position, record| {
            scan.next = position + 1;
            if position >= from { each(position, record) } else { Ok(()) }
        })?;
        scan.last = Some(LastFile { path: path.clone(), header, end, len: bytes.len() });
        if let Some(problem) = problem {
            scan.damage = Some(Damage { path, offset: end, problem, later: later() });
            break;
        }
    }
    Ok(scan)
}

/// Checks the header of the `nth` file, whose name says that its first record is `first`, where `next` is expected.
fn check_header(bytes: &[u8], first: u64, nth: usize, next: u64) -> Result<LogHeader, String> {
    if nth == 0 && first > next {
        return Err(format!("the log before it, from record {next} on, is missing"));
    }
    if nth > 0 && first != next {
        return Err(format!("the log before it ends at record {next}, but this file starts at record {first}"));
    }
    let header = LogHeader::decode(bytes).map_err(|error| error.to_string())?;
    if header.first == first { Ok(header) } else { Err("its name does not match its first record".to_owned()) }
}

/// Reads the frames of a file. Returns where they end, and what is wrong there unless it is the end of the log. A bad frame
/// is the end of the log only in the last file, and only if no good frame follows it.
fn read_frames(
    path: &Path,
    bytes: &[u8],
    header: LogHeader,
    is_last: bool,
    each: &mut OnRecord<'_>,
) -> Result<(usize, Option<String>), StorageError> {
    let mut at = header.len();
    let mut next = header.first;
    while at < bytes.len() {
        let frame = match Frame::decode(header.salt, &bytes[at..]) {
            Ok(frame) if frame.first == next => frame,
            Ok(frame) => return Ok((at, Some(format!("found record {} where {next} should be", frame.first)))),
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

/// Passes the readable records after the first `offset` bytes of a file to `each`, skipping anything unreadable between them.
/// Returns their number.
pub(crate) fn records_after(
    disk: &dyn Disk,
    path: &Path,
    offset: usize,
    each: &mut dyn FnMut(&[u8]),
) -> Result<u64, StorageError> {
    let bytes = read_all(disk, path).map_err(StorageError::io("read", path))?;
    let Ok(header) = LogHeader::decode(&bytes) else { return Ok(0) };
    let mut rest = bytes.get(offset.max(header.len())..).unwrap_or_default();
    let mut records = 0;
    while let Some(at) = find_frame(header.salt, rest) {
        let Ok(frame) = Frame::decode(header.salt, &rest[at..]) else { break };
        records += u64::from(frame.count);
        frame.records().map_while(Result::ok).for_each(|(_, record)| each(record));
        rest = &rest[at + frame.len..];
    }
    Ok(records)
}
