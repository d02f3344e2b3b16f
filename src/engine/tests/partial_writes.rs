//! Writes of which a part is stored: which points are not, and why.

use super::*;

const OTHER_WEEK: i64 = 10 * 86_400_000_000_000;

fn with_lines(lines: &str) -> Bench {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    assert_eq!(bench.write(lines), "");
    bench
}

fn partial_of(bench: &Bench, lines: &str) -> Option<PartialWrite> {
    let request = WriteRequest {
        principal: &Principal::Anyone,
        database: b"d",
        policy: b"",
        precision: Precision::Nanosecond,
        consistency: b"",
        body: lines.as_bytes(),
    };
    bench.engine.write(request).unwrap_err().partial.map(|partial| *partial)
}

/// Writes lines, and returns the points that are not stored with their clauses and texts, and whether shards refused all.
fn not_stored(bench: &Bench, lines: &str) -> (Vec<(usize, &'static str, String)>, bool) {
    let partial = partial_of(bench, lines).expect("a partial write");
    assert!(!partial.has_more);
    let points = partial.not_stored.into_iter().map(|error| (error.index, error.clause.id(), error.text.to_string()));
    (points.collect(), partial.shards_refused)
}

// spec: explorer.write.2
#[test]
fn each_point_has_its_reason_in_the_order_of_the_request() {
    let bench = with_lines(&format!("m f=1,g=1 1\nm f=1i {OTHER_WEEK}"));
    let lines =
        format!("m f=1i,g=t 2\nm f=2 {OTHER_WEEK}\nbad\nm f=2 3\nm,time=a f=1 4\nm time=1 {OTHER_WEEK}\nm f=\"s\" 5");
    let conflict = |new: &str, existing: &str| {
        let text = "field type conflict: input field \"f\" on measurement \"m\" is type";
        format!("{text} {new}, already exists as type {existing}")
    };
    let invalid = |what: &str| format!("invalid {what} \"time\" on measurement \"m\" is invalid");
    let expected = vec![
        (0, "write.shard.2", conflict("integer", "float")),
        (1, "write.shard.2", conflict("float", "integer")),
        (3, "write.shard.3", invalid("tag key: input tag")),
        (4, "write.shard.3", invalid("field name: input field")),
        (5, "write.shard.2", conflict("string", "float")),
    ];
    assert_eq!(not_stored(&bench, &lines), (expected, false));
    let answer = bench.write(&lines);
    assert_eq!(answer, format!("BadRequest partial write: {} dropped=6", conflict("integer", "float")));
}

// spec: explorer.write.2, write.shard.8
#[test]
fn the_reason_of_the_whole_is_that_of_the_first_check() {
    let bench = Bench::with(|options| options.values_per_tag_max = 1);
    bench.done("CREATE DATABASE d");
    assert_eq!(bench.write("m,t=a f=1 1"), "");
    let limit = "max-values-per-tag limit exceeded (1/1): measurement=\"m\" tag=\"t\" value=\"b\"";
    let lines = "m,t=a f=1i 1\nm,t=b f=1 1";
    assert_eq!(bench.write(lines), format!("BadRequest partial write: {limit} dropped=2"));
    let (points, _) = not_stored(&bench, lines);
    assert_eq!((points[0].0, points[0].1), (0, "write.shard.2"));
    assert_eq!(points[1], (1, "write.shard.4", limit.to_owned()));
    // The shard of the first point is written before the others.
    let bench = with_lines(&format!("m f=1 1\nm f=1i {OTHER_WEEK}"));
    let lines = format!("m f=2 1\nm f=2 {OTHER_WEEK}\nm f=t 2");
    let answer = bench.write(&lines);
    assert!(answer.ends_with("is type boolean, already exists as type float dropped=2"), "{answer}");
    let (points, _) = not_stored(&bench, &lines);
    assert!(points[0].0 == 1 && points[0].2.ends_with("is type float, already exists as type integer"), "{points:?}");
    assert_eq!((points.len(), points[1].0), (2, 2));
}

// spec: explorer.write.2, write.conflict.1
#[test]
fn a_single_line_has_the_reason_of_the_whole() {
    let bench = with_lines("m f=1 1");
    let text =
        "field type conflict: input field \"f\" on measurement \"m\" is type int64, already exists as type float";
    assert_eq!(bench.write("m f=1i 2"), format!("BadRequest {text}"));
    assert_eq!(not_stored(&bench, "m f=1i 2"), (vec![(0, "write.conflict.1", text.to_owned())], false));
}

// spec: explorer.write.2, write.shard.5
#[test]
fn shards_that_refuse_all_points_name_the_second_type() {
    let bench = with_lines("m f=1 1");
    let (second, third) = (OTHER_WEEK, 2 * OTHER_WEEK);
    let lines = |n: &str| format!("m g{n}=1 {second}\nm f=2 2\nm g{n}=1i {second}\nm g{n}=t {third}\nm g{n}=1 {third}");
    let reason = |n: &str, new: &str, earlier: &str| {
        let input = format!("input field \"g{n}\" on measurement \"m\"");
        format!("field type conflict: {input} is type {new}, but type {earlier} earlier in the request")
    };
    let expected = vec![
        (2, "write.shard.5", reason("", "integer", "float")),
        (4, "write.shard.5", reason("", "float", "boolean")),
    ];
    assert_eq!(not_stored(&bench, &lines("")), (expected, true));
    assert_eq!(bench.run("SELECT f FROM m"), "0: m{} time,f | 1,1 | 2,2");
    // The other reason is that of the whole.
    let bench = with_lines("m f=1 1");
    let lines = format!("{}\nm f=1i 3", lines("1"));
    let (points, shards_refused) = not_stored(&bench, &lines);
    let clauses: Vec<_> = points.iter().map(|point| (point.0, point.1)).collect();
    assert_eq!(clauses, [(2, "write.shard.5"), (4, "write.shard.5"), (5, "write.shard.2")]);
    assert!(shards_refused);
}

// spec: explorer.write.2, write.order.1
#[test]
fn writes_that_fail_as_a_whole_store_nothing() {
    let bench = with_lines("m f=1 1");
    assert_eq!(partial_of(&bench, "bad"), None);
    assert_eq!(partial_of(&bench, "bad\nm f=1 1"), Some(PartialWrite::default()));
    let bench = Bench::with(|options| options.shards_per_write_max = 1);
    bench.done("CREATE DATABASE d");
    assert_eq!(partial_of(&bench, &format!("m f=1 1\nm f=1 {OTHER_WEEK}")), None);
}

// spec: explorer.write.2
#[test]
fn points_are_found_in_the_body_that_was_written() {
    let bench = with_lines("m f=1 1");
    let body = "# m f=1\n\nm f=\"a\nb\" 2\nbad\n  m f=2 3\nm f=1i 4";
    let parsed = bench.engine.parse_lines(body.as_bytes(), Precision::Nanosecond);
    let partial = partial_of(&bench, body).expect("a partial write");
    let lines: Vec<&str> = partial
        .not_stored
        .iter()
        .map(|error| &body[parsed.points[error.index].starts_at(body.as_bytes()).unwrap()..])
        .collect();
    assert!(lines.len() == 2 && lines[0].starts_with("m f=\"a\n") && lines[1] == "m f=1i 4", "{lines:?}");
}
