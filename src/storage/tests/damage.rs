//! Damage: durable bytes that changed on disk are reported with their place, and never returned or skipped.

use std::path::{Path, PathBuf};

use super::super::memory_disk::Shortage;
use super::super::repair::{LogDamage, cut_damage, find_damage};
use super::*;

/// Returns a disk with three batches, each in one frame of the log, and the path of the log.
fn three_frames() -> (MemoryDisk, PathBuf) {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    for lines in ["m v=1 1", "m v=2 2", "m v=3 3"] {
        write(&store, SHARD, lines).unwrap();
    }
    drop(store);
    (disk.clone(), file_of(&disk, "log-"))
}

fn open(disk: &MemoryDisk) -> Result<Store, StorageError> {
    open_on(disk, 1 << 20, &mut |_| Ok(()))
}

fn file_of(disk: &MemoryDisk, prefix: &str) -> PathBuf {
    let has_prefix = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    disk.names().into_iter().find(has_prefix).unwrap()
}

fn values(store: &Store) -> Vec<String> {
    dump(&*store.snapshot(DB, &[(SHARD, TimeRange::ALL)]))
}

/// Returns the start of each frame, and the end of the last one.
fn frame_offsets(disk: &MemoryDisk, path: &Path) -> Vec<usize> {
    let mut starts = Vec::new();
    disk.damage(path, |bytes| {
        starts = memchr::memmem::find_iter(bytes, b"FXFR").collect();
        starts.push(bytes.len());
    });
    starts
}

// spec: storage.log.6
#[test]
fn an_unfinished_last_frame_is_cut_off() {
    let (disk, path) = three_frames();
    let starts = frame_offsets(&disk, &path);
    for len in starts[2]..starts[3] {
        let copy = disk.crash(1);
        copy.damage(&path, |bytes| bytes.truncate(len));
        let store = open(&copy).unwrap();
        assert_eq!(values(&store), ["m v 1=1 2=2"], "{len} bytes");
        write(&store, SHARD, "m v=4 4").unwrap();
        drop(store);
        assert_eq!(values(&open(&copy).unwrap()), ["m v 1=1 2=2 4=4"], "{len} bytes");
    }
}

// spec: storage.log.7
#[test]
fn a_bad_frame_with_a_good_one_after_it_is_damage() {
    let (disk, path) = three_frames();
    let starts = frame_offsets(&disk, &path);
    for at in starts[1]..starts[2] {
        let copy = disk.crash(1);
        copy.damage(&path, |bytes| bytes[at] ^= 0x10);
        let Err(StorageError::DamagedLog { path: file, offset, .. }) = open(&copy) else { panic!("byte {at}") };
        assert_eq!((file, offset), (path.clone(), starts[1]));
    }
}

// spec: storage.log.7
#[test]
fn a_missing_log_is_damage() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    write(&store, SHARD, "m v=1 1").unwrap();
    let old = file_of(&disk, "log-");
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    write(&store, SHARD, "m v=2 2").unwrap();
    drop(store);
    let new = file_of(&disk, "log-");
    assert_ne!(old, new);
    // Without the checkpoint, the log would have to start at the first record.
    disk.remove(&file_of(&disk, "checkpoint")).unwrap();
    let Err(StorageError::DamagedLog { path, offset, problem }) = open(&disk) else { panic!("opened") };
    assert_eq!((path, offset, &*problem), (new, 0, "the log before it, from record 1 on, is missing"));
}

/// Cuts the log of a disk. Returns the damage that was found and the files that were set aside.
fn repair(disk: &MemoryDisk) -> (Option<LogDamage>, Vec<PathBuf>) {
    let options =
        StoreOptions { log_dir: "/log".into(), data_dir: "/data".into(), ..StoreOptions::in_directory(Path::new("/")) };
    let found = find_damage(disk, &options).unwrap();
    (found, cut_damage(disk, &options).unwrap())
}

// spec: storage.log.10
#[test]
fn a_damaged_log_can_be_cut_and_the_rest_is_kept() {
    let (disk, path) = three_frames();
    assert_eq!(repair(&disk), (None, Vec::new()));
    let starts = frame_offsets(&disk, &path);
    let mut tail = Vec::new();
    disk.damage(&path, |bytes| {
        bytes[starts[1] + 30] ^= 1;
        tail = bytes[starts[1]..].to_vec();
    });
    let (found, set_aside) = repair(&disk);
    let found = found.unwrap();
    assert_eq!((&found.path, found.offset, found.readable_changes), (&path, starts[1] as u64, 1));
    assert_eq!(set_aside, [PathBuf::from(format!("{}.damaged", path.display()))]);
    disk.damage(&set_aside[0], |bytes| assert_eq!(*bytes, tail));
    // The log continues where it was cut.
    for (lines, expected) in [("m v=5 5", "m v 1=1 5=5"), ("m v=6 6", "m v 1=1 5=5 6=6")] {
        let store = open(&disk).unwrap();
        write(&store, SHARD, lines).unwrap();
        assert_eq!(values(&store), [expected]);
    }
    // It may be damaged again.
    let second = frame_offsets(&disk, &path)[1];
    disk.damage(&path, |bytes| bytes[second + 30] ^= 1);
    let (_, set_aside) = repair(&disk);
    assert_eq!(set_aside, [PathBuf::from(format!("{}.damaged-2", path.display()))]);
    assert_eq!(values(&open(&disk).unwrap()), ["m v 1=1"]);
}

