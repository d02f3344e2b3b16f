//! Repair: every damaged file is named, what is lost is named, and everything else is there again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::disk::read_all;
use super::super::repair::{Remedy, Repaired, Report, check, repair};
use super::*;

const OTHER: ShardId = ShardId(8);
/// The beginning of the text of a series among the values.
const SERIES: &str = "series ";

/// A disk with three checkpoints and, after the last of them, values that are only in the log.
fn sound_disk() -> MemoryDisk {
    disk_with(&|_, _| {})
}

/// The same, with a measurement and some values that were removed before the last checkpoint and not before the previous one.
fn disk_with_removals() -> MemoryDisk {
    disk_with(&|store, round| {
        if round == 2 {
            write(store, SHARD, "gone,n=1 v=1 1").unwrap();
        }
        if round == 3 {
            let mut transaction = store.begin().unwrap();
            transaction.drop_measurement(DB, b"gone");
            let source = store.snapshot(DB, &[]);
            let series: Vec<_> = source.series(b"m", &SeriesPredicate::All).iter().map(|series| series.id).collect();
            transaction.delete(DB, &[SHARD], &series[..2], range(100, 130));
            transaction.commit().wait().unwrap();
        }
    })
}

fn disk_with(change: &dyn Fn(&Store, i64)) -> MemoryDisk {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    for round in 1..=3 {
        for n in 0..if round == 1 { 60 } else { 2 } {
            let time = round * 100 + n;
            write(&store, SHARD, &format!("m,n={} v={time},w=\"{round}\" {time}", n % 5)).unwrap();
            write(&store, OTHER, &format!("other,r={round} v={n}i {time}")).unwrap();
        }
        change(&store, round);
        store.checkpoint(&|| Ok(vec![round as u8])).unwrap();
    }
    for time in 400..403 {
        write(&store, SHARD, &format!("m,n=9 v={time} {time}")).unwrap();
    }
    drop(store);
    disk
}

fn open(disk: &MemoryDisk) -> Result<Store, StorageError> {
    open_on(disk, 1 << 20, &mut |_| Ok(()))
}

