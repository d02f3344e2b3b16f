//! Values written to a segment file are found there again.

use std::path::Path;
use std::sync::Arc;

use fluxstone_columns::{Batch, Block, Column, NumberSummary, SeriesId};
use fluxstone_model::{DatabaseId, ShardId, Text};

use super::*;
use crate::memory_disk::MemoryDisk;
use crate::record::FieldId;

const HEADER: SegmentHeader = SegmentHeader { database: DatabaseId(3), shard: ShardId(4), position: 5 };

type Columns = Vec<((SeriesId, FieldId), Batch)>;

fn written(columns: &Columns) -> Option<Arc<Segment>> {
    let disk = MemoryDisk::default();
    let path = Path::new("/data/segment-1");
    let mut writer = SegmentWriter::create(Arc::new(disk.clone()), path, HEADER).unwrap();
    for ((series, field), batch) in columns {
        writer.add(*series, *field, &Arc::new(batch.clone())).unwrap();
    }
    writer.finish().unwrap().then(|| Arc::new(Segment::open(&disk, path, Arc::default()).unwrap()))
}

fn times(count: usize) -> Vec<i64> {
    (0..count as i64).map(|i| i * 10 - 500).collect()
}

fn key(series: u64, field: u32) -> (SeriesId, FieldId) {
    (SeriesId(series), FieldId(field))
}

fn columns(segment: &Arc<Segment>, (series, field): (SeriesId, FieldId)) -> Vec<StoredColumn> {
    let pages = segment.columns_between(series, field, field).unwrap();
    pages.iter().flat_map(|page| StoredColumn::of(segment, page, field)).collect()
}

fn blocks(segment: &Arc<Segment>, key: (SeriesId, FieldId)) -> Vec<Arc<dyn Block>> {
    columns(segment, key).iter().flat_map(|column| column.parts().unwrap()).collect()
}

/// All blocks of a column.
fn read(segment: &Arc<Segment>, (series, field): (SeriesId, FieldId)) -> Vec<Batch> {
    blocks(segment, (series, field)).iter().map(|block| Batch::clone(&block.decode().unwrap())).collect()
}

#[test]
fn values_of_all_types_round_trip() {
    let columns: Columns = vec![
        (key(1, 0), Batch { times: times(3).into(), values: Column::Float(vec![1.5, -0.0, f64::NAN]) }),
        (key(1, 1), Batch { times: times(2).into(), values: Column::String(vec!["".into(), "x\0".into()]) }),
        (key(9, 0), Batch { times: times(3).into(), values: Column::Boolean(vec![true, false, true]) }),
        (key(9, 7), Batch { times: times(1).into(), values: Column::Integer(vec![i64::MIN]) }),
    ];
    let segment = written(&columns).unwrap();
    assert_eq!(segment.header(), HEADER);
    for (key, batch) in &columns {
        // Compared as text, since NaN is not equal to itself.
        assert_eq!(format!("{:?}", read(&segment, *key)), format!("{:?}", [batch]));
    }
    assert_eq!(segment.fields_of(SeriesId(9)).unwrap(), [FieldId(0), FieldId(7)]);
    assert!(segment.fields_of(SeriesId(2)).unwrap().is_empty());
    assert!(read(&segment, key(9, 1)).is_empty());
}

// spec: storage.block.1
#[test]
fn a_long_column_is_cut_into_blocks() {
    let values = (0..5_000).map(f64::from).collect();
    let segment =
        written(&vec![(key(1, 0), Batch { times: times(5_000).into(), values: Column::Float(values) })]).unwrap();
    let lengths: Vec<usize> = read(&segment, key(1, 0)).iter().map(|batch| batch.times.len()).collect();
    assert_eq!(lengths, [2048, 2048, 904]);
    let long = Text::from("x".repeat(600_000));
    let strings = Column::String(vec![long; 3]);
    let segment = written(&vec![(key(1, 0), Batch { times: times(3).into(), values: strings })]).unwrap();
    assert_eq!(read(&segment, key(1, 0)).len(), 3);
}

#[test]
fn columns_are_found_in_an_index_of_many_pages() {
    let batch = |value| Batch { times: times(1).into(), values: Column::Integer(vec![value]) };
    let keys = (1..2_000).flat_map(|series| [key(series, 0), key(series, 3)]);
    let columns: Columns = keys.map(|key| (key, batch((key.0.0 * 10 + u64::from(key.1.0)) as i64))).collect();
    let segment = written(&columns).unwrap();
    for (key, batch) in &columns {
        assert_eq!(read(&segment, *key), std::slice::from_ref(batch));
        assert_eq!(segment.fields_of(key.0).unwrap(), [FieldId(0), FieldId(3)]);
    }
    let entries: Vec<_> = segment.entries().map(|entry| entry.unwrap().key()).collect();
    assert_eq!(entries, columns.iter().map(|(key, _)| *key).collect::<Vec<_>>());
}