// spec: storage.log.10
#[test]
fn files_after_the_damage_are_set_aside_as_a_whole() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    write(&store, SHARD, "m v=1 1").unwrap();
    // The checkpoint cannot be written, but the log gets a new file.
    disk.set_shortage(Path::new("/data"), Some(Shortage::DiskFull));
    store.checkpoint(&|| Ok(Vec::new())).unwrap_err();
    write(&store, SHARD, "m v=2 2").unwrap();
    drop(store);
    disk.heal();
    let logs = |disk: &MemoryDisk| {
        let names = disk.names().into_iter().map(|path| path.display().to_string());
        names.filter(|name| name.starts_with("/log/log-")).collect::<Vec<_>>()
    };
    let both = logs(&disk);
    assert_eq!(both.len(), 2);
    // A bad header, and an empty file.
    for damage in [(|bytes: &mut Vec<u8>| bytes[9] ^= 1) as fn(&mut Vec<u8>), Vec::clear] {
        let copy = disk.crash(1);
        copy.damage(Path::new(&both[0]), damage);
        let Err(StorageError::DamagedLog { offset: 0, .. }) = open(&copy) else { panic!("opened") };
        let (found, set_aside) = repair(&copy);
        assert_eq!(found.unwrap().readable_changes, 1);
        assert_eq!(set_aside, [0, 1].map(|at: usize| PathBuf::from(format!("{}.damaged", both[at]))));
        assert_eq!(values(&open(&copy).unwrap()), [""; 0]);
    }
}

// spec: storage.checkpoint.1, storage.segment.2
#[test]
fn damaged_files_are_reported_when_the_store_is_opened() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    write(&store, SHARD, "m v=1 1").unwrap();
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    drop(store);
    for prefix in ["checkpoint", "series-", "segment-"] {
        let path = file_of(&disk, prefix);
        let copy = disk.crash(1);
        // The last bytes of a segment file are its footer.
        copy.damage(&path, |bytes| *bytes.last_mut().unwrap() ^= 1);
        let Err(StorageError::Damaged { path: file, .. }) = open(&copy) else { panic!("{prefix}") };
        assert_eq!(file, path);
    }
}

// spec: storage.segment.2
#[test]
fn a_damaged_block_fails_queries_that_read_it_and_is_never_merged_away() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    write(&store, SHARD, "m v=1,w=1 1").unwrap();
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    let path = file_of(&disk, "segment-");
    disk.damage(&path, |bytes| bytes[45] ^= 1); // after the times, in the values of v
    let source = store.snapshot(DB, &[(SHARD, TimeRange::ALL)]);
    let series = source.series(b"m", &SeriesPredicate::All)[0].id;
    let read = |field: &[u8]| source.blocks(series, field, TimeRange::ALL)[0].decode();
    let error = read(b"v").unwrap_err();
    assert!(error.0.contains(&path.display().to_string()) && error.0.contains("at offset 43"), "{error}");
    assert!(read(b"w").is_ok());
    // Sealing continues, and the damaged file stays.
    write(&store, SHARD, "m v=2 2").unwrap();
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    drop(store);
    assert!(disk.names().contains(&path));
    let store = open(&disk).unwrap();
    let source = store.snapshot(DB, &[(SHARD, TimeRange::ALL)]);
    let blocks = source.blocks(series, b"v", TimeRange::ALL);
    assert_eq!(blocks.iter().map(|block| block.decode().is_ok()).collect::<Vec<_>>(), [false, true]);
}

// spec: storage.compaction.1
#[test]
fn files_after_a_damaged_one_are_merged_without_it() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    write(&store, SHARD, "m v=1 1").unwrap();
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    let damaged = file_of(&disk, "segment-");
    disk.damage(&damaged, |bytes| bytes[45] ^= 1);
    for round in 2..30 {
        write(&store, SHARD, &format!("m v={round} {round}")).unwrap();
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
        let segments: Vec<_> =
            disk.names().into_iter().filter(|path| path.to_string_lossy().contains("segment-")).collect();
        assert!(segments.contains(&damaged) && segments.len() <= 7, "{segments:?}");
    }
    let source = store.snapshot(DB, &[(SHARD, TimeRange::ALL)]);
    let series = source.series(b"m", &SeriesPredicate::All)[0].id;
    let blocks = source.blocks(series, b"v", TimeRange::ALL);
    let counts: Vec<Option<usize>> = blocks.iter().map(|block| block.decode().ok().map(|b| b.times.len())).collect();
    assert_eq!((counts[0], counts.iter().flatten().sum::<usize>()), (None, 28));
}
