//! Disks that fail, fill up or run out of descriptors while a store is open: what fails, what continues and what is kept.

use std::path::Path;
use std::time::{Duration, Instant};

use super::super::memory_disk::{Failure, Shortage};
use super::*;

const DATA: &str = "/data";
const LOG: &str = "/log";

fn open(disk: &MemoryDisk, change: impl FnOnce(&mut StoreOptions)) -> Store {
    let mut options = StoreOptions {
        data_dir: DATA.into(),
        log_dir: LOG.into(),
        memtable_bytes_max: 1 << 20,
        write_timeout: Duration::ZERO,
        ..StoreOptions::in_directory(Path::new("/"))
    };
    change(&mut options);
    Store::open_on(&(Arc::new(disk.clone()) as Arc<dyn Disk>), options, &mut |_| Ok(())).unwrap()
}

fn values(store: &Store) -> Vec<String> {
    dump(&*store.snapshot(DB, &[(SHARD, TimeRange::ALL)]))
}

/// Returns what is left after a power cut and reopening.
fn after_power_cut(disk: &MemoryDisk) -> Vec<String> {
    values(&open(&disk.crash(3), |_| {}))
}

fn files(disk: &MemoryDisk, part: &str) -> Vec<String> {
    let names = disk.names().into_iter().map(|path| path.display().to_string());
    names.filter(|name| name.contains(part)).collect()
}

// spec: storage.durability.4
#[test]
fn a_log_that_cannot_be_written_makes_the_store_read_only_but_readable() {
    type Break = fn(&MemoryDisk);
    let breaks: [Break; 3] = [
        |disk| disk.fail_after(0, Failure::All),
        // The write fails.
        |disk| disk.fail_after(0, Failure::Once),
        // The sync fails.
        |disk| disk.fail_after(1, Failure::Once),
    ];
    for (nth, break_it) in breaks.into_iter().enumerate() {
        let disk = MemoryDisk::default();
        let store = open(&disk, |_| {});
        write(&store, SHARD, "m v=1 1").unwrap();
        break_it(&disk);
        assert!(matches!(write(&store, SHARD, "m v=2 2"), Err(StorageError::Io { .. })), "{nth}");
        // In some of the cases the disk would work again now.
        assert!(matches!(write(&store, SHARD, "m v=3 3"), Err(StorageError::ReadOnly)), "{nth}");
        let StoreHealth { mode, reason, .. } = store.health();
        assert_eq!(mode, Mode::ReadOnly);
        assert!(reason.is_some_and(|reason| reason.contains("/log/log-0000")), "{nth}");
        assert!(matches!(store.begin(), Err(StorageError::ReadOnly)), "{nth}");
        assert!(matches!(store.checkpoint(&|| Ok(Vec::new())), Err(StorageError::ReadOnly)), "{nth}");
        assert_eq!(values(&store), ["m v 1=1"], "{nth}");
        drop(store);
        let kept = after_power_cut(&disk);
        assert!(kept == ["m v 1=1"] || kept == ["m v 1=1 2=2"], "{nth}: {kept:?}");
    }
}

/// Waits until something is so.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

// spec: storage.durability.12
#[test]
fn a_full_log_refuses_changes_only_until_there_is_space() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    write(&store, SHARD, "m v=1 1").unwrap();
    for round in 0..3 {
        disk.set_shortage(Path::new(LOG), Some(Shortage::DiskFull));
        let time = 10 * round + 2;
        for _ in 0..3 {
            // Whether the first one is kept is open; those after it are not even tried.
            let refused = write(&store, SHARD, &format!("m v=2 {time}"));
            assert!(matches!(refused, Err(StorageError::DiskFull)), "{refused:?}");
            assert_eq!(store.health().mode, Mode::DiskFull);
        }
        assert!(matches!(store.begin(), Err(StorageError::DiskFull)));
        assert!(matches!(store.checkpoint(&|| Ok(Vec::new())), Err(StorageError::DiskFull)));
        assert_eq!(values(&store)[0].matches('=').count(), 1 + 2 * round as usize);
        let cut = after_power_cut(&disk);
        assert_eq!(cut, values(&store), "what was refused is not on the disk yet");
        disk.set_shortage(Path::new(LOG), None);
        wait_until("changes must be accepted again", || store.health() == StoreHealth::default());
        write(&store, SHARD, &format!("m v=3 {}", time + 1)).unwrap();
        assert_eq!(values(&store)[0].matches('=').count(), 3 + 2 * round as usize);
        assert_eq!(after_power_cut(&disk), values(&store));
    }
}

