//! The server's evaluator against the executable semantics: random points, random queries of a small family, equal answers.

use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone::compat::Compat;
use fluxstone::influxql::ast::{Measurement, Select, Statement};
use fluxstone::influxql::{Parameters, parse};
use fluxstone::line_protocol::{self, Precision};
use fluxstone::model::{DatabaseId, ShardId, TimeRange, Timestamp};
use fluxstone::query::{Context, QueryError, SelectLimits, SeriesRows, Source, Sources, run};
use fluxstone::storage::{Store, StoreOptions};
use fluxstone_spec::points::Points;
use fluxstone_spec::select::{Table, select};
use fluxstone_spec::source::ModelStore;
use fluxstone_spec::write::write;
use proptest::prelude::*;
use proptest::sample::select as one_of;

/// `now()` of all queries; points have times from 0 to 39 microseconds, the shortest unit of InfluxQL.
const NOW: Timestamp = Timestamp(50_000);

/// Lines with up to two tags and four fields, one of each type. Floats are quarters, so that many sums are exact.
fn body() -> impl Strategy<Value = String> {
    let tag = |key: &'static str, values: &'static [&'static str]| {
        one_of(values).prop_map(move |value| if value.is_empty() { String::new() } else { format!(",{key}={value}") })
    };
    let fields = (
        proptest::option::of((-8..8i32).prop_map(|quarters| format!("f={}", f64::from(quarters) / 4.0))),
        proptest::option::of((-3..4i32).prop_map(|i| format!("i={i}i"))),
        proptest::option::of(one_of(&["", "u", "uv"][..]).prop_map(|s| format!("s=\"{s}\""))),
        proptest::option::of(any::<bool>().prop_map(|b| format!("b={b}"))),
    );
    let fields = fields.prop_filter_map("no field", |(f, i, s, b)| {
        let fields: Vec<String> = [f, i, s, b].into_iter().flatten().collect();
        (!fields.is_empty()).then(|| fields.join(","))
    });
    let line = (tag("host", &["", "a", "b", "c"]), tag("dc", &["", "x", "y"]), fields, 0..40i64)
        .prop_map(|(host, dc, fields, time)| format!("m{host}{dc} {fields} {time}\n"));
    proptest::collection::vec(line, 0..40).prop_map(|lines| lines.concat())
}

/// Conditions on tags and fields.
fn condition() -> impl Strategy<Value = String> {
    let comparison = one_of(vec![
        "host = 'a'",
        "host != 'a'",
        "host =~ /^[ab]$/",
        "host !~ /a/",
        "dc = ''",
        "'x' = dc",
        "nope = ''",
        "f > 0.5",
        "f <= -0.25",
        "f != 1",
        "i = 2",
        "i >= 0",
        "i < 1.5",
        "2 > i",
        "f < i",
        "s = 'u'",
        "s != ''",
        "s =~ /u/",
        "s !~ /v/",
        "b = true",
        "b != true",
        "s > 'a'",
        "f = 'u'",
    ])
    .prop_map(str::to_owned);
    comparison.prop_recursive(3, 6, 2, |inner| {
        (inner.clone(), one_of(&["AND", "OR"][..]), inner).prop_map(|(lhs, op, rhs)| format!("({lhs} {op} {rhs})"))
    })
}

/// A lower and an upper bound, each of which may be open or not.
fn range() -> impl Strategy<Value = String> {
    let bound = |ops: &'static [&'static str]| {
        (one_of(ops), -4..84i64).prop_map(|(op, half)| format!("time {op} {}", half * 500))
    };
    (bound(&[">", ">="]), bound(&["<", "<="])).prop_map(|(min, max)| format!("{min} AND {max}"))
}

fn where_clause(range: impl Strategy<Value = Option<String>>) -> impl Strategy<Value = String> {
    (proptest::option::of(condition()), range).prop_map(|parts| match parts {
        (None, None) => String::new(),
        (Some(only), None) | (None, Some(only)) => format!(" WHERE {only}"),
        (Some(condition), Some(range)) => format!(" WHERE {condition} AND {range}"),
    })
}

/// ORDER BY, LIMIT and OFFSET.
fn tail() -> impl Strategy<Value = String> {
    let order = one_of(&["", "", " ORDER BY time DESC"][..]);
    let limit = one_of(&["", "", " LIMIT 3", " LIMIT 2 OFFSET 1", " OFFSET 4"][..]);
    (order, limit).prop_map(|(order, limit)| format!("{order}{limit}"))
}

