//! Disks that fail, fill up or run out of descriptors while the store is open: what fails, what goes on, what is kept.

use super::super::memory_disk::{Failure, Trouble};
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

/// What a power cut and a start leave.
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
    let breaks: [Break; 4] = [
        |disk| disk.fail_after(0, Failure::All),
        // The write.
        |disk| disk.fail_after(0, Failure::Once),
        // The sync.
        |disk| disk.fail_after(1, Failure::Once),
        |disk| disk.trouble(Path::new(LOG), Some(Trouble::Full)),
    ];
    for (nth, break_it) in breaks.into_iter().enumerate() {
        let disk = MemoryDisk::default();
        let store = open(&disk, |_| {});
        write(&store, SHARD, "m v=1 1").unwrap();
        break_it(&disk);
        assert!(matches!(write(&store, SHARD, "m v=2 2"), Err(StorageError::Io { .. })), "{nth}");
        // The disk would take it now, for some of them.
        disk.trouble(Path::new(LOG), None);
        assert!(matches!(write(&store, SHARD, "m v=3 3"), Err(StorageError::ReadOnly)), "{nth}");
        assert!(matches!(store.begin(), Err(StorageError::ReadOnly)), "{nth}");
        assert!(matches!(store.checkpoint(&|| Ok(Vec::new())), Err(StorageError::ReadOnly)), "{nth}");
        assert_eq!(values(&store), ["m v 1=1"], "{nth}");
        drop(store);
        let kept = after_power_cut(&disk);
        assert!(kept == ["m v 1=1"] || kept == ["m v 1=1 2=2"], "{nth}: {kept:?}");
    }
}

// spec: storage.log.9
#[test]
fn what_a_failed_sync_left_in_the_cache_is_not_taken_for_written() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    write(&store, SHARD, "m v=1 1").unwrap();
    disk.fail_after(1, Failure::Once);
    write(&store, SHARD, "m v=2 2").unwrap_err();
    drop(store);
    // The server is started again, not the machine.
    let store = open(&disk, |_| {});
    assert_eq!(values(&store), ["m v 1=1"]);
    write(&store, SHARD, "m v=3 3").unwrap();
    for seed in 0..20 {
        assert_eq!(values(&open(&disk.crash(seed), |_| {})), ["m v 1=1 3=3"], "seed {seed}");
    }
}

// spec: storage.log.4
#[test]
fn all_changes_of_a_group_fail_with_it() {
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

/// Hands a write to the log.
fn begin(store: &Store, lines: &str) -> Commit {
    let mut transaction = store.begin_write().unwrap();
    put(&mut transaction, SHARD, lines).unwrap();
    transaction.commit()
}

// spec: storage.durability.11
#[test]
fn what_is_in_memory_is_sealed_when_no_change_comes() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |options| options.seal_idle_after = Duration::from_millis(1));
    begin(&store, "m v=1 1").wait().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while store.shared.state.read().memory.active > 0 {
        assert!(Instant::now() < deadline, "nothing is sealed");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(values(&store), ["m v 1=1"]);
    drop(store);
    assert_eq!(after_power_cut(&disk), ["m v 1=1"]);
}

// spec: storage.durability.9
#[test]
fn changes_that_wait_for_the_delay_share_one_sync_and_are_not_visible_before_it() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |options| options.fsync_delay = Duration::from_hours(1));
    let before = disk.operations();
    let commits: Vec<Commit> = ["m v=1 1", "m v=2 2", "m v=3 3"].map(|lines| begin(&store, lines)).into();
    assert_eq!((disk.operations() - before, values(&store)), (0, Vec::new()));
    // A store that closes waits for nothing more.
    drop(store);
    for commit in commits {
        commit.wait().unwrap();
    }
    assert_eq!(disk.operations() - before, 2, "one write and one sync");
    assert_eq!(after_power_cut(&disk), ["m v 1=1 2=2 3=3"]);
}

