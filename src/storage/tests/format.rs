//! The formats on disk are those of the specification. The expected bytes are the examples in `spec/storage.md`.

use fluxstone_codec::{CodecError, booleans, floats, integers, strings, times};
use fluxstone_model::Text;

use super::super::disk::read_all;
use super::super::log::frame::{Frame, LogHeader, put_frame};
use super::super::sealing::checkpoint::Checkpoint;
use super::*;

const PAGE: &str = include_str!("../../../spec/storage.md");

/// Returns the bytes of the fenced block labelled `hex NAME`. Everything after a `#` is a remark.
fn example(name: &str) -> Vec<u8> {
    let label = format!("```hex {name}\n");
    let start = PAGE.find(&label).unwrap_or_else(|| panic!("no example {name}")) + label.len();
    let block = &PAGE[start..start + PAGE[start..].find("```").unwrap()];
    let digits: String = block.lines().map(|line| line.split('#').next().unwrap_or_default()).collect();
    let digits: Vec<u8> = digits.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(name: &str, bytes: &[u8]) {
    assert_eq!(hex(bytes), hex(&example(name)), "{name}");
}

#[track_caller]
fn check_codec<T: PartialEq + std::fmt::Debug + Clone>(
    name: &str,
    values: &[T],
    encode: impl Fn(&[T], &mut Vec<u8>),
    decode: impl Fn(&[u8], usize) -> Result<Vec<T>, CodecError>,
) {
    let mut out = Vec::new();
    encode(values, &mut out);
    check(name, &out);
    assert_eq!(decode(&example(name), values.len()), Ok(values.to_vec()));
}

// spec: storage.codec.2, storage.frame.1
#[test]
fn times_are_encoded_as_specified() {
    const S: i64 = 1_000_000_000;
    let check = |name, values: &[i64]| check_codec(name, values, times::encode, times::decode);
    check("times-regular", &[S, 2 * S, 3 * S, 4 * S]);
    check("times-intervals", &[0, 10 * S, 20 * S, 31 * S, 42 * S, 53 * S]);
}

// spec: storage.codec.3
#[test]
fn floats_are_encoded_as_specified() {
    let check = |name, values: &[f64]| check_codec(name, values, floats::encode, floats::decode);
    check("floats-constant", &[1.5, 1.5]);
    check("floats-decimals", &[20.1, 20.2, 20.4, 20.3, f64::INFINITY, 20.5]);
    check("floats-raw", &[f64::MIN_POSITIVE, f64::MAX]);
    // With this many binary places, the values are not short decimals.
    let places = 2_f64.powi(-30);
    check("floats-xor", &[1.5 + places, 1.25 + places, 1.25 + places, 1.375 + places]);
}

// spec: storage.codec.4, storage.frame.1
#[test]
fn integers_are_encoded_as_specified() {
    let check = |name, values: &[i64]| check_codec(name, values, integers::encode, integers::decode);
    check("integers-regular", &[5, 7, 9]);
    check("integers-steps", &[50, 51, 50, 50, 52, 1000, 1001, 1000, 1000]);
    check("integers-offsets", &[7, 90, 12, 77]);
}

// spec: storage.codec.5, storage.codec.6
#[test]
fn booleans_and_strings_are_encoded_as_specified() {
    check_codec("booleans-bits", &[true, false, true, false, true], booleans::encode, booleans::decode);
    let runs = [[true; 20], [false; 20]].concat();
    check_codec("booleans-runs", &runs, booleans::encode, booleans::decode);
    let texts = |words: &[&str]| words.iter().map(|word| Text::from(*word)).collect::<Vec<_>>();
    check_codec("strings-plain", &texts(&["a", "", "bc"]), strings::encode, strings::decode);
    let words = ["up", "up", "up", "down", "up", "up", "up", "up"];
    check_codec("strings-dictionary", &texts(&words), strings::encode, strings::decode);
}

/// The store of the examples.
const EXAMPLE_STORE: StoreId = StoreId(*b"0123456789abcdef");

/// Returns a store in which one catalog change and one point were written and sealed, and the records of its log.
fn example_disk() -> (MemoryDisk, Vec<Vec<u8>>) {
    let disk = MemoryDisk::default();
    let store = open_on(&disk, 1 << 20, &mut |_| Ok(())).unwrap();
    let mut transaction = store.begin().unwrap();
    transaction.catalog_change(b"db");
    transaction.commit().wait().unwrap();
    write(&store, SHARD, "cpu,host=a v=1.5,n=-3i 1000").unwrap();
    let log = read_all(&disk, "/log/log-00000000000000000001".as_ref()).unwrap();
    store.checkpoint(&|| Ok(b"catalog".to_vec())).unwrap();
    let header = LogHeader::decode(&log).unwrap();
    let (mut rest, mut records) = (&log[header.len()..], Vec::new());
    while !rest.is_empty() {
        let frame = Frame::decode(header.salt, rest).unwrap();
        records.extend(frame.records().map(|record| record.unwrap().1.to_vec()));
        rest = &rest[frame.len..];
    }
    (disk, records)
}

// spec: storage.record.1, storage.record.2, storage.record.3, storage.log.1, storage.log.2, storage.log.3, storage.log.4
#[test]
fn the_log_is_written_as_specified() {
    let (_, records) = example_disk();
    check("record-catalog", &records[0]);
    check("record-points", &records[1]);
    let salt = 0x0807_0605_0403_0201;
    for (name, store) in [("log-file-1", None), ("log-file", Some(EXAMPLE_STORE))] {
        let mut file = LogHeader { first: 1, salt, store }.encode();
        put_frame(salt, 1, &[&records[0]], &mut file);
        check(name, &file);
        let disk = MemoryDisk::default();
        disk.create("/log/log-00000000000000000001".as_ref()).unwrap().append(&example(name)).unwrap();
        let mut catalog = Vec::new();
        let opened = open_on(&disk, 1 << 20, &mut |record| {
            catalog.push(format!("{record:?}"));
            Ok(())
        });
        assert!(opened.is_ok());
        assert_eq!(catalog, [format!("{:?}", CatalogRecord::Change(b"db"))]);
    }
}

// spec: storage.record.4
#[test]
fn removals_are_recorded_as_specified() {
    use super::super::record::{Entries, Entry, RecordBuilder};
    let database = DB;
    let shards = vec![ShardId(1), ShardId(3)];
    let series = vec![fluxstone_columns::SeriesId(1), fluxstone_columns::SeriesId(2)];
    let entries = [
        Entry::Delete { database, shards: shards.clone(), series: series.clone(), range: range(1, 9) },
        Entry::RemoveSeries { database, series },
        Entry::DropMeasurement { database, measurement: b"cpu" },
        Entry::DropShards { database, shards },
        Entry::DropDatabase { database },
    ];
    let mut record = RecordBuilder::default();
    for entry in &entries {
        record.put(entry);
    }
    let bytes = record.into_bytes();
    check("record-removals", &bytes);
    assert_eq!(Entries::new(&bytes).map(Result::unwrap).collect::<Vec<_>>(), entries);
}

// spec: storage.segment.3, storage.segment.4, storage.segment.5, storage.segment.6, storage.block.1
#[test]
fn segment_files_are_written_as_specified() {
    let (disk, _) = example_disk();
    check("segment-file", &read_all(&disk, "/data/segment-00000000000000000001".as_ref()).unwrap());
}

// spec: storage.series.1, storage.checkpoint.2, storage.log.2
#[test]
fn the_checkpoint_is_written_as_specified() {
    let (disk, _) = example_disk();
    check("series-file", &read_all(&disk, "/data/series-00000000000000000002".as_ref()).unwrap());
    let written = read_all(&disk, "/data/checkpoint".as_ref()).unwrap();
    for (name, store) in [("checkpoint-1", None), ("checkpoint", Some(EXAMPLE_STORE))] {
        // The id of a store is random.
        let checkpoint = Checkpoint { store, ..Checkpoint::decode(&written).unwrap() };
        check(name, &checkpoint.encode());
        assert_eq!(Checkpoint::decode(&example(name)).unwrap().encode(), example(name));
    }
    let header = LogHeader::decode(&read_all(&disk, "/log/log-00000000000000000003".as_ref()).unwrap()).unwrap();
    assert_eq!(Checkpoint::decode(&written).unwrap().store, header.store);
    assert!(header.store.is_some());
}
