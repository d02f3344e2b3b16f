//! Damage: durable bytes that changed on disk are reported with their place, and never returned or skipped.

use std::path::{Path, PathBuf};

use super::super::memory_disk::Shortage;
use super::super::repair::{Remedy, Report, check, repair as repair_store};
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

// spec: storage.log.11
#[test]
fn a_missing_log_is_not_taken_for_an_empty_one() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    write(&store, SHARD, "m v=1 1").unwrap();
    let old = file_of(&disk, "log-");
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    write(&store, SHARD, "m v=2 2").unwrap();
    drop(store);
    let new = names_of(&disk, "log-").pop().unwrap();
    assert_ne!(old, new);
    let opened = |remove: &[&Path]| {
        let copy = disk.crash(1);
        for path in remove {
            copy.remove(path).unwrap();
        }
        open(&copy).map(|store| values(&store)).map_err(|error| error.to_string())
    };
    let all = Ok(vec!["m v 1=1 2=2".to_owned()]);
    let checkpoint = file_of(&disk, "checkpoint");
    // Until the second checkpoint, the log is complete.
    assert_eq!(opened(&[&checkpoint]), all);
    assert_eq!(opened(&[&old]), all);
    let advice = "mount or restore the directories that `[data] dir` and `[data] wal-dir` name; \
                  to start an empty server instead, move what is in both of them elsewhere";
    let refused = |remove: &[&Path], problem: &str| {
        assert_eq!(opened(remove).unwrap_err(), format!("/log: {problem}: {advice}"));
    };
    refused(&[&old, &checkpoint], "the log begins at record 2, but /data has no checkpoint of the records before");
    refused(&[&old, &new], "there is no log, but the checkpoint in /data needs it from record 2 on");
    refused(&[&old, &new, &checkpoint], "there is no log, and no checkpoint for the other files in /data");
    // An empty log, as that of a store that was created by mistake.
    let start = frame_offsets(&disk, &old)[0];
    disk.damage(&old, |bytes| bytes.truncate(start));
    disk.remove(&new).unwrap();
    let Err(StorageError::WrongLog { path, problem }) = open(&disk) else { panic!("opened") };
    assert_eq!((path, &*problem), (old, "the log ends at record 1, but the checkpoint needs it from record 2 on"));
}

// spec: storage.log.11
#[test]
fn a_log_of_another_store_is_refused() {
    let [one, other] = [1, 2].map(|value| {
        let disk = MemoryDisk::default();
        let store = open(&disk).unwrap();
        write(&store, SHARD, &format!("m v={value} 1")).unwrap();
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
        drop(store);
        disk
    });
    let copy = |path: &Path| {
        let mut bytes = Vec::new();
        other.damage(path, |content| bytes = content.clone());
        one.create(path).unwrap().append(&bytes).unwrap();
    };
    copy(&file_of(&one, "log-00000000000000000002"));
    let Err(StorageError::WrongLog { problem, .. }) = open(&one) else { panic!("opened") };
    assert!(problem.starts_with("this log belongs to another store"), "{problem}");
    copy(&file_of(&one, "log-00000000000000000001"));
    let Err(StorageError::WrongLog { path, problem }) = open(&one) else { panic!("opened") };
    assert_eq!(path, Path::new("/log"));
    assert!(problem.contains("but /data belongs to the store"), "{problem}");
}

/// Checks a store and repairs it. Returns what the check found and the files that were set aside.
fn repair(disk: &MemoryDisk) -> (Report, Vec<PathBuf>) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let found = check(&disk, &options_on_disk(1 << 20)).unwrap();
    (found, repair_store(&disk, &options_on_disk(1 << 20)).unwrap().set_aside)
}

