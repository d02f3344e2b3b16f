//! A memtable against a list of points.

use std::collections::BTreeMap;

use fluxstone_columns::{Batch, Block, Column};
use fluxstone_model::{DatabaseId, FieldType, Scalar, ShardId, Text, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::record::{Entries, Entry, RecordBuilder};
use crate::segment::BLOCK_VALUES_MAX;

/// A value as the tests compare it.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Bits(u64),
    Text(Text),
}

/// The values of one field of one series, in the order in which they were written.
type Points = Vec<(i64, Value)>;

#[derive(Debug, Clone)]
enum Step {
    /// A run of rows of one series, with some of the fields.
    Rows {
        series: u64,
        fields: Vec<u32>,
        first: i64,
        count: i64,
    },
    Delete {
        series: u64,
        min: i64,
        max: i64,
    },
    Copy,
}

const SERIES: u64 = 4;
const FIELDS: u32 = 40;

fn type_of(field: u32) -> FieldType {
    FieldType::ALL[field as usize % FieldType::ALL.len()]
}

fn text_of(value: i64) -> String {
    format!("text {value}")
}

/// Inserts rows of one series, with two integer fields.
fn insert_pairs(memtable: &mut Memtable, rows: &[(i64, i64)]) {
    let mut points = RecordBuilder::default().points(DatabaseId(1), ShardId(1));
    for (time, value) in rows {
        points.begin_row(SeriesId(1), Timestamp(*time), 2);
        for field in [FieldId(7), FieldId(3)] {
            points.put_value(field, Scalar::Integer(*value * i64::from(field.0)));
        }
    }
    let record = points.finish(true).unwrap().into_bytes();
    for entry in Entries::new(&record) {
        let Ok(Entry::Points { rows, .. }) = entry else { panic!("{entry:?}") };
        memtable.insert(rows).unwrap();
    }
}

/// The record's points of one run of rows.
fn insert(memtable: &mut Memtable, series: u64, fields: &[u32], times: impl Iterator<Item = i64>) {
    let mut points = RecordBuilder::default().points(DatabaseId(1), ShardId(1));
    for time in times {
        points.begin_row(SeriesId(series), Timestamp(time), fields.len() as u32);
        for field in fields {
            let (value, text) = (time + i64::from(*field), text_of(time));
            let value = match type_of(*field) {
                FieldType::Float => Scalar::Float(value as f64 / 4.0),
                FieldType::Integer => Scalar::Integer(value),
                FieldType::String => Scalar::String(text.as_bytes()),
                FieldType::Boolean => Scalar::Boolean(value % 2 == 0),
            };
            points.put_value(FieldId(*field), value);
        }
    }
    let record = points.finish(true).unwrap().into_bytes();
    for entry in Entries::new(&record) {
        let Ok(Entry::Points { rows, .. }) = entry else { panic!("{entry:?}") };
        memtable.insert(rows).unwrap();
    }
}

fn value_of(field: u32, time: i64) -> Value {
    let value = time + i64::from(field);
    match type_of(field) {
        FieldType::Float => Value::Bits((value as f64 / 4.0).to_bits()),
        FieldType::Integer => Value::Bits(value as u64),
        FieldType::String => Value::Text(Text::from(&*text_of(time))),
        FieldType::Boolean => Value::Bits(u64::from(value % 2 == 0)),
    }
}

fn batch_of(chunk: &MemoryChunk) -> Arc<Batch> {
    let rows = match chunk {
        MemoryChunk::Batch(batch) => return batch.clone(),
        MemoryChunk::Rows(rows) => rows,
        MemoryChunk::Sorted(rows) => {
            let (batch, summary) = (rows.decode().unwrap(), rows.summary());
            assert!(batch.times.is_sorted_by(|a, b| a < b));
            assert_eq!(summary.range.min.0..=summary.range.max.0, batch.times[0]..=*batch.times.last().unwrap());
            assert_eq!((summary.count as usize, summary.field_type), (batch.times.len(), batch.values.field_type()));
            assert!(batch.times.len() <= BLOCK_VALUES_MAX);
            return batch;
        }
    };
    let (batch, summary) = (rows.decode().unwrap(), rows.summary());
    let ends = (batch.times.iter().min().unwrap(), batch.times.iter().max().unwrap());
    assert_eq!((summary.range.min.0, summary.range.max.0), (*ends.0, *ends.1));
    assert_eq!((summary.count as usize, summary.field_type), (batch.times.len(), batch.values.field_type()));
    assert_eq!(rows.is_ordered(), batch.times.is_sorted_by(|a, b| a < b));
    assert_eq!(rows.times().unwrap(), batch.times);
    batch
}