// spec: storage.durability.12
#[test]
fn removals_and_changes_of_the_catalog_wait_for_a_full_disk() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |options| options.fsync_delay = Duration::from_hours(1));
    let before = begin(&store, "m v=1 1");
    let mut transaction = store.begin().unwrap();
    transaction.catalog_change(b"made");
    let made = transaction.commit();
    let is_begun = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        let removed = scope.spawn(|| {
            let mut removal = store.begin().unwrap();
            removal.drop_measurement(DB, b"m");
            is_begun.wait();
            removal.commit().wait()
        });
        disk.set_shortage(Path::new(LOG), Some(Shortage::DiskFull));
        is_begun.wait();
        let others = scope.spawn(|| made.wait());
        assert!(matches!(before.wait(), Err(StorageError::DiskFull)));
        // Nobody waits for the transaction that waits for the disk.
        assert!(matches!(store.begin(), Err(StorageError::DiskFull)));
        disk.set_shortage(Path::new(LOG), None);
        removed.join().unwrap().unwrap();
        others.join().unwrap().unwrap();
    });
    assert_eq!(values(&store), [""; 0]);
    let mut transaction = store.begin().unwrap();
    put(&mut transaction, SHARD, "m v=1i 1").unwrap();
    let written = transaction.commit();
    drop(store);
    written.wait().unwrap();
    assert_eq!(after_power_cut(&disk), ["m v 1=1i"]);
}

// spec: storage.durability.12
#[test]
fn a_store_can_be_closed_while_its_disk_is_full() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    disk.set_shortage(Path::new(LOG), Some(Shortage::DiskFull));
    let mut transaction = store.begin().unwrap();
    transaction.catalog_change(b"made");
    let made = transaction.commit();
    wait_until("the disk is full", || store.health().mode == Mode::DiskFull);
    drop(store);
    assert!(matches!(made.wait(), Err(StorageError::DiskFull)));
}

// spec: storage.durability.7, storage.compaction.1
#[test]
fn values_are_sealed_without_merging_when_there_is_no_space_for_it() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    let lines = |from: u64| {
        let line = |n: u64| format!("m v={} {n}", (n as f64).sqrt());
        (from..from + 2000).map(line).collect::<Vec<_>>().join("\n")
    };
    write(&store, SHARD, &lines(0)).unwrap();
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    let used = |disk: &MemoryDisk| {
        let mut bytes = 0;
        for path in disk.names().iter().filter(|path| path.starts_with(DATA)) {
            disk.damage(path, |content| bytes += content.len());
        }
        bytes
    };
    // Enough for the new values, but not for the old and the new ones together.
    disk.set_shortage(Path::new(DATA), Some(Shortage::Capacity(used(&disk) * 5 / 2)));
    write(&store, SHARD, &lines(2000)).unwrap();
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    assert_eq!(files(&disk, "segment-").len(), 2);
    let expected = values(&store);
    assert_eq!(expected[0].matches('=').count(), 4000);
    assert_eq!(after_power_cut(&disk), expected);
    // They are merged when there is space again.
    disk.heal();
    write(&store, SHARD, "m v=1 9000").unwrap();
    for _ in 0..2 {
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
    }
    assert_eq!(values(&store)[0].matches('=').count(), 4001);
}

// spec: storage.checkpoint.5
#[test]
fn the_previous_checkpoint_makes_room_for_the_next_one() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    for round in 0..2 {
        write(&store, SHARD, &format!("m v={round} {round}")).unwrap();
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
    }
    assert_eq!(files(&disk, "checkpoint").len(), 2);
    disk.set_shortage(Path::new(DATA), Some(Shortage::DiskFull));
    store.checkpoint(&|| Ok(Vec::new())).unwrap_err();
    assert_eq!((files(&disk, "checkpoint").len(), files(&disk, "segment-").len()), (1, 1));
    assert_eq!(after_power_cut(&disk), values(&store));
}