// spec: storage.log.10
#[test]
fn a_damaged_log_can_be_cut_and_the_rest_is_kept() {
    let (disk, path) = three_frames();
    let (found, set_aside) = repair(&disk);
    assert_eq!((found.damages, set_aside), (Vec::new(), Vec::new()));
    let starts = frame_offsets(&disk, &path);
    let mut tail = Vec::new();
    disk.damage(&path, |bytes| {
        bytes[starts[1] + 30] ^= 3;
        tail = bytes[starts[1]..].to_vec();
    });
    let (found, set_aside) = repair(&disk);
    let [found] = &found.damages[..] else { panic!("{found:?}") };
    assert_eq!((&found.path, found.remedy), (&path, Remedy::Cut));
    let problem = "the checksum of the frame is wrong; 1 later changes can be read, but build on it";
    assert_eq!(found.problem, format!("at offset {}: {problem}", starts[1]));
    let [lost] = &found.lost[..] else { panic!("{found:?}") };
    assert_eq!(
        (lost.database, lost.values, lost.range, &lost.series[..]),
        (DB, 1, Some(range(3, 3)), &["m".to_owned()][..])
    );
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
    disk.damage(&path, |bytes| bytes[second + 30] ^= 3);
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
    for damage in [(|bytes: &mut Vec<u8>| bytes[9] ^= 3) as fn(&mut Vec<u8>), Vec::clear] {
        let copy = disk.crash(1);
        copy.damage(Path::new(&both[0]), damage);
        let Err(StorageError::DamagedLog { offset: 0, .. }) = open(&copy) else { panic!("opened") };
        let (found, set_aside) = repair(&copy);
        assert!(found.damages[0].problem.contains("1 later changes can be read"), "{found:?}");
        assert_eq!(set_aside, [0, 1].map(|at: usize| PathBuf::from(format!("{}.damaged", both[at]))));
        assert_eq!(values(&open(&copy).unwrap()), [""; 0]);
    }
}

/// Returns a disk with three checkpoints, between which single points were written.
fn three_checkpoints() -> MemoryDisk {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    for round in 1..=3 {
        write(&store, SHARD, &format!("m,n={round} v={round} {round}")).unwrap();
        store.checkpoint(&|| Ok(vec![round])).unwrap();
    }
    drop(store);
    disk
}

fn names_of(disk: &MemoryDisk, prefix: &str) -> Vec<PathBuf> {
    let has_prefix = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    disk.names().into_iter().filter(has_prefix).collect()
}

// spec: storage.checkpoint.1, storage.checkpoint.4
#[test]
fn the_previous_checkpoint_replaces_a_damaged_one() {
    let disk = three_checkpoints();
    let intact = values(&open(&disk.crash(1)).unwrap());
    // The last bytes of a segment file are its footer.
    for path in ["checkpoint", "series-", "segment-"].map(|prefix| names_of(&disk, prefix)) {
        let path = path.iter().rfind(|path| !path.ends_with("checkpoint-previous")).unwrap();
        let copy = disk.crash(1);
        copy.damage(path, |bytes| *bytes.last_mut().unwrap() ^= 1);
        for round in 0..3 {
            let mut catalog = Vec::new();
            let store = open_on(&copy, 1 << 20, &mut |record| {
                catalog.push(format!("{record:?}"));
                Ok(())
            });
            let store = store.unwrap_or_else(|error| panic!("{path:?} {round}: {error}"));
            assert_eq!(values(&store), intact, "{path:?} {round}");
            let expected = if round < 2 { 2 } else { 4 };
            assert_eq!(catalog, [format!("{:?}", CatalogRecord::Checkpoint(&[expected]))]);
            if round == 1 {
                store.checkpoint(&|| Ok(vec![4])).unwrap();
            }
        }
        let kept = PathBuf::from(format!("{}.damaged", path.display()));
        assert!(copy.names().contains(&kept), "{:?}", copy.names());
    }
}