// spec: storage.durability.9
#[test]
fn nobody_waits_for_the_delay_who_keeps_others_from_sharing_the_sync() {
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
fn sealing_that_fails_takes_nothing_away_and_goes_on_when_there_is_room() {
    for trouble in [Trouble::Full, Trouble::TooManyFiles] {
        let disk = MemoryDisk::default();
        let store = open(&disk, |_| {});
        write(&store, SHARD, "m v=1 1").unwrap();
        disk.trouble(Path::new(DATA), Some(trouble));
        for _ in 0..3 {
            assert!(matches!(store.checkpoint(&|| Ok(Vec::new())), Err(StorageError::Io { .. })));
        }
        assert_eq!(files(&disk, "segment-"), [""; 0], "what a failed attempt wrote is removed");
        // The log goes on, and so do queries, deletions, and starts.
        write(&store, SHARD, "m v=2 2\nm,a=b v=3 3").unwrap();
        let mut transaction = store.begin().unwrap();
        transaction.drop_measurement(DB, b"nope");
        transaction.commit().wait().unwrap();
        let expected = ["m v 1=1 2=2", "m,a=b v 3=3"];
        assert_eq!(values(&store), expected);
        assert_eq!(after_power_cut(&disk), expected);
        disk.trouble(Path::new(DATA), None);
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
        assert_eq!(files(&disk, "segment-").len(), 1, "both seals, merged");
        assert_eq!(
            (values(&store), after_power_cut(&disk)),
            (expected.map(String::from).into(), expected.map(String::from).into())
        );
        drop(store);
    }
}

// spec: storage.durability.7
#[test]
fn a_store_whose_sealing_fails_can_be_closed() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |options| options.memtable_bytes_max = 200);
    disk.trouble(Path::new(DATA), Some(Trouble::Full));
    write(&store, SHARD, "m v=1 1").unwrap();
    store.checkpoint(&|| Ok(Vec::new())).unwrap_err();
    write(&store, SHARD, "m v=2 2").unwrap();
    drop(store);
    assert_eq!(values(&open(&disk, |_| {})), ["m v 1=1 2=2"]);
}

// spec: storage.durability.7
#[test]
fn a_seal_that_fails_anywhere_is_done_again() {
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
            // The log could not be given a new file: whether it has one nobody knows.
            Err(error) => assert!(matches!(error, StorageError::ReadOnly), "operation {operations}: {error}"),
        }
        assert_eq!(after_power_cut(&disk), expected, "operation {operations}");
    }
    assert!(failed > 8, "{failed}");
}

// spec: storage.durability.8
#[test]
fn writers_are_refused_when_memory_is_full_and_sealing_fails_and_taken_again_when_it_goes_on() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |options| options.memtable_bytes_max = 2_000);
    disk.trouble(Path::new(DATA), Some(Trouble::Full));
    let mut taken = 0;
    let refusal = loop {
        match write(&store, SHARD, &format!("m v={taken} {taken}")) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 10_000, "memory is bounded");
    };
    assert!(matches!(refusal, StorageError::Busy), "{refusal}");
    // What frees memory is not refused, and nothing of the refused write is there.
    drop(store.begin().unwrap());
    let count = |store: &Store| values(store)[0].matches('=').count();
    assert_eq!(count(&store), taken);
    disk.trouble(Path::new(DATA), None);
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    write(&store, SHARD, "m v=1 -1").unwrap();
    assert_eq!(count(&store), taken + 1);
    drop(store);
    assert_eq!(count(&open(&disk.crash(1), |_| {})), taken + 1);
}

// spec: storage.log.8
#[test]
fn a_log_that_cannot_get_a_new_file_goes_on_in_the_old_one() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    write(&store, SHARD, "m v=1 1").unwrap();
    let log = files(&disk, LOG);
    disk.trouble(Path::new(LOG), Some(Trouble::TooManyFiles));
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    write(&store, SHARD, "m v=2 2").unwrap();
    assert_eq!(files(&disk, LOG), log);
    assert_eq!((values(&store), after_power_cut(&disk)), (vec!["m v 1=1 2=2".into()], vec!["m v 1=1 2=2".into()]));
    disk.trouble(Path::new(LOG), None);
    store.checkpoint(&|| Ok(Vec::new())).unwrap();
    write(&store, SHARD, "m v=3 3").unwrap();
    assert_ne!(files(&disk, LOG), log);
    assert_eq!(after_power_cut(&disk), ["m v 1=1 2=2 3=3"]);
}

#[test]
fn nobody_waits_for_a_thread_that_panicked() {
    let disk = MemoryDisk::default();
    let store = open(&disk, |_| {});
    write(&store, SHARD, "m v=1 1").unwrap();
    disk.fail_after(0, Failure::Panic);
    for lines in ["m v=2 2", "m v=3 3"] {
        assert!(matches!(write(&store, SHARD, lines), Err(StorageError::ReadOnly)));
    }
    assert!(matches!(store.checkpoint(&|| Ok(Vec::new())), Err(StorageError::ReadOnly)));
    assert_eq!(values(&store), ["m v 1=1"]);
}
