//! Removals happen in two steps: others write in the meantime, readers see what they saw, and a crash separates nothing.

use super::super::memory_disk::Failure;
use super::super::removal::Search;
use super::super::shared_index::SharedIndex;
use super::*;

/// Begins to delete all values of `m`, and returns when they are gone.
fn delete_values(f: &Fixture) -> Commit {
    let mut commit = begin_to_delete(f);
    commit.wait_durable().unwrap();
    commit
}

fn begin_to_delete(f: &Fixture) -> Commit {
    let mut transaction = f.store().begin().unwrap();
    transaction.delete(DB, &[SHARD], &f.ids("m"), TimeRange::ALL);
    transaction.commit()
}

fn drop_measurement(f: &Fixture) -> Commit {
    let mut transaction = f.store().begin().unwrap();
    transaction.drop_measurement(DB, b"m");
    transaction.commit()
}

fn index(f: &Fixture) -> Arc<SharedIndex> {
    f.store().core.existing_index(DB).unwrap()
}

// spec: storage.removal.1
#[test]
fn other_changes_do_not_wait_for_a_removal() {
    let f = Fixture::new();
    f.write("m v=1 1\nn v=1 1");
    // While this is held nothing is applied, so whoever waits for a removal waits forever.
    let ids = f.ids("m");
    let held = f.store().core.state.read();
    let mut transaction = f.store().begin().unwrap();
    transaction.delete(DB, &[SHARD], &ids, TimeRange::ALL);
    transaction.drop_shards(DB, &[ShardId(2)]);
    transaction.drop_database(DatabaseId(2));
    let removal = transaction.commit();
    let mut other = f.store().begin().unwrap();
    other.catalog_change(b"change");
    let other = other.commit();
    drop(held);
    other.wait().unwrap();
    removal.wait().unwrap();
    assert_eq!(f.series(), ["n"]);
}

// spec: storage.removal.2
#[test]
fn a_series_that_is_written_during_the_search_stays() {
    let mut f = Fixture::new();
    f.write("m,a=1 v=1 1\nm,a=2 v=1 1\nm,a=3 v=1 1");
    let commit = delete_values(&f);
    f.write("m,a=1 v=2 2");
    let search = Search::begin(&f.store().core).unwrap().unwrap();
    let emptied = search.emptied();
    assert_eq!(emptied.iter().map(|(_, series)| series.len()).collect::<Vec<_>>(), [2]);
    f.write("m,a=2 v=3 3");
    search.remove(DB, &emptied[0].1).unwrap();
    drop(search);
    assert!(f.store().core.live.lock().watch.is_none());
    commit.wait().unwrap();
    // One that was removed can be written again.
    for _ in 0..2 {
        assert_eq!(f.dump(), ["m,a=1 v 2=2", "m,a=2 v 3=3"]);
        assert_eq!(f.series(), ["m,a=1", "m,a=2"]);
        f.reopen();
    }
    f.write("m,a=3 v=4 4");
    assert_eq!(f.series(), ["m,a=1", "m,a=2", "m,a=3"]);
}

// spec: storage.removal.2
#[test]
fn a_search_does_not_note_points_that_are_not_kept() {
    let f = Fixture::new();
    f.write("m,a=1 v=1 1");
    let commit = delete_values(&f);
    let search = Search::begin(&f.store().core).unwrap().unwrap();
    let emptied = search.emptied();
    let mut dropped = f.store().begin_write().unwrap();
    put(&mut dropped, SHARD, "m,a=1 v=2 2").unwrap();
    drop(dropped);
    search.remove(DB, &emptied[0].1).unwrap();
    drop(search);
    commit.wait().unwrap();
    assert_eq!(f.series(), [""; 0]);
}