// spec: storage.checkpoint.4
#[test]
fn the_log_before_the_first_checkpoint_is_kept_when_sealing_fails_after_a_restart() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    for round in 0..3 {
        write(&store, SHARD, &format!("m v={round} {round}")).unwrap();
    }
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    drop(store);
    let store = open(&disk, |_| {});
    write(&store, SHARD, "m v=3 3").unwrap();
    disk.set_shortage(Path::new(DATA), Some(Shortage::TooManyFiles));
    store.checkpoint(&|| Ok(Vec::new())).unwrap_err();
    let expected = values(&store);
    drop(store);
    let damaged = disk.crash(3);
    damaged.damage(&Path::new(DATA).join("checkpoint"), |bytes| bytes[9] ^= 1);
    assert_eq!(values(&open(&damaged, |_| {})), expected);
}

// spec: storage.log.9
#[test]
fn bytes_of_a_failed_sync_are_not_mistaken_for_durable_ones() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    write(&store, SHARD, "m v=1 1").unwrap();
    disk.fail_after(1, Failure::Once);
    write(&store, SHARD, "m v=2 2").unwrap_err();
    drop(store);
    // Only the server is restarted, not the machine.
    let store = open(&disk, |_| {});
    assert_eq!(values(&store), ["m v 1=1"]);
    write(&store, SHARD, "m v=3 3").unwrap();
    for seed in 0..20 {
        assert_eq!(values(&open(&disk.crash(seed), |_| {})), ["m v 1=1 3=3"], "seed {seed}");
    }
}

// spec: storage.log.4
#[test]
fn all_changes_of_a_group_commit_fail_together() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |options| options.fsync_delay = Duration::from_hours(1));
    let commits: Vec<Commit> = ["m v=1 1", "m v=2 2", "m v=3 3"].map(|lines| begin(&store, lines)).into();
    disk.fail_after(1, Failure::Once);
    drop(store);
    for commit in commits {
        assert!(matches!(commit.wait(), Err(StorageError::Io { .. })));
    }
    assert_eq!(after_power_cut(&disk), [""; 0]);
}

/// Commits a write without waiting for it.
fn begin(store: &Store, lines: &str) -> Commit {
    let mut transaction = store.begin_write().unwrap();
    put(&mut transaction, SHARD, lines).unwrap();
    transaction.commit()
}

// spec: storage.durability.11
#[test]
fn memtables_are_sealed_when_the_store_is_idle() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |options| options.seal_idle_after = Duration::from_millis(1));
    begin(&store, "m v=1 1").wait().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while store.core.state.read().memory.active > 0 {
        assert!(Instant::now() < deadline, "nothing was sealed");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(values(&store), ["m v 1=1"]);
    drop(store);
    assert_eq!(after_power_cut(&disk), ["m v 1=1"]);
}

// spec: storage.checkpoint.6
#[test]
fn both_checkpoints_of_an_idle_store_list_the_same_files() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    for round in 0..3 {
        write(&store, SHARD, &format!("m v={round} {round}")).unwrap();
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
    }
    let expected = values(&store);
    assert_eq!(files(&disk, "/segment-").len(), 2, "the previous checkpoint has a file of its own");
    drop(store);
    // Also if the store is idle from the beginning.
    let store = open(&disk, |options| options.seal_idle_after = Duration::from_millis(1));
    wait_until("the older file is removed", || files(&disk, "/segment-").len() == 1);
    wait_until("the log is removed", || files(&disk, "/log-").len() == 1);
    write(&store, SHARD, "m v=8 8\nm v=9 9").unwrap();
    wait_until("what is new is sealed", || store.core.state.read().memory.active == 0);
    wait_until("the older file is removed again", || files(&disk, "/segment-").len() == 1);
    drop(store);
    let operations = disk.operations();
    let store = open(&disk, |_| {});
    assert_eq!(values(&store)[0].matches('=').count(), 2 + expected[0].matches('=').count());
    drop(store);
    let damaged = disk.crash(3);
    damaged.damage(&Path::new(DATA).join("checkpoint"), |bytes| bytes[9] ^= 1);
    assert_eq!(values(&open(&damaged, |_| {}))[0].matches('=').count(), 5);
    assert!(disk.operations() - operations < 10, "nothing more is written");
}