fn points_of(chunks: &[MemoryChunk]) -> Points {
    let values = |batch: &Batch| -> Vec<Value> {
        match &batch.values {
            Column::Float(values) => values.iter().map(|value| Value::Bits(value.to_bits())).collect(),
            Column::Integer(values) => values.iter().map(|value| Value::Bits(*value as u64)).collect(),
            Column::String(values) => values.iter().cloned().map(Value::Text).collect(),
            Column::Boolean(values) => values.iter().map(|value| Value::Bits(u64::from(*value))).collect(),
        }
    };
    chunks
        .iter()
        .map(batch_of)
        .flat_map(|batch| batch.times.iter().copied().zip(values(&batch)).collect::<Vec<_>>())
        .collect()
}

type Model = BTreeMap<(u64, u32), Points>;

fn check(memtable: &Memtable, model: &Model) {
    let columns: Vec<_> = memtable.columns().collect();
    assert_eq!(columns.len(), model.len());
    // As a map: of values with the same time, the last one counts.
    let by_time = |points: Points| -> BTreeMap<i64, Value> { points.into_iter().collect() };
    let all = |id, field| points_of(&chunks(memtable, id, field, TimeRange::ALL));
    for (column, ((series, number), points)) in columns.into_iter().zip(model) {
        let ((id, field), sorted) = (column.key, points_of(&column.chunks()));
        assert_eq!((id, field), (SeriesId(*series), FieldId(*number)));
        assert_eq!(by_time(all(id, field)), by_time(points.clone()));
        check_sorted(&column, &sorted);
        assert_eq!(by_time(sorted), by_time(points.clone()));
    }
    assert_eq!(memtable.values(), model.values().map(|points| points.len() as u64).sum::<u64>());
    assert_eq!(memtable.is_empty(), model.is_empty());
    let some = TimeRange { min: Timestamp(40), max: Timestamp(60) };
    for ((series, field), points) in model {
        let within =
            |points: Points| -> Points { points.into_iter().filter(|(time, _)| (40..=60).contains(time)).collect() };
        let found = points_of(&chunks(memtable, SeriesId(*series), FieldId(*field), some));
        assert_eq!(by_time(within(found)), by_time(within(points.clone())));
    }
    assert!(chunks(memtable, SeriesId(0), FieldId(FIELDS), TimeRange::ALL).is_empty());
}

fn chunks(memtable: &Memtable, series: SeriesId, field: FieldId, range: TimeRange) -> Vec<MemoryChunk> {
    memtable.chunks_of_fields(series, std::iter::once(field), range).pop().unwrap_or_default()
}