fn raw_query() -> impl Strategy<Value = String> {
    let name = one_of(&["f", "i", "s", "b", "host", "dc", "nope", "f AS g", "i AS f", "*"][..]);
    let columns = proptest::collection::vec(name, 1..4).prop_map(|names| names.join(", "));
    let group = one_of(&["", " GROUP BY host", " GROUP BY dc, host", " GROUP BY *", " GROUP BY nope"][..]);
    (columns, where_clause(proptest::option::of(range())), group, tail())
        .prop_map(|(columns, condition, group, tail)| format!("SELECT {columns} FROM m{condition}{group}{tail}"))
}

fn calls() -> impl Strategy<Value = String> {
    let call = one_of(vec![
        "count(f)",
        "count(i)",
        "count(s)",
        "count(b)",
        "sum(f)",
        "sum(i)",
        "mean(f)",
        "mean(i)",
        "min(f)",
        "min(i)",
        "max(f)",
        "max(i)",
        "min(b)",
        "max(b)",
        "first(f)",
        "first(i)",
        "first(s)",
        "first(b)",
        "last(f)",
        "last(i)",
        "last(s)",
        "last(b)",
        "count(nope)",
        "mean(f) AS m",
        "count(host)",
    ]);
    proptest::collection::vec(call, 1..4).prop_map(|calls| calls.join(", "))
}

fn aggregate_query() -> impl Strategy<Value = String> {
    let group = one_of(&["", " GROUP BY host", " GROUP BY host, dc", " GROUP BY *"][..]);
    (calls(), where_clause(proptest::option::of(range())), group, tail())
        .prop_map(|(calls, condition, group, tail)| format!("SELECT {calls} FROM m{condition}{group}{tail}"))
}

fn window_query() -> impl Strategy<Value = String> {
    let window = one_of(&["time(7u)", "time(10u)", "time(10u, 3u)", "time(5u, -2u)", "time(0u)"][..]);
    let tags = one_of(&["", ", host", ", *"][..]);
    let fill = one_of(&["", " fill(null)", " fill(none)", " fill(previous)", " fill(7)", " fill(-1.5)"][..]);
    (calls(), where_clause(range().prop_map(Some)), window, tags, fill, tail()).prop_map(
        |(calls, condition, window, tags, fill, tail)| {
            format!("SELECT {calls} FROM m{condition} GROUP BY {window}{tags}{fill}{tail}")
        },
    )
}

/// Lines that a shard may refuse: fields change their types, tags and fields are called `time`.
fn quarrelsome_body() -> impl Strategy<Value = String> {
    let field = one_of(&["f=1.5", "f=2i", "g=3i", "g=\"x\"", "h=true", "time=1", "h=\"a\\\"b\"", "\\g=7i"][..]);
    let fields = proptest::collection::vec(field, 1..4).prop_map(|fields| fields.join(","));
    let tags = one_of(&["", "", ",host=a", ",host=b", ",host=a,dc=x", ",dc=x,host=a", ",ho\\=st=a", ",time=1"][..]);
    let line = (tags, fields, 0..6i64).prop_map(|(tags, fields, time)| format!("m{tags} {fields} {time}\n"));
    proptest::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
}

/// The points of `body` in a shard in which all four fields have had values before, so that conditions on them are never about tags.
fn model_of(body: &str) -> Points {
    let mut points = Points::default();
    for body in ["m f=0,i=0i,s=\"\",b=false 0", body] {
        points.list.clear();
        let parsed = line_protocol::parse(body.as_bytes(), Precision::Microsecond, NOW);
        let outcome = write(&mut points, &parsed, false).expect("only new shards refuse");
        assert_eq!((outcome.stored, outcome.dropped), (parsed.points.len() as u64, 0));
        assert_eq!(parsed.errors, []);
    }
    points
}

fn statement(query: &str) -> Select {
    let parsed = parse(query, &Parameters::default());
    match parsed.map(|query| query.statements).as_deref() {
        Ok([Statement::Select(select)]) => (**select).clone(),
        other => panic!("{query}: {other:?}"),
    }
}

/// What the evaluator answers, with pieces put together.
fn evaluated(select: &Select, sources: &dyn Sources, chunk_rows: usize) -> Result<Vec<Table>, QueryError> {
    let context =
        Context { now: NOW, chunk_rows, limits: SelectLimits::default(), threads: 3, compat: Compat::default() };
    let mut tables: Vec<Table> = Vec::new();
    let mut goes_on = false;
    let mut take = |piece: SeriesRows| {
        let rows = piece.rows().map(<[_]>::to_vec);
        match tables.last_mut() {
            Some(table) if goes_on => table.rows.extend(rows),
            _ => tables.push(Table {
                name: piece.name.clone(),
                tags: piece.tags.to_vec(),
                columns: piece.columns.to_vec(),
                rows: rows.collect(),
            }),
        }
        goes_on = piece.more_rows;
    };
    run(select, sources, &context, &mut |piece| {
        piece.into_iter().for_each(&mut take);
        ControlFlow::Continue(())
    })?;
    Ok(tables)
}