// spec: storage.checkpoint.4
#[test]
fn every_flipped_bit_of_the_newest_checkpoint_is_survived() {
    let disk = three_checkpoints();
    let intact = values(&open(&disk.crash(1)).unwrap());
    let path = Path::new("/data/checkpoint");
    let mut bits = 0;
    disk.damage(path, |bytes| bits = bytes.len() * 8);
    for bit in 0..bits {
        let copy = disk.crash(1);
        copy.damage(path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        assert_eq!(values(&open(&copy).unwrap()), intact, "bit {bit}");
    }
}

// spec: storage.checkpoint.1, storage.segment.2
#[test]
fn files_that_both_checkpoints_need_are_reported_when_damaged() {
    let disk = three_checkpoints();
    disk.damage(Path::new("/data/checkpoint-previous"), |bytes| bytes[20] ^= 1);
    assert!(open(&disk.crash(1)).is_ok(), "only the newest is needed");
    for prefix in ["checkpoint", "series-", "segment-"] {
        let path = names_of(&disk, prefix).into_iter().rfind(|p| !p.ends_with("checkpoint-previous")).unwrap();
        let copy = disk.crash(1);
        copy.damage(&path, |bytes| *bytes.last_mut().unwrap() ^= 1);
        let names = copy.names();
        let Err(StorageError::Damaged { path: file, .. }) = open(&copy) else { panic!("{prefix}") };
        assert_eq!((file, copy.names()), (path, names), "nothing was moved");
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

/// Opens a store on a disk even if segment files are damaged.
fn open_without_damaged(disk: &MemoryDisk) -> Result<Store, StorageError> {
    let options = StoreOptions { start_without_damaged_segments: true, ..options_on_disk(1 << 20) };
    Store::open_on(&(Arc::new(disk.clone()) as Arc<dyn Disk>), options, &mut |_| Ok(()))
}

// spec: storage.checkpoint.7
#[test]
fn a_store_can_open_without_a_damaged_segment_file() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    for (shard, round) in [(SHARD, 1), (ShardId(8), 2), (SHARD, 3)] {
        // More than twice as much in the first round, so that its file is not merged.
        for time in 0..if round == 1 { 50 } else { 1 } {
            write(&store, shard, &format!("m,n={round} v={round} {time}")).unwrap();
            write(&store, shard, &format!("other v={round} {time}")).unwrap();
        }
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
    }
    drop(store);
    let first = file_of(&disk, "segment-");
    let directory = |bytes: &mut Vec<u8>| {
        let at = bytes.len() - 50;
        bytes[at] ^= 1;
    };
    let footer = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    for change in [Vec::clear as fn(&mut Vec<u8>), directory, footer, |bytes| bytes[20] ^= 1] {
        let disk = disk.crash(1);
        disk.damage(&first, change);
        let names = disk.names();
        let Err(StorageError::Damaged { path, .. }) = open(&disk) else { panic!("opened") };
        assert_eq!((path, disk.names()), (first.clone(), names), "nothing was moved");
        for round in 4..8 {
            let store = open_without_damaged(&disk).unwrap();
            let damaged = store.damaged_segments();
            assert_eq!((damaged.len(), &damaged[0].path, damaged[0].shard), (1, &first, SHARD));
            let source = store.snapshot(DB, &[(SHARD, TimeRange::ALL)]);
            for series in source.series(b"m", &SeriesPredicate::All) {
                let blocks = source.blocks(series.id, b"v", TimeRange::ALL);
                let unreadable = blocks.iter().filter(|block| !block.has_summary());
                assert!(unreadable.clone().count() > 0 && unreadable.clone().all(|block| block.decode().is_err()));
                assert!(source.blocks(series.id, b"w", TimeRange::ALL).is_empty());
            }
            assert_eq!(dump(&*store.snapshot(DB, &[(ShardId(8), TimeRange::ALL)])).len(), 2, "another shard");
            // Writes go on, and the damaged file is kept.
            write(&store, SHARD, &format!("m v={round} {round}")).unwrap();
            store.checkpoint(&|| Ok(Vec::new())).unwrap();
            drop(store);
            assert!(disk.names().contains(&first));
        }
    }
}