// spec: storage.removal.3, storage.durability.6
#[test]
fn a_snapshot_shows_what_is_removed_later_without_a_copy_of_the_index() {
    let f = Fixture::new();
    f.write("m,a=1 v=1 1\nm,b=2 v=2 2\nn v=3 3");
    let original = index(&f);
    let old = f.store().snapshot(DB, &[(SHARD, TimeRange::ALL)]);
    let before = dump(&*old);
    drop_measurement(&f).wait().unwrap();
    f.write("m,a=1 v=4 4");
    let new = f.store().snapshot(DB, &[(SHARD, TimeRange::ALL)]);
    delete_values(&f).wait().unwrap();
    f.write("m,c=1 v=5 5");
    assert_eq!(dump(&*old), before);
    assert_eq!(old.tag_keys(b"m").len(), 2);
    assert_eq!(dump(&*new), ["m,a=1 v 4=4", "n v 3=3"]);
    assert_eq!(f.dump(), ["m,c=1 v 5=5", "n v 3=3"]);
    assert_eq!((f.series(), f.store().series_count(DB)), (vec!["m,c=1".to_owned(), "n".to_owned()], 2));
    assert!(Arc::ptr_eq(&original, &index(&f)));
    assert_eq!(original.read().uncleared(), 3);
    drop(old);
    f.store().core.clear_removed();
    assert_eq!(original.read().uncleared(), 1);
    drop(new);
    f.store().core.clear_removed();
    assert_eq!(original.read().uncleared(), 0);
}

// spec: storage.removal.1
#[test]
fn a_removed_series_is_added_anew_before_the_removal_is_on_disk() {
    let mut f = Fixture::new();
    f.write("m,a=1,b=1 v=1 1");
    let removal = drop_measurement(&f);
    f.write("m,b=1,a=1 v=2i 2");
    removal.wait().unwrap();
    for _ in 0..2 {
        assert_eq!(f.dump(), ["m,a=1,b=1 v 2=2i"]);
        f.reopen();
    }
}

// spec: storage.removal.4
#[test]
fn a_crash_between_the_steps_leaves_no_series_without_values() {
    let disk = MemoryDisk::default();
    let reopened = |disk: &MemoryDisk| {
        let store = open_on(disk, 1 << 20, &mut |_| Ok(())).unwrap();
        let series = store.snapshot(DB, &[]).measurements();
        series.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let store = open_on(&disk, 1 << 20, &mut |_| Ok(())).unwrap();
    write(&store, SHARD, "m v=1 1\nn v=1 1").unwrap();
    write(&store, ShardId(2), "o v=1 1").unwrap();
    let series = store.snapshot(DB, &[]).series(b"m", &SeriesPredicate::All);
    let mut transaction = store.begin().unwrap();
    transaction.delete(DB, &[SHARD], &[series[0].id], TimeRange::ALL);
    transaction.drop_shards(DB, &[ShardId(2)]);
    let mut commit = transaction.commit();
    commit.wait_durable().unwrap();
    assert_eq!(reopened(&disk.crash(1)), ["n"]);
    // Nor does a checkpoint separate them.
    store.core.queue.seal().unwrap();
    assert_eq!(store.series_count(DB), 1);
    assert_eq!(reopened(&disk.crash(1)), ["n"]);
    commit.wait().unwrap();
    assert_eq!(reopened(&disk.crash(1)), ["n"]);
}

// spec: storage.removal.4
#[test]
fn a_removal_whose_second_step_fails_is_acknowledged_and_finished_by_the_next_start() {
    let disk = MemoryDisk::default();
    let store = open_on(&disk, 1 << 20, &mut |_| Ok(())).unwrap();
    write(&store, SHARD, "m v=1 1\nn v=1 1").unwrap();
    let series = store.snapshot(DB, &[]).series(b"m", &SeriesPredicate::All);
    let mut transaction = store.begin().unwrap();
    transaction.delete(DB, &[SHARD], &[series[0].id], TimeRange::ALL);
    let mut commit = transaction.commit();
    commit.wait_durable().unwrap();
    disk.fail_after(0, Failure::All);
    commit.wait().unwrap();
    assert_eq!(store.series_count(DB), 2);
    drop(store);
    let store = open_on(&disk.crash(1), 1 << 20, &mut |_| Ok(())).unwrap();
    assert_eq!(store.series_count(DB), 1);
}
