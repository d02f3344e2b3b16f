//! The rules of writing, on a store without an engine.

use fluxstone_columns::{Column, SeriesPredicate, Source};
use fluxstone_line_protocol::{LINE_ERRORS_MAX, Precision, parse};
use fluxstone_model::{DatabaseId, FieldType, ShardId, Text, TimeRange, Timestamp};
use fluxstone_storage::{Store, StoreOptions};

use super::*;

const DATABASE: DatabaseId = DatabaseId(1);
const SHARD: ShardId = ShardId(1);

struct Fixture {
    store: Store,
    limits: WriteLimits,
    _dir: tempfile::TempDir,
}

impl Fixture {
    fn with(limits: WriteLimits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::in_directory(dir.path()), &mut |_| Ok(())).unwrap();
        Fixture { store, limits, _dir: dir }
    }

    fn new() -> Self {
        Fixture::with(WriteLimits::default())
    }

    fn try_write(&self, lines: &str) -> Result<WriteOutcome, IngestError> {
        let body = parse(lines.as_bytes(), Precision::Nanosecond, Timestamp(0));
        assert_eq!(body.errors, [], "{lines}");
        let all: Vec<u32> = (0..body.points.len() as u32).collect();
        let strings = UnescapedStrings::of(&body);
        let mut transaction = self.store.begin().unwrap();
        let outcome = write_shard(transaction.shard(DATABASE, SHARD)?, &strings.batch(body), &all, self.limits);
        transaction.commit().wait().unwrap();
        outcome
    }

    fn write(&self, lines: &str) -> WriteOutcome {
        self.try_write(lines).unwrap()
    }

    fn source(&self) -> std::sync::Arc<dyn Source> {
        self.store.snapshot(DATABASE, &[(SHARD, TimeRange::ALL)])
    }

    fn series(&self) -> Vec<String> {
        let source = self.source();
        let all = |measurement: &Text| source.series(measurement, &SeriesPredicate::All);
        source.measurements().iter().flat_map(all).map(|series| series.key.to_string()).collect()
    }

    fn fields(&self, measurement: &str) -> Vec<String> {
        let fields = self.source().field_types(measurement.as_bytes(), TimeRange::ALL);
        fields.keys().map(ToString::to_string).collect()
    }

    /// The times of all values of a field of the only series of `m`.
    fn times(&self, field: &str) -> Vec<i64> {
        let source = self.source();
        let series = source.series(b"m", &SeriesPredicate::All);
        let blocks = source.blocks(series[0].id, field.as_bytes(), TimeRange::ALL);
        blocks.iter().flat_map(|block| block.times().unwrap().to_vec()).collect()
    }
}

/// Numbers of stored and dropped points, and the first reason.
fn counts(outcome: &WriteOutcome) -> (u64, u64, Option<DropReason>) {
    (outcome.stored, outcome.dropped, outcome.reason.clone())
}

/// The clauses of the first points that were dropped.
fn dropped(points: &DroppedPoints) -> Vec<(u32, &'static str)> {
    points.points().iter().map(|point| (point.index, point.reason.clause().id())).collect()
}

fn conflict(field: &str, new: FieldType, existing: FieldType) -> DropReason {
    DropReason::TypeConflict { measurement: "m".into(), field: field.into(), new, existing }
}

#[test]
fn a_conflict_drops_the_point_and_counts_each_field() {
    let f = Fixture::new();
    f.write("m a=1,b=1i 1");
    let outcome = f.write("m a=1i,b=1 2\nm a=2 3");
    let reason = Some(conflict("a", FieldType::Integer, FieldType::Float));
    assert_eq!(counts(&outcome), (1, 2, reason.clone()));
    let points = outcome.first_dropped.points();
    assert_eq!((points.len(), points[0].index, Some(&points[0].reason)), (1, 0, reason.as_ref()));
    assert_eq!((f.times("a"), f.times("b")), (vec![1, 3], vec![1]));
}

#[test]
fn series_and_fields_before_a_conflict_are_added() {
    let f = Fixture::new();
    f.write("m a=1 1");
    f.write("m,t=x b=1,a=t,c=1 2");
    assert_eq!((f.series(), f.fields("m")), (vec!["m".into(), "m,t=x".into()], vec!["a".into(), "b".into()]));
}

#[test]
fn two_types_of_a_new_field_stop_the_write_to_a_new_shard() {
    let f = Fixture::new();
    let refused = f.try_write("a f=1 1\nb,t=x g=1,h=1 1\nb,t=y g=t,i=1 2\nz,t=z f=1 3");
    let Err(IngestError::TypeConflictInRequest(points)) = refused else { panic!("{refused:?}") };
    let (measurement, field) = ("b".into(), "g".into());
    let (new, existing) = (FieldType::Boolean, FieldType::Float);
    let reason = DropReason::TypeConflictInRequest { measurement, field, new, existing };
    assert_eq!(points.points(), [DroppedPoint { index: 2, reason }]);
    assert_eq!(f.series(), ["a", "b,t=x", "b,t=y", "z,t=z"]);
    assert_eq!((f.fields("b"), f.fields("z")), (vec!["g".into(), "h".into()], Vec::<String>::new()));
    let source = f.source();
    let series = source.series(b"a", &SeriesPredicate::All);
    assert!(source.blocks(series[0].id, b"f", TimeRange::ALL).is_empty());
    // The shard is known now, so the first type wins.
    let outcome = f.write("b,t=x g=1 1\nb,t=y g=t 2");
    assert_eq!((outcome.stored, outcome.dropped), (1, 1));
}

