//! Sealing of many shards in steps: an interruption loses only the last of them.

use std::time::Duration;

use super::*;
use crate::memory_disk::{Failure, Shortage};

const SHARDS: u64 = 12;

fn open_in_steps(disk: &MemoryDisk) -> Store {
    let options = StoreOptions {
        data_dir: "/data".into(),
        log_dir: "/log".into(),
        seal_step: Duration::ZERO,
        ..StoreOptions::in_directory(Path::new("/"))
    };
    Store::open_on(&(Arc::new(disk.clone()) as Arc<dyn Disk>), options, &mut |_| Ok(())).unwrap()
}

/// Writes to all shards, twice before a checkpoint and with a deletion and a drop after it.
fn many_shards(disk: &MemoryDisk) -> Store {
    let store = open_in_steps(disk);
    let write_all = |lines: &dyn Fn(u64) -> String| {
        for shard in 1..=SHARDS {
            write(&store, ShardId(shard), &lines(shard)).unwrap();
        }
    };
    write_all(&|n| format!("m,t=a v={n} 1\nm,t=b v={n} 2\nold v=1 3"));
    store.checkpoint(&|| Ok(vec![1])).unwrap();
    write_all(&|n| format!("m,t=a v={n} 4\nm,t=new{n} v={n} 5\nold v=2 6"));
    let mut transaction = store.begin().unwrap();
    transaction.drop_measurement(DB, b"old");
    transaction.commit().wait().unwrap();
    let of_a = store.snapshot(DB, &[]).series(b"m", &SeriesPredicate::All)[0].id;
    let mut transaction = store.begin().unwrap();
    let shards: Vec<ShardId> = (1..=SHARDS).map(ShardId).collect();
    transaction.delete(DB, &shards, &[of_a], range(0, 3));
    transaction.commit().wait().unwrap();
    write_all(&|n| format!("m,t=a v={n} 7\nold v={n}i 8"));
    store
}

fn all_values(store: &Store) -> Vec<String> {
    let mut lines = Vec::new();
    for shard in 1..=SHARDS {
        let source = store.snapshot(DB, &[(ShardId(shard), TimeRange::ALL)]);
        lines.extend(dump(&*source).into_iter().map(|line| format!("{shard}: {line}")));
    }
    lines
}

fn unsealed(store: &Store) -> usize {
    store.core.state.read().memory.active
}

// spec: storage.checkpoint.8, storage.segment.1
#[test]
fn an_interrupted_sealing_keeps_the_shards_that_are_done() {
    let mut left = Vec::new();
    for operations in (0..).step_by(3) {
        let disk = MemoryDisk::default();
        let store = many_shards(&disk);
        let (expected, before) = (all_values(&store), unsealed(&store));
        disk.fail_after(operations, Failure::All);
        let is_done = store.checkpoint(&|| Ok(vec![2])).is_ok();
        drop(store);
        for copy in [disk.crash(operations), disk.crash(operations + 1)] {
            let store = open_in_steps(&copy);
            assert_eq!(all_values(&store), expected, "{operations}");
            left.push(unsealed(&store) * 100 / before);
            drop(store);
            // The newest checkpoint is one of a step, and so may be the one before it.
            let damaged = copy.crash(1);
            let newest = Path::new("/data/checkpoint");
            if damaged.names().iter().any(|path| path == newest) {
                damaged.damage(newest, |bytes| bytes[9] ^= 1);
            }
            let store = open_in_steps(&damaged);
            assert_eq!(all_values(&store), expected, "{operations}, damaged");
            store.checkpoint(&|| Ok(vec![2])).unwrap();
            assert_eq!(all_values(&store), expected, "{operations}, damaged and sealed");
            drop(store);
            assert_eq!(all_values(&open_in_steps(&damaged.crash(2))), expected, "{operations}, all over");
        }
        if is_done {
            break;
        }
    }
    assert_eq!(left.iter().max(), Some(&100));
    assert_eq!(left.last(), Some(&0));
    assert!(left.iter().filter(|left| (10..90).contains(*left)).count() > 10, "{left:?}");
}

// spec: storage.checkpoint.8, storage.durability.7
#[test]
fn sealing_goes_on_after_the_shards_that_are_done_when_it_failed() {
    for operations in (0..200).step_by(7) {
        let disk = MemoryDisk::default();
        let store = many_shards(&disk);
        let expected = all_values(&store);
        disk.fail_after(5 + operations, Failure::Once);
        let _ = store.checkpoint(&|| Ok(vec![2]));
        assert_eq!(all_values(&store), expected);
        disk.set_shortage(Path::new("/data"), Some(Shortage::DiskFull));
        let _ = store.checkpoint(&|| Ok(vec![2]));
        disk.heal();
        assert_eq!(all_values(&store), expected);
        store.checkpoint(&|| Ok(vec![2])).unwrap();
        assert_eq!((all_values(&store), unsealed(&store)), (expected.clone(), 0));
        drop(store);
        assert_eq!(all_values(&open_in_steps(&disk.crash(operations))), expected);
    }
}

// spec: storage.checkpoint.8
#[test]
fn a_store_whose_log_was_cut_forgets_what_only_segment_files_have() {
    let disk = MemoryDisk::default();
    let store = open_in_steps(&disk);
    for shard in 1..=SHARDS {
        write(&store, ShardId(shard), &format!("m,t={shard} v={shard} 1")).unwrap();
    }
    // Enough for some of the shards.
    disk.fail_after(60, Failure::All);
    store.checkpoint(&|| Ok(Vec::new())).unwrap_err();
    drop(store);
    let mut disk = disk.crash(1);
    let logs: Vec<_> = disk
        .names()
        .into_iter()
        .filter(|path| path.starts_with("/log") && path.to_string_lossy().contains("log-"))
        .collect();
    let mut lengths = Vec::new();
    for log in &logs {
        disk.damage(log, |bytes| lengths.push(bytes.len()));
    }
    // The records of all but the first few shards are lost.
    disk.damage(&logs[0], |bytes| bytes.truncate(bytes.len() / 3));
    for log in &logs[1..] {
        disk.remove(log).unwrap();
    }
    disk.sync_dir(Path::new("/log")).unwrap();
    let store = open_in_steps(&disk);
    let kept = all_values(&store);
    assert!((1..SHARDS as usize).contains(&kept.len()), "{kept:?}");
    // New records have the positions of lost ones.
    for shard in 1..=SHARDS {
        write(&store, ShardId(shard), &format!("n v={shard} 2")).unwrap();
    }
    let expected = all_values(&store);
    assert_eq!(expected.len(), kept.len() + SHARDS as usize);
    drop(store);
    disk = disk.crash(2);
    assert_eq!(all_values(&open_in_steps(&disk)), expected);
}