fn check(body: &str, query: &str, block_values_max: usize, chunk_rows: usize) -> Result<(), TestCaseError> {
    let points = model_of(body);
    let statement = statement(query);
    let fail = |problem: &dyn std::fmt::Debug| TestCaseError::fail(format!("{problem:?}: {query}"));
    let meant = select(&points, &statement, NOW).map_err(|problem| fail(&problem))?;
    let store = ModelStore::new(points, block_values_max);
    let answered = evaluated(&statement, &store, chunk_rows).map_err(|problem| fail(&problem))?;
    // The debug form tells zeros apart.
    let show = |tables: &[Table]| tables.iter().map(|table| format!("{table:?}")).collect::<Vec<_>>();
    prop_assert_eq!(show(&answered), show(&meant), "evaluator, then semantics: {}\n{}", query, body);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // spec: select.rows.1, select.rows.2, select.rows.3, select.where.1, select.order.1, select.order.2, select.order.ties.1, select.limit.1
    #[test]
    fn raw_queries_mean_what_the_semantics_say(body in body(), query in raw_query(), block in 1..6usize, chunk in 1..8usize) {
        check(&body, &query, block, chunk)?;
    }

    // spec: functions.empty.1, functions.time.1, functions.time.2, functions.sum.1, functions.mean.1, functions.minmax.1, functions.firstlast.1
    #[test]
    fn aggregates_mean_what_the_semantics_say(body in body(), query in aggregate_query(), block in 1..6usize, chunk in 1..8usize) {
        check(&body, &query, block, chunk)?;
    }

    // spec: functions.time.3, select.group.time.1, select.group.time.2, select.fill.1, select.fill.2
    #[test]
    fn windows_mean_what_the_semantics_say(body in body(), query in window_query(), block in 1..6usize, chunk in 1..8usize) {
        check(&body, &query, block, chunk)?;
    }
}

proptest! {
    // Each case waits for the disk.
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    // spec: write.point.1, write.shard.2, write.shard.3, write.shard.5
    #[test]
    fn storage_takes_refuses_and_keeps_what_the_semantics_say(
        bodies in proptest::collection::vec((quarrelsome_body(), any::<bool>()), 1..5),
    ) {
        let dir = tempfile::tempdir()?;
        let options = StoreOptions::in_directory(dir.path());
        let open = || Store::open(options.clone(), &mut |_| Ok(())).expect("a directory that can be opened");
        let mut store = open();
        let mut points = Points::default();
        for (nth, (body, reopen)) in bodies.iter().enumerate() {
            let parsed = line_protocol::parse(body.as_bytes(), Precision::Microsecond, NOW);
            let all: Vec<u32> = (0..parsed.points.len() as u32).collect();
            let mut transaction = store.begin().expect("a disk that works");
            let taken = transaction.write(DATABASE, SHARD, &parsed, &all);
            transaction.commit().wait().expect("a disk that works");
            let meant = write(&mut points, &parsed, nth == 0);
            let shown = (taken.ok().map(|it| (it.stored, it.dropped)), meant.ok().map(|it| (it.stored, it.dropped)));
            prop_assert_eq!(shown.0, shown.1, "storage, then semantics: {} of {:?}", nth, bodies);
            if *reopen {
                drop(store);
                store = open();
            }
        }
        let everything = statement("SELECT * FROM m GROUP BY *");
        let meant = select(&points, &everything, NOW).expect("what the semantics cover");
        let kept = evaluated(&everything, &Snapshots(&store), 100).expect("a query that runs");
        prop_assert_eq!(kept, meant, "storage, then semantics: {:?}", bodies);
    }
}

const DATABASE: DatabaseId = DatabaseId(1);
const SHARD: ShardId = ShardId(1);

/// Every measurement is in the one shard of a store.
struct Snapshots<'s>(&'s Store);

impl Sources for Snapshots<'_> {
    fn source(&self, _: &Measurement) -> Result<Arc<dyn Source>, QueryError> {
        Ok(self.0.snapshot(DATABASE, &[(SHARD, TimeRange::ALL)]))
    }
}