/// Values that are passed in the order of time are those of the chunks.
fn check_sorted(column: &MemoryColumn<'_>, points: &Points) {
    let mut batches = Vec::new();
    let is_sorted = column.each_sorted(|batch| {
        batches.push(MemoryChunk::Batch(batch));
        Ok::<(), CodecError>(())
    });
    if is_sorted.unwrap() {
        assert_eq!(&points_of(&batches), points);
        assert!(points.is_sorted_by(|(a, _), (b, _)| a < b));
    } else {
        assert!(batches.is_empty());
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fields = prop_oneof![
        4 => Just(vec![0]),
        4 => Just(vec![0, 1, 2, 3]),
        1 => Just(vec![5, 5]),
        1 => Just((0..FIELDS).rev().collect::<Vec<u32>>()),
        2 => proptest::collection::vec(0..FIELDS, 1..4),
    ];
    let rows = (0..SERIES, fields, 0_i64..100, prop_oneof![9 => 1_i64..4, 1 => 1_i64..1200]);
    let step = prop_oneof![
        12 => rows.prop_map(|(series, fields, first, count)| Step::Rows { series, fields, first, count }),
        1 => (0..SERIES, 0_i64..100, 0_i64..1000).prop_map(|(series, min, len)| Step::Delete { series, min, max: min + len }),
        2 => Just(Step::Copy),
    ];
    proptest::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn it_returns_what_was_written_and_copies_do_not_change(steps in steps()) {
        let (mut memtable, mut model) = (Memtable::default(), Model::new());
        let mut copies = Vec::new();
        for step in steps {
            match step {
                Step::Rows { series, fields, first, count } => {
                    insert(&mut memtable, series, &fields, first..first + count);
                    for time in first..first + count {
                        for field in &fields {
                            model.entry((series, *field)).or_default().push((time, value_of(*field, time)));
                        }
                    }
                }
                Step::Delete { series, min, max } => {
                    memtable.delete(SeriesId(series), TimeRange { min: Timestamp(min), max: Timestamp(max) });
                    for ((_, _), points) in model.iter_mut().filter(|((id, _), _)| *id == series) {
                        points.retain(|(time, _)| !(min..=max).contains(time));
                    }
                    model.retain(|_, points| !points.is_empty());
                }
                Step::Copy => copies.push((memtable.clone(), model.clone())),
            }
        }
        check(&memtable, &model);
        for (memtable, model) in &copies {
            check(memtable, model);
        }
    }
}

proptest! {
    // spec: storage.compaction.1
    #[test]
    fn rows_are_sealed_in_the_order_of_time_and_the_last_of_a_time_counts(
        rows in prop_oneof![
            proptest::collection::vec((0_i64..40, any::<i32>()), 1..60),
            proptest::collection::vec((0_i64..40_000, any::<i32>()), 1..6000),
            (1_i64..6000).prop_map(|count| (0..count).map(|time| (time, time as i32)).collect()),
        ],
        run in 1_usize..100,
    ) {
        // Clients with several connections send runs of rows in any order.
        let mut rows: Vec<(i64, i64)> = rows.into_iter().map(|(time, value)| (time, i64::from(value))).collect();
        let runs: Vec<&mut [(i64, i64)]> = rows.chunks_mut(run).collect();
        for run in runs.into_iter().step_by(2) {
            run.sort_unstable();
        }
        let mut memtable = Memtable::default();
        insert_pairs(&mut memtable, &rows);
        let last: BTreeMap<i64, i64> = rows.into_iter().collect();
        for (column, field) in memtable.columns().zip([3, 7]) {
            prop_assert_eq!(column.key, (SeriesId(1), FieldId(field)));
            let want: Points =
                last.iter().map(|(time, value)| (*time, Value::Bits((value * i64::from(field)) as u64))).collect();
            check_sorted(&column, &want);
            prop_assert_eq!(points_of(&column.chunks()), want);
        }
    }
}

#[test]
fn a_row_that_cannot_be_read_leaves_nothing_behind() {
    let mut memtable = Memtable::default();
    insert(&mut memtable, 1, &[0, 1], 0..3);
    let mut points = RecordBuilder::default().points(DatabaseId(1), ShardId(1));
    points.begin_row(SeriesId(1), Timestamp(9), 2);
    points.put_value(FieldId(0), Scalar::Float(1.0)); // and no other
    let record = points.finish(true).unwrap().into_bytes();
    for entry in Entries::new(&record) {
        let Ok(Entry::Points { rows, .. }) = entry else { panic!("{entry:?}") };
        assert!(memtable.insert(rows).is_err());
    }
    assert_eq!(memtable.values(), 6);
    insert(&mut memtable, 1, &[0, 1], 3..4);
    assert_eq!(points_of(&chunks(&memtable, SeriesId(1), FieldId(1), TimeRange::ALL)).len(), 4);
}

/// The cost of a record is charged before it is logged: rows may never take more.
#[test]
fn memory_stays_within_what_is_charged() {
    for fields in [1, 2, 3, 10, 100] {
        for rows in [1, 2, 9, 100, 5000] {
            let mut memtable = Memtable::default();
            let ids: Vec<u32> = (0..fields).map(|n| n * 4).collect(); // none is a string
            insert(&mut memtable, 1, &ids, 0..rows);
            let second = if fields == 1 && rows > 1 { series_bytes(2) } else { 0 };
            let charged = TABLE_BYTES
                + PAGE_BYTES
                + series_bytes(fields as usize)
                + second
                + VALUE_BYTES * fields as usize * rows as usize;
            assert!(memtable.bytes() <= charged, "{fields} fields, {rows} rows: {} > {charged}", memtable.bytes());
        }
    }
}

#[test]
fn fields_of_the_same_rows_share_their_times() {
    let mut memtable = Memtable::default();
    insert(&mut memtable, 1, &[0, 1], 0..5);
    insert(&mut memtable, 1, &[0, 1, 2], 5..9);
    let chunks = memtable.chunks_of_fields(SeriesId(1), (0..3).map(FieldId), TimeRange::ALL);
    let times = |field: usize| {
        let [MemoryChunk::Rows(block)] = &chunks[field][..] else { panic!("not rows in one piece") };
        (block.times().unwrap(), block.decode().unwrap())
    };
    let (first, second, third) = (times(0), times(1), times(2));
    assert_eq!(*first.0, (0..9).collect::<Vec<i64>>());
    assert!(std::sync::Arc::ptr_eq(&first.0, &second.0) && std::sync::Arc::ptr_eq(&first.0, &second.1.times));
    assert_eq!(*third.0, (5..9).collect::<Vec<i64>>());
}

#[test]
fn fields_of_rows_out_of_order_are_sorted_once() {
    let mut memtable = Memtable::default();
    for rows in [10..15, 0..5, 20..25, 12..18, 30..31] {
        insert(&mut memtable, 1, &[0, 1], rows);
    }
    let chunks = memtable.chunks_of_fields(SeriesId(1), (0..2).map(FieldId), TimeRange::ALL);
    let times = |field: usize| {
        let [MemoryChunk::Sorted(block)] = &chunks[field][..] else { panic!("not sorted in one piece") };
        block.times().unwrap()
    };
    assert_eq!(*times(0), (0..5).chain(10..18).chain(20..25).chain(30..31).collect::<Vec<i64>>());
    assert!(std::sync::Arc::ptr_eq(&times(0), &times(1)));
}
