//! Stores in each version of the format, healthy and damaged, which every later version must be able to open.
//!
//! Version 2 gave the log and the checkpoint the id of their store, and kept the previous checkpoint.
//!
//! Each directory of `fixtures/v1` and `fixtures/v2` is a store. [`write_fixtures`] created them. It is run by hand, once per version of the format,
//! and its output is never changed.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::directory_lock::LOCK_FILE;
use super::*;

const VERSIONS: [&str; 2] = ["v1", "v2"];
/// The current version.
const CURRENT: &str = "v2";

fn fixtures(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(version)
}

/// A random walk in steps of -2 to 2.
fn walk() -> impl Iterator<Item = i64> {
    (0..3000_i64).scan(50, |value, i| {
        *value = (*value + (i * i % 31 * 7 + i) % 5 - 2).abs();
        Some(*value)
    })
}

/// The lines written to the stores: before the first checkpoint, after it, and after the second.
fn batches() -> [String; 3] {
    let line = |(i, value): (usize, i64)| {
        let time = 1_500_000_000_000_000_000 + i as i64 * 10_000_000_000;
        let (hundredth, irrational, is_on) = (value as f64 / 100.0, (value as f64).sqrt(), i % 100 < 50);
        let state = ["up", "down"][i / 1000 % 2];
        format!("m,host=a i={value}i,f={hundredth},x={irrational},b={is_on},s=\"{state}\" {time}")
    };
    let mut first: Vec<String> = walk().enumerate().map(line).collect();
    first.push("m,host=b,dc=x\\,y i=-9223372036854775808i,f=-0.0,s=\"\\\"quoted\\\"\" -5".to_owned());
    let jitter = |i: i64| i * 1_000_000_000 + i * i % 7;
    let two = |i| [format!("m,host=a i={i}i {}", jitter(i)), format!("n v={i} {}", jitter(i))];
    let second: Vec<String> = (0..200).flat_map(two).collect();
    [first.join("\n"), second.join("\n"), "n v=1000 1\nn,new=y t=true 2".to_owned()]
}

/// The contents of the healthy store.
fn contents() -> Vec<String> {
    let f = Fixture::new();
    for batch in batches() {
        f.write(&batch);
    }
    delete(f.store());
    f.dump()
}

/// Deletes some values of the series of `n`.
fn delete(store: &Store) {
    let source = store.snapshot(DB, &[]);
    let series: Vec<_> = source.series(b"n", &SeriesPredicate::All).iter().map(|s| s.id).collect();
    let mut transaction = store.begin().unwrap();
    transaction.delete(DB, &[SHARD], &series, range(50_000_000_000, 60_000_000_000));
    transaction.commit().wait().unwrap();
}

/// Opens a copy of a fixture.
fn open_copy(version: &str, name: &str) -> (tempfile::TempDir, Result<Store, StorageError>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    for part in ["data", "log"] {
        fs::create_dir(dir.path().join(part)).unwrap();
        for file in fs::read_dir(fixtures(version).join(name).join(part)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), dir.path().join(part).join(file.file_name())).unwrap();
        }
    }
    let mut catalog = Vec::new();
    let opened = Store::open(options(dir.path()), &mut |record| {
        catalog.push(format!("{record:?}"));
        Ok(())
    });
    (dir, opened, catalog)
}

fn options(dir: &Path) -> StoreOptions {
    StoreOptions { data_dir: dir.join("data"), log_dir: dir.join("log"), ..StoreOptions::in_directory(dir) }
}

// spec: storage.durability.3, storage.segment.1
#[test]
fn a_store_of_any_version_can_be_read() {
    for version in VERSIONS {
        let (_dir, store, catalog) = open_copy(version, "healthy");
        let store = store.unwrap();
        let source = store.snapshot(DB, &[(SHARD, TimeRange::ALL)]);
        assert_eq!(dump(&*source), contents(), "{version}");
        let want = [CatalogRecord::Checkpoint(b"catalog"), CatalogRecord::Change(b"change")];
        assert_eq!(catalog, want.map(|record| format!("{record:?}")), "{version}");
        write(&store, SHARD, "n v=1 70").unwrap();
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
        drop(source);
        assert_eq!(dump(&*store.snapshot(DB, &[(SHARD, TimeRange::ALL)])).len(), contents().len(), "{version}");
    }
}

