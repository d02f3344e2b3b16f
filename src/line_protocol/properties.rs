//! Properties of all bodies: printed points read back, and no input breaks the parser.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_compat::{LineProtocolSemantics, Profile};
use fluxstone_model::{FieldValue, Scalar, SeriesKey, Timestamp};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_500_000_123_456_789_012);

/// A name that can be written in every position: see [`fluxstone_model::escape`].
fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => any::<u8>(), 3 => prop::sample::select(&b"ab ,=\"#\t"[..])];
    prop::collection::vec(byte.prop_filter("not writable", |b| !matches!(b, b'\\' | b'\n')), 0..6).prop_map(|rest| {
        let mut name = b"n".to_vec();
        name.extend(rest);
        name
    })
}

/// The meaning of a point: nothing is escaped.
#[derive(Debug, Clone, PartialEq)]
struct Meaning {
    measurement: Vec<u8>,
    tags: BTreeMap<Vec<u8>, Vec<u8>>,
    fields: Vec<(Vec<u8>, FieldValue)>,
    time: i64,
}

fn meaning_of_a_point() -> impl Strategy<Value = Meaning> {
    let string = prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"\\\"\n, ="[..])], 0..8);
    let value = prop_oneof![
        prop::num::f64::NORMAL.prop_map(FieldValue::Float),
        any::<i64>().prop_map(FieldValue::Integer),
        string.prop_map(|bytes| FieldValue::String(bytes.into())),
        any::<bool>().prop_map(FieldValue::Boolean),
    ];
    let tags = prop::collection::btree_map(name(), name(), 0..4);
    let fields = prop::collection::vec((name(), value), 1..4);
    (name(), tags, fields, Timestamp::MIN.0..=Timestamp::MAX.0).prop_map(|(measurement, tags, fields, time)| Meaning {
        measurement,
        tags,
        fields,
        time,
    })
}

/// Writes the point as a line, its tags from last to first.
fn print(point: &Meaning, line: &mut Vec<u8>) {
    escape_measurement(&point.measurement, line);
    for (key, value) in point.tags.iter().rev() {
        line.push(b',');
        escape_tag(key, line);
        line.push(b'=');
        escape_tag(value, line);
    }
    for (index, (key, value)) in point.fields.iter().enumerate() {
        line.push(if index == 0 { b' ' } else { b',' });
        escape_field_key(key, line);
        line.push(b'=');
        match value {
            FieldValue::Float(value) => line.extend_from_slice(format!("{value:?}").as_bytes()),
            FieldValue::Integer(value) => line.extend_from_slice(format!("{value}i").as_bytes()),
            FieldValue::Boolean(value) => line.extend_from_slice(value.to_string().as_bytes()),
            FieldValue::String(value) => {
                line.push(b'"');
                escape_string(value, line);
                line.push(b'"');
            }
        }
    }
    line.extend_from_slice(format!(" {}\n", point.time).as_bytes());
}

fn read(parsed: &ParsedBody<'_>, point: &Point<'_>) -> Meaning {
    let key = SeriesKey::parse(point.series);
    let field = |field: Field<'_>| {
        let value = match field.value {
            Scalar::String(raw) => FieldValue::String((&*unescape_string(raw)).into()),
            value => FieldValue::from(value),
        };
        (unescape_field_key(field.key).into_owned(), value)
    };
    Meaning {
        measurement: key.measurement.to_vec(),
        tags: key.tags.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect(),
        fields: parsed.fields_of(point).map(field).collect(),
        time: point.time.0,
    }
}