#[test]
fn the_blocks_of_a_column_are_found_from_any_column_on() {
    // Some fields have the times of others, some their own; the blocks of a column may be on two pages.
    let long = |field: u32| -> i64 { [5_000, 3, 9_000, 5_000, 2_100][field as usize % 5] };
    let batch = |series: u64, field: u32| {
        let times: Vec<i64> = (0..long(field)).map(|at| at * 10 + i64::from(field / 5)).collect();
        let values = Column::Integer(times.iter().map(|time| time + series as i64).collect());
        Batch { times: times.into(), values }
    };
    let keys = (1..40).flat_map(|series| (0..12).map(move |field| key(series, field)));
    let all: Columns = keys.map(|key| (key, batch(key.0.0, key.1.0))).collect();
    let segment = written(&all).unwrap();
    let entries: Vec<BlockEntry> = segment.entries().map(Result::unwrap).collect();
    for (key, batch) in &all {
        let blocks = blocks(&segment, *key);
        let summaries: Vec<_> = blocks.iter().map(|block| block.summary()).collect();
        let of_key = entries.iter().filter(|entry| entry.key() == *key);
        assert_eq!(summaries, of_key.map(|entry| entry.summary).collect::<Vec<_>>());
        let columns = columns(&segment, *key);
        assert_eq!(columns.iter().map(|column| column.summary().count as usize).sum::<usize>(), batch.times.len());
        let decoded: Vec<_> = columns.iter().map(|column| column.decode().unwrap()).collect();
        let times: Vec<i64> = decoded.iter().flat_map(|batch| batch.times.to_vec()).collect();
        assert_eq!((&times, &columns[0].times().unwrap()), (&*batch.times, &decoded[0].times));
        for column in &columns {
            let (summary, decoded) = (column.summary(), column.decode().unwrap());
            if summary.numbers.is_some() {
                assert_eq!(summary.numbers, super::block::summarize(&decoded.values));
            }
        }
    }
}

#[test]
fn summaries_match_the_values_of_the_block() {
    let numbers = |values: Column| {
        let batch = Batch { times: times(values.len()).into(), values };
        let segment = written(&vec![(key(1, 0), batch)]).unwrap();
        let summary = blocks(&segment, key(1, 0))[0].summary();
        assert_eq!((summary.range.min.0, summary.count), (-500, 9));
        summary.numbers
    };
    let floats = vec![2.0, 1.0, -3.5, 4.0, 0.0, 0.0, 0.0, 0.0, 1.25];
    let float = Some(NumberSummary::Float { min: -3.5, max: 4.0, first: 2.0, last: 1.25 });
    assert_eq!(numbers(Column::Float(floats)), float);
    let integer = |sum| Some(NumberSummary::Integer { min: 1, max: i64::MAX, first: i64::MAX, last: 1, sum });
    assert_eq!(numbers(Column::Integer(vec![i64::MAX, 1, 1, 1, 1, 1, 1, 1, 1])), integer(None));
    let small = Some(NumberSummary::Integer { min: -1, max: 5, first: 5, last: -1, sum: Some(11) });
    assert_eq!(numbers(Column::Integer(vec![5, 1, 1, 1, 1, 1, 1, 1, -1])), small);
    assert_eq!(numbers(Column::Boolean(vec![true; 9])), None);
    assert_eq!(numbers(Column::Float(vec![f64::NAN; 9])), None);
}

#[test]
fn without_values_there_is_no_file() {
    assert!(written(&Vec::new()).is_none());
}

#[test]
fn a_column_with_two_types_is_refused() {
    let disk = MemoryDisk::default();
    let mut writer = SegmentWriter::create(Arc::new(disk), Path::new("/data/x"), HEADER).unwrap();
    let batch = |values| Batch { times: times(1).into(), values };
    writer.add(SeriesId(1), FieldId(0), &Arc::new(batch(Column::Float(vec![1.0])))).unwrap();
    assert!(writer.add(SeriesId(1), FieldId(0), &Arc::new(batch(Column::Integer(vec![1])))).is_err());
}