// spec: storage.log.6
#[test]
fn a_torn_log_of_any_version_is_cut() {
    for version in VERSIONS {
        let (_dir, store, _) = open_copy(version, "torn-log");
        let source = store.unwrap().snapshot(DB, &[(SHARD, TimeRange::ALL)]);
        // The last frame, a delete, is incomplete.
        assert!(dump(&*source).len() == contents().len() && dump(&*source) != contents(), "{version}");
    }
}

// spec: storage.segment.2
#[test]
fn a_damaged_block_of_any_version_is_reported_and_the_others_can_be_read() {
    for version in VERSIONS {
        let (_dir, store, _) = open_copy(version, "damaged-block");
        let source = store.unwrap().snapshot(DB, &[(SHARD, TimeRange::ALL)]);
        let mut bad = 0;
        let mut good = 0;
        for series in source.series(b"m", &SeriesPredicate::All) {
            for field in source.field_types(b"m", TimeRange::ALL).keys() {
                for block in source.blocks(series.id, field, TimeRange::ALL) {
                    *(if block.decode().is_ok() { &mut good } else { &mut bad }) += 1;
                }
            }
        }
        assert!(bad > 0 && good > bad, "{version}: {bad} bad, {good} good");
    }
}

// spec: storage.log.7
#[test]
fn a_store_with_a_damaged_log_is_not_opened() {
    for (version, at) in [("v1", 65), ("v2", 44)] {
        let (_dir, store, _) = open_copy(version, "damaged-log");
        let Err(StorageError::DamagedLog { path, offset, .. }) = store else { panic!("opened") };
        assert!(path.ends_with("log-00000000000000000003") && offset == at, "{version}: {path:?} {offset}");
    }
}

// spec: storage.checkpoint.1, storage.checkpoint.4
#[test]
fn a_store_with_a_damaged_checkpoint_is_opened_only_if_there_is_a_previous_one() {
    let (_dir, store, _) = open_copy("v1", "damaged-checkpoint");
    let Err(StorageError::Damaged { path, .. }) = store else { panic!("opened") };
    assert!(path.ends_with("checkpoint"), "{path:?}");
    let (_dir, store, _) = open_copy("v2", "damaged-checkpoint");
    assert_eq!(dump(&*store.unwrap().snapshot(DB, &[(SHARD, TimeRange::ALL)])), contents());
}

/// Writes the fixtures of the current version.
#[test]
#[ignore = "run by hand when the version of the format changes"]
fn write_fixtures() {
    let fixtures = fixtures(CURRENT);
    let healthy = fixtures.join("healthy");
    fs::create_dir_all(&healthy).unwrap();
    let [first, second, third] = batches();
    let store = Store::open(options(&healthy), &mut |_| Ok(())).unwrap();
    write(&store, SHARD, &first).unwrap();
    store.checkpoint(&|| Ok(b"catalog".to_vec())).unwrap();
    write(&store, SHARD, &second).unwrap();
    store.checkpoint(&|| Ok(b"catalog".to_vec())).unwrap();
    let mut transaction = store.begin().unwrap();
    transaction.catalog_change(b"change");
    transaction.commit().wait().unwrap();
    write(&store, SHARD, &third).unwrap();
    delete(&store);
    drop(store);
    for part in ["data", "log"] {
        fs::remove_file(healthy.join(part).join(LOCK_FILE)).unwrap();
    }

    let damage = |name: &str, part: &str, prefix: &str, change: &dyn Fn(&mut Vec<u8>)| {
        for part in ["data", "log"] {
            fs::create_dir_all(fixtures.join(name).join(part)).unwrap();
            for file in fs::read_dir(healthy.join(part)).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), fixtures.join(name).join(part).join(file.file_name())).unwrap();
            }
        }
        let files = fs::read_dir(fixtures.join(name).join(part)).unwrap().map(|file| file.unwrap().path());
        let matching = files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix));
        let path = matching.filter(|path| !path.ends_with("checkpoint-previous")).max().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
    };
    damage("torn-log", "log", "log-", &|bytes| bytes.truncate(bytes.len() - 3));
    damage("damaged-log", "log", "log-", &|bytes| bytes[80] ^= 1);
    damage("damaged-block", "data", "segment-00000000000000000001", &|bytes| bytes[200] ^= 1);
    damage("damaged-checkpoint", "data", "checkpoint", &|bytes| bytes[20] ^= 1);
}