// spec: storage.durability.9
#[test]
fn delayed_changes_share_one_sync_and_are_not_visible_before_it() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |options| options.fsync_delay = Duration::from_hours(1));
    let before = disk.operations();
    let commits: Vec<Commit> = ["m v=1 1", "m v=2 2", "m v=3 3"].map(|lines| begin(&store, lines)).into();
    assert_eq!((disk.operations() - before, values(&store)), (0, Vec::new()));
    // Closing the store ends the delay.
    drop(store);
    for commit in commits {
        commit.wait().unwrap();
    }
    assert_eq!(disk.operations() - before, 2, "one write and one sync");
    assert_eq!(after_power_cut(&disk), ["m v 1=1 2=2 3=3"]);
}

// spec: storage.durability.9
#[test]
fn a_change_that_keeps_others_out_is_not_delayed() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |options| options.fsync_delay = Duration::from_hours(1));
    let written = begin(&store, "m v=1 1");
    let mut transaction = store.begin().unwrap();
    transaction.drop_measurement(DB, b"m");
    transaction.commit().wait().unwrap();
    written.wait().unwrap();
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    assert_eq!(values(&store), [""; 0]);
}

// spec: storage.durability.7
#[test]
fn failed_sealing_loses_nothing_and_resumes_when_the_shortage_ends() {
    for shortage in [Shortage::DiskFull, Shortage::TooManyFiles] {
        let disk = MemoryDisk::default();
        let store = open(&disk, |_| {});
        write(&store, SHARD, "m v=1 1").unwrap();
        disk.set_shortage(Path::new(DATA), Some(shortage));
        for _ in 0..3 {
            assert!(matches!(store.checkpoint(&|| Ok(Vec::new())), Err(StorageError::Io { .. })));
        }
        assert_eq!(files(&disk, "segment-"), [""; 0], "files of a failed attempt are removed");
        // Writes, queries, deletions and reopening still work.
        write(&store, SHARD, "m v=2 2\nm,a=b v=3 3").unwrap();
        let mut transaction = store.begin().unwrap();
        transaction.drop_measurement(DB, b"nope");
        transaction.commit().wait().unwrap();
        let expected = ["m v 1=1 2=2", "m,a=b v 3=3"];
        assert_eq!(values(&store), expected);
        assert_eq!(after_power_cut(&disk), expected);
        disk.set_shortage(Path::new(DATA), None);
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
        assert_eq!(files(&disk, "segment-").len(), 1, "the results of both seals are merged");
        assert_eq!(
            (values(&store), after_power_cut(&disk)),
            (expected.map(String::from).into(), expected.map(String::from).into())
        );
        drop(store);
    }
}

// spec: storage.durability.7
#[test]
fn a_store_can_be_closed_while_sealing_fails() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |options| options.memtable_bytes_max = 400);
    disk.set_shortage(Path::new(DATA), Some(Shortage::DiskFull));
    write(&store, SHARD, "m v=1 1").unwrap();
    store.checkpoint(&|| Ok(Vec::new())).unwrap_err();
    write(&store, SHARD, "m v=2 2").unwrap();
    drop(store);
    assert_eq!(values(&open(&disk, |_| {})), ["m v 1=1 2=2"]);
}

// spec: storage.durability.7
#[test]
fn sealing_that_fails_anywhere_is_retried() {
    let mut failed = 0;
    for operations in 0.. {
        let disk = MemoryDisk::default();
        let store = open(&disk, |_| {});
        write(&store, SHARD, "m v=1 1").unwrap();
        store.checkpoint(&|| Ok(b"a".to_vec())).unwrap();
        write(&store, SHARD, "m v=2 2\nm,a=b v=3 3").unwrap();
        disk.fail_after(operations, Failure::Once);
        let sealed = store.checkpoint(&|| Ok(b"b".to_vec()));
        if !disk.has_failed() {
            assert!(sealed.is_ok());
            break;
        }
        failed += usize::from(sealed.is_err());
        let expected = ["m v 1=1 2=2", "m,a=b v 3=3"];
        assert_eq!(values(&store), expected, "operation {operations}");
        assert_eq!(after_power_cut(&disk), expected, "operation {operations}");
        match store.checkpoint(&|| Ok(b"c".to_vec())) {
            Ok(()) => assert_eq!(files(&disk, ".tmp"), [""; 0]),
            // The log could not be given a new file, and it is unknown whether it has one.
            Err(error) => assert!(matches!(error, StorageError::ReadOnly), "operation {operations}: {error}"),
        }
        assert_eq!(after_power_cut(&disk), expected, "operation {operations}");
    }
    assert!(failed > 8, "{failed}");
}

