//! Tables of lines with what they mean. Each test states the rule.

use super::*;
use crate::compat::Profile;

const NOW: Timestamp = Timestamp(1_500_000_123_456_789_012);
const OBSERVED: Compat = Compat { profile: Profile::Observed, csv_null_cells: crate::compat::CsvNullCells::Repeat };

/// What a body means, one line for each point and error: `series|key=value ...|time` with values in Rust's debug form.
fn meaning(body: &[u8], precision: Precision, compat: Compat) -> String {
    let parsed = parse_as(body, precision, NOW, compat);
    let points = parsed.points.iter().map(|point| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields: Vec<String> = parsed
            .fields_of(point)
            .iter()
            .map(|field| {
                let value = match field.value {
                    Value::Float(value) => format!("{value:?}"),
                    Value::Integer(value) => format!("{value}i"),
                    Value::String(value) => format!("\"{}\"", text(value)),
                    Value::Boolean(value) => value.to_string(),
                };
                format!("{}={value}", text(field.key))
            })
            .collect();
        let time = if point.time == NOW { "now".to_owned() } else { point.time.0.to_string() };
        format!("{}|{}|{time}", text(point.series), fields.join(","))
    });
    let errors = parsed.errors.iter().map(|error| String::from_utf8_lossy(&error.text).into_owned());
    points.chain(errors).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(body: &str, expected: &str) {
    assert_eq!(meaning(body.as_bytes(), Precision::Nanosecond, Compat::default()), expected, "{body:?}");
}

#[track_caller]
fn check_observed(body: &str, expected: &str) {
    assert_eq!(meaning(body.as_bytes(), Precision::Nanosecond, OBSERVED), expected, "{body:?}");
}

/// The line is bad for `reason`, and the message shows it whole.
#[track_caller]
fn check_fault(line: &str, reason: &str) {
    check(line, &format!("unable to parse '{line}': {reason}"));
}

// spec: lp.line.1, lp.point.1
#[test]
fn a_line_is_series_fields_and_an_optional_timestamp() {
    check("mymeas,mytag1=1 value=21 1463689680000000000", "mymeas,mytag1=1|value=21.0|1463689680000000000");
    check("m,b=x,a=y f=1,g=2i,h=t,i=\"s\"", "m,b=x,a=y|f=1.0,g=2i,h=true,i=\"s\"|now");
    check("m f=1 1\nm f=2 2", "m|f=1.0|1\nm|f=2.0|2");
}

#[test]
fn faults_are_worded_as_clients_know_them() {
    check_fault("mymeas,mytag=1 myfield=91 abc123", "bad timestamp");
    check_fault("m", "missing fields");
    check_fault("m,t f=1", "missing tag value");
    check_fault("m f=1x", "invalid number");
}

#[test]
fn bytes_behind_a_string_are_refused_or_cut() {
    check_fault("m f=\"a\"b", "invalid field format");
    check_observed("m f=\"a\"b", "m|f=\"a\"\"|now");
}
