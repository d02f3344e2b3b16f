//! Values written to a segment file are found there again.

use std::path::Path;
use std::sync::Arc;

use fluxstone_columns::{Batch, Column, NumberSummary, SeriesId};
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

/// All blocks of a column.
fn read(segment: &Segment, (series, field): (SeriesId, FieldId)) -> Vec<Batch> {
    segment.blocks_of(series, field).unwrap().iter().map(|entry| segment.decode(entry).unwrap()).collect()
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
fn summaries_match_the_values_of_the_block() {
    let numbers = |values: Column| {
        let batch = Batch { times: times(values.len()).into(), values };
        let segment = written(&vec![(key(1, 0), batch)]).unwrap();
        let summary = segment.blocks_of(SeriesId(1), FieldId(0)).unwrap()[0].summary;
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