// spec: storage.durability.8
#[test]
fn writes_are_refused_only_while_memory_is_full_and_sealing_fails() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |options| options.memtable_bytes_max = 2_000);
    disk.set_shortage(Path::new(DATA), Some(Shortage::DiskFull));
    let mut accepted = 0;
    let refusal = loop {
        match write(&store, SHARD, &format!("m v={accepted} {accepted}")) {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 10_000, "memory must be bounded");
    };
    assert!(matches!(refusal, StorageError::Busy), "{refusal}");
    // Changes that free memory are not refused, and nothing of the refused write is visible.
    drop(store.begin().unwrap());
    let count = |store: &Store| values(store)[0].matches('=').count();
    assert_eq!(count(&store), accepted);
    disk.set_shortage(Path::new(DATA), None);
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    write(&store, SHARD, "m v=1 -1").unwrap();
    assert_eq!(count(&store), accepted + 1);
    drop(store);
    assert_eq!(count(&open(&disk.crash(1), |_| {})), accepted + 1);
}

// spec: storage.log.8
#[test]
fn a_log_that_cannot_get_a_new_file_continues_in_the_old_one() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    write(&store, SHARD, "m v=1 1").unwrap();
    let log = files(&disk, LOG);
    disk.set_shortage(Path::new(LOG), Some(Shortage::TooManyFiles));
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    write(&store, SHARD, "m v=2 2").unwrap();
    assert_eq!(files(&disk, LOG), log);
    assert_eq!((values(&store), after_power_cut(&disk)), (vec!["m v 1=1 2=2".into()], vec!["m v 1=1 2=2".into()]));
    disk.set_shortage(Path::new(LOG), None);
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    write(&store, SHARD, "m v=3 3").unwrap();
    assert_ne!(files(&disk, LOG), log);
    assert_eq!(after_power_cut(&disk), ["m v 1=1 2=2 3=3"]);
}

#[test]
fn nobody_waits_for_a_panicked_thread() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    write(&store, SHARD, "m v=1 1").unwrap();
    disk.fail_after(0, Failure::Panic);
    for lines in ["m v=2 2", "m v=3 3"] {
        assert!(matches!(write(&store, SHARD, lines), Err(StorageError::ReadOnly)));
    }
    assert!(matches!(store.checkpoint(&|| Ok(Vec::new())), Err(StorageError::ReadOnly)));
    assert_eq!(values(&store), ["m v 1=1"]);
    let reason = Some("the committer panicked".to_owned());
    assert_eq!(store.health(), StoreHealth { mode: Mode::ReadOnly, reason, panics: 1, ..StoreHealth::default() });
}

// spec: storage.durability.13
#[test]
fn a_sealer_that_panics_tries_again() {
    let mut panics = 0;
    for operations in 0.. {
        let disk = MemoryDisk::default();
        let store = open(&disk, |_| {});
        write(&store, SHARD, "m v=1 1").unwrap();
        // The committer gives the log a new file first, in four operations.
        disk.fail_after(5 + operations, Failure::Panic);
        let sealed = store.checkpoint(&|| Ok(Vec::new()));
        if !disk.has_failed() {
            assert!(sealed.is_ok());
            break;
        }
        panics += 1;
        disk.heal();
        let result = store.checkpoint(&|| Ok(Vec::new()));
        assert!(result.is_ok(), "operation {operations}: {result:?}");
        assert_eq!(store.health(), StoreHealth { panics: 1, ..StoreHealth::default() }, "operation {operations}");
        write(&store, SHARD, "m v=2 2").unwrap();
        assert_eq!(values(&store), ["m v 1=1 2=2"]);
        assert_eq!(after_power_cut(&disk), ["m v 1=1 2=2"], "operation {operations}");
    }
    assert!(panics > 8, "{panics}");
}