fn shared(disk: &MemoryDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn check_disk(disk: &MemoryDisk) -> Report {
    check(&shared(disk), &options_on_disk(1 << 20)).unwrap()
}

fn repair_disk(disk: &MemoryDisk) -> Result<Repaired, StorageError> {
    repair(&shared(disk), &options_on_disk(1 << 20))
}

/// All series, and all values, each with its series and field.
fn values(disk: &MemoryDisk) -> Result<BTreeSet<String>, StorageError> {
    let store = open(disk)?;
    let mut values = BTreeSet::new();
    let source = store.snapshot(DB, &[]);
    for measurement in source.measurements() {
        let series = source.series(&measurement, &SeriesPredicate::All);
        values.extend(series.iter().map(|series| format!("{SERIES}{}", series.key)));
    }
    for shard in [SHARD, OTHER] {
        for line in dump(&*store.snapshot(DB, &[(shard, TimeRange::ALL)])) {
            let mut parts = line.split(' ');
            let column = [parts.next().unwrap(), parts.next().unwrap()].join(" ");
            values.extend(parts.map(|value| format!("{column} {value}")));
        }
    }
    Ok(values)
}

/// The files of the store, other than those that were set aside.
fn files(disk: &MemoryDisk) -> Vec<PathBuf> {
    let is_used = |path: &PathBuf| !path.ends_with("lock") && !path.to_string_lossy().contains(".damaged");
    disk.names().into_iter().filter(is_used).collect()
}

fn contents(disk: &MemoryDisk) -> Vec<(PathBuf, Vec<u8>)> {
    disk.names().into_iter().map(|path| (path.clone(), read_all(disk, &path).unwrap())).collect()
}

/// Repairs a damaged disk. Panics unless afterwards the store can be opened and nothing is wrong. Returns what was found, whether
/// anything is missing, and whether that was announced.
fn check_repair(disk: &MemoryDisk, intact: &BTreeSet<String>, what: &str) -> (Report, bool, bool) {
    let found = check_disk(disk);
    let repaired = repair_disk(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(check_disk(disk).damages, [], "{what}: {found:?}");
    let left = values(disk).unwrap_or_else(|error| panic!("{what}: {error}: {found:?}"));
    assert!(left.is_subset(intact), "{what}: {:?}: {found:?}", left.difference(intact));
    let damages = &repaired.report.damages;
    assert!(damages.starts_with(&found.damages), "{what}: {found:?}, but {damages:?}");
    let is_announced =
        damages.iter().any(|d| !d.lost.is_empty() || matches!(d.remedy, Remedy::Cut | Remedy::RestartLog));
    (found, left.len() < intact.len(), is_announced)
}

/// The last file of the log. An end that cannot be read is taken for one that a crash interrupted.
fn log_end(disk: &MemoryDisk) -> PathBuf {
    files(disk).into_iter().rfind(|path| path.starts_with("/log")).unwrap()
}

// spec: storage.repair.1
#[test]
fn a_sound_store_is_not_changed() {
    for disk in [MemoryDisk::default(), sound_disk()] {
        drop(open(&disk).unwrap());
        let before = contents(&disk);
        assert_eq!(check_disk(&disk).damages, []);
        let Repaired { report, set_aside } = repair_disk(&disk).unwrap();
        assert_eq!((report.damages, set_aside, contents(&disk)), (Vec::new(), Vec::new(), before));
    }
}

// spec: storage.repair.2
#[test]
fn a_store_in_use_is_neither_checked_nor_repaired() {
    let disk = sound_disk();
    let _store = open(&disk).unwrap();
    let checked = check(&shared(&disk), &options_on_disk(1 << 20));
    assert!(matches!(checked, Err(StorageError::Locked(_))), "{checked:?}");
    assert!(matches!(repair_disk(&disk), Err(StorageError::Locked(_))));
}

// spec: storage.repair.1, storage.repair.3
#[test]
fn a_flipped_bit_of_any_file_is_named_and_flipped_back() {
    let disk = sound_disk();
    let intact = values(&disk.crash(1)).unwrap();
    for path in files(&disk) {
        let length = read_all(&disk, &path).unwrap().len();
        let end = if path == log_end(&disk) { length - 60 } else { length };
        for at in (0..end).step_by(if length > 1000 { 7 } else { 1 }) {
            let copy = disk.crash(1);
            copy.damage(&path, |bytes| bytes[at] ^= 1 << (at % 8));
            let what = format!("{} byte {at}", path.display());
            let (found, is_less, _) = check_repair(&copy, &intact, &what);
            assert!(!is_less, "{what}: {found:?}");
            assert!(found.damages.iter().any(|damage| damage.path == path), "{what}: {found:?}");
        }
    }
}

/// Returns the disk with something done to each of its files, except to those that cannot be read at all then.
fn badly_damaged(disk: &MemoryDisk) -> Vec<(String, PathBuf, MemoryDisk)> {
    let mut damaged = Vec::new();
    for path in files(disk) {
        let length = read_all(disk, &path).unwrap().len();
        let mut add = |what: String, change: &dyn Fn(&MemoryDisk)| {
            let copy = disk.crash(1);
            change(&copy);
            damaged.push((format!("{} {what}", path.display()), path.clone(), copy));
        };
        add("removed".to_owned(), &|copy| copy.remove(&path).unwrap());
        for kept in [0, 1, length / 3, length - 1] {
            add(format!("cut to {kept}"), &|copy| copy.damage(&path, |bytes| bytes.truncate(kept)));
        }
        for from in (0..length).step_by(length / 13 + 1) {
            let scramble = |bytes: &mut Vec<u8>| bytes[from..].iter_mut().take(5).for_each(|byte| *byte ^= 0x5a);
            add(format!("scrambled from {from}"), &|copy| copy.damage(&path, scramble));
        }
    }
    damaged
}

// spec: storage.repair.1, storage.repair.4, storage.repair.5
#[test]
fn whatever_happens_to_a_file_the_rest_is_kept() {
    for disk in [sound_disk(), disk_with_removals()] {
        check_whatever_happens(&disk);
    }
}

fn check_whatever_happens(disk: &MemoryDisk) {
    let intact = values(&disk.crash(1)).unwrap();
    for (what, path, copy) in badly_damaged(disk) {
        let (found, is_less, is_announced) = check_repair(&copy, &intact, &what);
        assert!(!is_less || is_announced || path == log_end(disk), "{what}: lost in silence: {found:?}");
        let lost: Vec<_> = found.damages.iter().flat_map(|damage| &damage.lost).collect();
        if path.starts_with("/data") && !lost.iter().any(|loss| loss.may_be_more) {
            let announced: u64 = lost.iter().map(|loss| loss.values).sum();
            let left = values(&copy).unwrap();
            let missing = intact.difference(&left).filter(|value| !value.starts_with(SERIES)).count();
            assert_eq!(announced, missing as u64, "{what}: {found:?}");
        }
        let kept: Vec<_> =
            copy.names().into_iter().filter(|name| name.to_string_lossy().contains(".damaged")).collect();
        let is_replaced = found.damages.iter().any(|damage| damage.path == path) && !what.ends_with("removed");
        assert!(!is_replaced || !kept.is_empty(), "{what}: {found:?}");
    }
}

// spec: storage.repair.4
#[test]
fn what_happens_to_two_files_costs_no_more_than_they_held() {
    let disk = sound_disk();
    let intact = values(&disk.crash(1)).unwrap();
    let checkpoints = ["/data/checkpoint", "/data/checkpoint-previous"].map(PathBuf::from);
    for (first, first_path, one) in badly_damaged(&disk) {
        for (second, path) in files(&one).into_iter().map(|path| (path.display().to_string(), path)) {
            let copy = one.crash(1);
            copy.damage(&path, |bytes| bytes.iter_mut().skip(40).step_by(9).for_each(|byte| *byte ^= 0x5a));
            let what = format!("{first}, and {second}");
            if checkpoints.contains(&first_path) && checkpoints.contains(&path) {
                let before = contents(&copy);
                let found = repair_disk(&copy).unwrap().report;
                let is_hopeless = found.damages.iter().any(|damage| damage.remedy == Remedy::None);
                assert!(!is_hopeless || contents(&copy) == before, "{what}: {found:?}");
                continue;
            }
            let (found, is_less, is_announced) = check_repair(&copy, &intact, &what);
            let is_log_end = [&first_path, &path].contains(&&log_end(&disk));
            assert!(!is_less || is_announced || is_log_end, "{what}: lost in silence: {found:?}");
        }
    }
}

// spec: storage.repair.6
#[test]
fn a_repair_that_is_interrupted_can_be_done_again() {
    let disk = sound_disk();
    let intact = values(&disk.crash(1)).unwrap();
    for (nth, (what, _, damaged)) in badly_damaged(&disk).into_iter().enumerate() {
        let repaired = damaged.crash(1);
        repaired.record_images(0, 1);
        repair_disk(&repaired).unwrap();
        let images = repaired.take_images();
        let expected = values(&repaired).unwrap();
        for (at, image) in images.into_iter().enumerate() {
            for seed in 1..4 {
                let crashed = image.crash(seed * 1000 + nth as u64);
                let what = format!("{what}, interrupted at {at}, seed {seed}");
                check_repair(&crashed, &intact, &what);
                assert_eq!(values(&crashed).unwrap(), expected, "{what}");
            }
        }
    }
}

/// Changes a file of a disk.
type Change<'d> = &'d dyn Fn(&MemoryDisk, &Path);

// spec: storage.repair.4
#[test]
fn the_index_of_a_segment_file_is_found_without_its_directory() {
    let disk = MemoryDisk::default();
    let store = open(&disk).unwrap();
    let lines: Vec<String> = (0..2400).map(|n| format!("m,n={n:04} v={n},w={n}i {n}")).collect();
    for lines in lines.chunks(400) {
        write(&store, SHARD, &lines.join("\n")).unwrap();
    }
    for round in 1..=3 {
        write(&store, OTHER, &format!("m,n=0001 v={round} {round}")).unwrap();
        store.checkpoint(&|| Ok(vec![round])).unwrap();
    }
    drop(store);
    let intact = values(&disk.crash(1)).unwrap();
    let path = disk.names().into_iter().find(|path| path.to_string_lossy().contains("segment-")).unwrap();
    let length = read_all(&disk, &path).unwrap().len();
    assert!(length > 60_000, "there must be many pages: {length}");
    let damage = |from: usize, to: usize| {
        move |copy: &MemoryDisk, path: &Path| {
            copy.damage(path, |bytes| bytes[from..to].iter_mut().for_each(|byte| *byte ^= 0x5a));
        }
    };
    let cut = |copy: &MemoryDisk, path: &Path| copy.damage(path, |bytes| bytes.truncate(length - 30));
    let (in_first, in_page) = (length - 24_000, length - 9_000);
    let damages: [(Change<'_>, Change<'_>, bool); 7] = [
        (&damage(length - 60, length), &|_, _| {}, false),
        (&damage(length - 20, length - 10), &|_, _| {}, false),
        (&damage(length - 52, length - 48), &|_, _| {}, false),
        (&cut, &|_, _| {}, false),
        (&damage(in_page, in_page + 9), &|_, _| {}, true),
        (&damage(in_page, in_page + 9), &cut, true),
        (&damage(in_first, in_first + 9), &cut, true),
    ];
    for (nth, (first, second, is_lost)) in damages.into_iter().enumerate() {
        let copy = disk.crash(1);
        first(&copy, &path);
        second(&copy, &path);
        let (found, is_less, is_announced) = check_repair(&copy, &intact, &format!("damage {nth}"));
        assert_eq!((is_less, is_announced), (is_lost, is_lost), "damage {nth}: {found:?}");
        let left = values(&copy).unwrap().len();
        assert!(left > intact.len() * 8 / 10, "damage {nth}: {left} of {} are left: {found:?}", intact.len());
    }
}