/// Almost valid bodies: pieces of lines in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "m", ",t=v", " ", ",", "=", "f=1", "g=2i", "\"", "\"s\"", "\\", "\n", "\r", "\0", "\t", "#", "-", "12", "e",
        ".5", "true",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    // spec: lp.point.1, lp.escape.1, lp.escape.2
    #[test]
    fn printed_points_read_back(points in prop::collection::vec(meaning_of_a_point(), 0..5)) {
        let mut body = Vec::new();
        for point in &points {
            print(point, &mut body);
        }
        let parsed = parse(&body, Precision::Nanosecond, NOW);
        prop_assert_eq!(&parsed.errors, &[]);
        let read: Vec<Meaning> = parsed.points.iter().map(|point| read(&parsed, point)).collect();
        prop_assert_eq!(read, points);
    }

    #[test]
    fn the_arrays_of_any_body_are_consistent(body in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), pieces()]) {
        for profile in [Profile::Documented, Profile::Observed] {
            let semantics = LineProtocolSemantics::from(profile);
            let parsed = parse_as(&body, Precision::Second, NOW, semantics);
            let mut next_value = 0;
            for point in &parsed.points {
                prop_assert_eq!(point.first_value as usize, next_value);
                prop_assert!(parsed.fields_of(point).len() > 0);
                prop_assert_eq!(parsed.fields_of(point).len(), parsed.layouts[point.layout as usize].len());
                next_value += parsed.fields_of(point).len();
                let key = SeriesKey::parse(point.series);
                prop_assert_eq!(&SeriesKey::parse(key.raw.as_bytes()), &key);
                prop_assert_eq!(key.raw.len(), point.series.len());
            }
            prop_assert_eq!(next_value, parsed.values.len());
            for point in &parsed.points {
                let at = point.starts_at(&body).expect("a part of the body");
                let alone = parse_as(&body[at..], Precision::Second, NOW, semantics);
                let same = &alone.points[0];
                prop_assert_eq!((same.series, same.time), (point.series, point.time));
                prop_assert!(alone.fields_of(same).eq(parsed.fields_of(point)));
            }
            let starts: Vec<_> = parsed.points.iter().map(|point| point.starts_at(&body)).collect();
            prop_assert!(starts.is_sorted_by(|a, b| a < b));
            let is_escaped = |value: &Scalar<'_>| matches!(value, Scalar::String(text) if text.contains(&b'\\'));
            let escaped = (0..).zip(&parsed.values).filter(|(_, value)| is_escaped(value)).map(|(at, _)| at);
            prop_assert_eq!(&escaped.collect::<Vec<u32>>(), &parsed.escaped);
            for error in &parsed.errors {
                prop_assert!(error.text.starts_with(b"unable to parse '"));
            }
        }
    }

    #[test]
    fn a_line_means_the_same_after_any_other_lines(lines in prop::collection::vec(pieces(), 0..12)) {
        // A backslash at the end makes the newline after it part of the line.
        let is_whole = |line: &&[u8]| !line.contains(&b'\n') && !line.contains(&b'"') && !line.ends_with(b"\\");
        let lines: Vec<&[u8]> = lines.iter().map(|line| &line[..]).filter(is_whole).collect();
        // Each of them twice, so that series and keys repeat.
        let body = [&lines[..], &lines[..]].concat().join(&b"\n"[..]);
        let parsed = parse(&body, Precision::Second, NOW);
        let alone: Vec<ParsedBody<'_>> = lines.iter().map(|line| parse(line, Precision::Second, NOW)).collect();
        let points = || alone.iter().flat_map(|one| one.points.iter().map(move |point| (one, point)));
        prop_assert_eq!(parsed.points.len(), 2 * points().count());
        for (point, (one, expected)) in parsed.points.iter().zip(points().chain(points())) {
            prop_assert_eq!((point.series, point.time), (expected.series, expected.time));
            prop_assert!(parsed.fields_of(point).eq(one.fields_of(expected)));
        }
        for (a, b) in parsed.points.iter().zip(parsed.points.iter().skip(1)) {
            prop_assert_eq!(a.series_number == b.series_number, a.series == b.series);
        }
    }

    // spec: lp.tag.3, lp.body.6
    #[test]
    fn tag_keys_are_checked_line_by_line(lines in prop::collection::vec(prop::collection::vec(0..5u8, 0..5), 0..12)) {
        let line = |keys: &Vec<u8>| keys.iter().fold("m".to_owned(), |line, key| format!("{line},t{key}=v")) + " f=1\n";
        let body: String = lines.iter().map(line).collect();
        let distinct = |keys: &&Vec<u8>| keys.iter().collect::<BTreeSet<_>>().len() == keys.len();
        let parsed = parse(body.as_bytes(), Precision::Nanosecond, NOW);
        prop_assert_eq!(parsed.points.len(), lines.iter().filter(distinct).count());
        prop_assert_eq!(parsed.points.len() + parsed.errors.len(), lines.len());
    }
}