#[test]
fn a_refused_shard_names_its_conflict_and_the_points_that_are_dropped_besides() {
    let f = Fixture::new();
    let refused = f.try_write("m,time=a f=1 1\nm f=1 1\nm f=1i,g=1 2\nm f=t 3\nm time=1 4\nm f=2 5");
    let Err(IngestError::TypeConflictInRequest(points)) = refused else { panic!("{refused:?}") };
    assert_eq!(dropped(&points), [(0, "write.shard.3"), (2, "write.shard.5"), (4, "write.shard.3")]);
}

#[test]
fn the_first_dropped_points_are_listed() {
    let f = Fixture::new();
    f.write("m v=1 1");
    let outcome = f.write(&"m v=1 1\nm v=t,w=1 2\n".repeat(LINE_ERRORS_MAX));
    assert_eq!((outcome.stored, outcome.dropped), (100, 100));
    assert!(!outcome.first_dropped.has_more());
    let outcome = f.write(&"m v=1 1\nm v=t,w=1 2\n".repeat(LINE_ERRORS_MAX + 1));
    assert_eq!((outcome.stored, outcome.dropped), (101, 101));
    let indexes: Vec<u32> = outcome.first_dropped.points().iter().map(|point| point.index).collect();
    assert_eq!(indexes, (0..LINE_ERRORS_MAX as u32).map(|n| 2 * n + 1).collect::<Vec<_>>());
    assert!(outcome.first_dropped.has_more());
}

#[test]
fn time_is_not_a_name_of_a_tag_or_of_an_only_field() {
    let f = Fixture::new();
    let outcome = f.write("m,time=1 v=1 1\nm time=1 1\nm v=2,time=3 1\nm,a=1 time=1,time=2i 1");
    assert_eq!((outcome.stored, outcome.dropped), (1, 3));
    assert_eq!(outcome.reason, Some(DropReason::TimeTag { measurement: "m".into() }));
    assert_eq!((f.series(), f.fields("m")), (vec!["m".into()], vec!["v".into()]));
    let outcome = f.write("m time=1 1");
    assert_eq!(outcome.reason, Some(DropReason::TimeField { measurement: "m".into() }));
}

#[test]
fn new_series_are_stored_up_to_the_limit() {
    let f = Fixture::with(WriteLimits { series_per_database_max: 2, ..WriteLimits::default() });
    let outcome = f.write("m,a=1 v=1 1\nm,a=2,b=1 v=1 1\nm,a=3 v=1 1\nm,a=1 v=2 2\nm,b=1,a=2 v=2 2");
    let reason = Some(DropReason::SeriesLimit { series: 2, max: 2 });
    assert_eq!(counts(&outcome), (4, 1, reason));
}

#[test]
fn tag_values_are_counted_before_the_request() {
    let f = Fixture::with(WriteLimits { values_per_tag_max: 2, ..WriteLimits::default() });
    f.write("m,a=1 v=1 1");
    assert_eq!(f.write("m,a=2 v=1 1\nm,a=3 v=1 1\nm,a=4 v=1 1").dropped, 0);
    let outcome = f.write("m,time=1 v=1 1\nm,a=5 v=1 1\nm,a=4,b=1 v=1 1");
    let (measurement, key, value) = ("m".into(), "a".into(), "5".into());
    let reason = DropReason::TagValueLimit { measurement, key, value, values: 4, max: 2 };
    assert_eq!(counts(&outcome), (1, 2, Some(reason)));
    // The limit is checked first, but points are listed in the order of the request.
    assert_eq!(dropped(&outcome.first_dropped), [(0, "write.shard.3"), (1, "write.shard.4")]);
}

#[test]
fn escapes_are_removed_from_strings_and_field_keys() {
    let f = Fixture::new();
    f.write("m a\\,b=\"say \\\"hi\\\"\",c=\"plain\" 1\nm a\\,b=\"\\\\\",c=\"x\" 2");
    assert_eq!(f.fields("m"), ["a,b", "c"]);
    let source = f.source();
    let series = source.series(b"m", &SeriesPredicate::All);
    let batch = source.blocks(series[0].id, b"a,b", TimeRange::ALL)[0].decode().unwrap();
    assert_eq!(batch.values, Column::String(vec!["say \"hi\"".into(), "\\".into()]));
}

proptest::proptest! {
    /// The memory that is reserved for a write is at least what its values take.
    #[test]
    fn the_cost_of_a_write_covers_its_values(
        lines in proptest::collection::vec((0_u8..9, 0_u8..4, 0_i64..50, 0_u8..40), 1..60),
    ) {
        let f = Fixture::new();
        let text: String = lines.iter().map(|(tag, fields, time, len)| {
            let fields = match fields {
                0 => "a=1i".to_owned(),
                1 => "b=1".to_owned(),
                2 => format!("c=\"{}\"", "x".repeat(usize::from(*len))),
                _ => "a=1i,b=2,d=t".to_owned(),
            };
            format!("m,t={tag} {fields} {time}\n")
        }).collect::<Vec<_>>().concat();
        let body = parse(text.as_bytes(), Precision::Nanosecond, Timestamp(0));
        let all: Vec<u32> = (0..body.points.len() as u32).collect();
        let strings = UnescapedStrings::of(&body);
        let mut transaction = f.store.begin().unwrap();
        write_shard(transaction.shard(DATABASE, SHARD).unwrap(), &strings.batch(body), &all, f.limits).unwrap();
        let cost = transaction.cost();
        transaction.commit().wait().unwrap();
        proptest::prop_assert!(cost >= f.store.memory_bytes(), "{} < {}", cost, f.store.memory_bytes());
    }
}
