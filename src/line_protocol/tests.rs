//! Tables of lines and their meanings. Each test states the rule.

use fluxstone_compat::LineProtocolSemantics;
use fluxstone_model::{Scalar, Timestamp};

use super::*;

const NOW: Timestamp = Timestamp(1_500_000_123_456_789_012);

/// Returns the meaning of a body, one line for each point and error: `series|key=value ...|time` with values in Rust's
/// debug form.
fn meaning(body: &[u8], precision: Precision, semantics: LineProtocolSemantics) -> String {
    let parsed = parse_as(body, precision, NOW, semantics);
    let points = parsed.points.iter().map(|point| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields: Vec<String> = parsed
            .fields_of(point)
            .map(|field| {
                let value = match field.value {
                    Scalar::Float(value) => format!("{value:?}"),
                    Scalar::Integer(value) => format!("{value}i"),
                    Scalar::String(value) => format!("\"{}\"", text(value)),
                    Scalar::Boolean(value) => value.to_string(),
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
    assert_eq!(
        meaning(body.as_bytes(), Precision::Nanosecond, LineProtocolSemantics::DOCUMENTED),
        expected,
        "{body:?}"
    );
}

#[track_caller]
fn check_observed(body: &str, expected: &str) {
    assert_eq!(meaning(body.as_bytes(), Precision::Nanosecond, LineProtocolSemantics::OBSERVED), expected, "{body:?}");
}

/// The line is bad for `reason`, and the message shows it whole.
#[track_caller]
fn check_fault(line: &str, reason: &str) {
    check(line, &format!("unable to parse '{line}': {reason}"));
}

/// Like [`check_fault`], for several lines.
#[track_caller]
fn check_faults(reason: &str, lines: &[&str]) {
    for line in lines {
        check_fault(line, reason);
    }
}

// spec: lp.point.1, lp.body.1
#[test]
fn a_line_is_series_fields_and_an_optional_timestamp() {
    check("mymeas,mytag1=1 value=21 1463689680000000000", "mymeas,mytag1=1|value=21.0|1463689680000000000");
    check("m,b=x,a=y f=1,g=2i,h=t,i=\"s\"", "m,b=x,a=y|f=1.0,g=2i,h=true,i=\"s\"|now");
    check("m f=1 1\nm f=2 2", "m|f=1.0|1\nm|f=2.0|2");
    check("m \t f=1 \0\t 5   ", "m|f=1.0|5");
    check("m f=1  \t", "m|f=1.0|now");
    check("", "");
}

// spec: lp.body.2
#[test]
fn a_newline_in_a_string_or_after_a_backslash_does_not_end_the_line() {
    check("m f=\"two\nlines\" 1\nm f=1 2", "m|f=\"two\nlines\"|1\nm|f=1.0|2");
    check("a\\\nb f=1 1\nm f=1 2", "a\\\nb|f=1.0|1\nm|f=1.0|2");
    check("m,t=a\\\nb f=1 1\nm f=1 2", "m,t=a\\\nb|f=1.0|1\nm|f=1.0|2");
    check_fault("m f=1\\\nm f=2 2", "invalid number");
    // A pair of backslashes escapes nothing, not in names either.
    check("a\\\\\nb", "unable to parse 'a\\\\': missing fields\nunable to parse 'b': missing fields");
    check_fault("m g=\"oops 2\nm f=3 3", "unbalanced quotes");
    check(
        "m g=\"oops 2\nm f=\"x\" 3\nm f=4 4",
        "unable to parse 'm g=\"oops 2\nm f=\"x\" 3\nm f=4 4': unbalanced quotes",
    );
    // Quotes in names and in keys open no string.
    check("m,t=\"a f=1 1\nm\" \"f=1 2", "m,t=\"a|f=1.0|1\nm\"|\"f=1.0|2");
    check("m\\\\ a=\"b f=1 1\nm f=2 2", "m\\\\ a=\"b|f=1.0|1\nm|f=2.0|2");
}

// spec: lp.body.3, lp.body.4
#[test]
fn blank_lines_and_comments_are_ignored() {
    check("\n\n m f=1 1\n\t\0 \n\tm f=2 2\n", "m|f=1.0|1\nm|f=2.0|2");
    check("# head\n  #m f=3 3\nm# f=1 1\nm,t=# #f=\"#\" 2", "m#|f=1.0|1\nm,t=#|#f=\"#\"|2");
    check("# it's \"so\" k=\"v\nm f=1 1\n# C:\\\nm f=2 2", "m|f=1.0|1\nm|f=2.0|2");
}

// spec: compat.write.comments.1
#[test]
fn the_1_2_4_profile_cuts_comments_like_points() {
    check_observed("# it's \"so\"\nm f=1 1\n# k=\"v\nm f=4 4\n# \"\nm f=5 5", "m|f=1.0|1\nm|f=5.0|5");
    check_observed("# C:\\\nm f=1 1\nm f=2 2", "m|f=2.0|2");
}

// spec: lp.body.5
#[test]
fn carriage_returns_are_ordinary_bytes() {
    check_fault("m f=1 1\r", "bad timestamp");
    check_faults("invalid number", &["m f=1\r", "m f=1i\r"]);
    check_fault("m f=t\r", "invalid boolean");
    check_fault("m f=\"x\"\r", "invalid field format");
    check_fault("\r", "missing fields");
    check("# hello\r\nm f=\"a\r\nb\" 1", "m|f=\"a\r\nb\"|1");
}

// spec: lp.body.6, lp.fault.1
#[test]
fn a_bad_line_is_shown_whole_and_affects_no_other() {
    check(
        "m f=1 1\n  bad line   \nm f=2 2\nm,t=v g=1,h=x 3\nm f=4 4\n",
        "m|f=1.0|1\nm|f=2.0|2\nm|f=4.0|4\n\
         unable to parse 'bad line   ': invalid field format\nunable to parse 'm,t=v g=1,h=x 3': invalid boolean",
    );
    // The tag keys of a bad line do not affect the check of the next one.
    let twice = "unable to parse 'm,a=1,a=2 f=1': duplicate tags";
    check("m,a=1,a=2 f=1\nm,a=1,a=2 f=1", &format!("{twice}\n{twice}"));
    check("m,a=1,a=2\nm,a=1,a=2 f=1", &format!("unable to parse 'm,a=1,a=2': missing fields\n{twice}"));
}

// spec: lp.fault.2
#[test]
fn the_first_fault_counts() {
    check_fault("m,=v =x y", "missing tag key");
    check_fault("m,t=v f=x y", "invalid boolean");
    check_fault("m,t=v ,u=w f=1 1", "invalid boolean");
    check_fault("m f=1 1x 2", "bad timestamp");
}

// spec: lp.fault.3
#[test]
fn a_newline_that_is_the_last_byte_of_a_bad_line_is_not_shown() {
    check("m\\\n", "unable to parse 'm\\': missing fields");
    check("m f=\"x\n", "unable to parse 'm f=\"x': unbalanced quotes");
}

// spec: compat.write.final-backslash.1
#[test]
fn a_backslash_that_ends_the_body_escapes_nothing() {
    check("m f=1 1\\", "unable to parse 'm f=1 1\\': bad timestamp");
    check_observed("m f=1 1\\", "unable to parse 'm f=1 1\\\0': bad timestamp");
    check_observed("m\\\\", "unable to parse 'm\\\\': missing fields");
}

// spec: lp.measurement.1
#[test]
fn a_measurement_ends_at_the_first_unescaped_comma_or_space() {
    check("a\\,b\\ c=d\"\te f=1 1", "a\\,b\\ c=d\"\te|f=1.0|1");
    check("a\\\\,t=v f=1 1", "a\\\\,t=v|f=1.0|1");
    check("\\#m f=1 1", "\\#m|f=1.0|1");
    check_faults("missing measurement", &[",t=v f=1 1", ", f=1", ","]);
}

// spec: lp.point.2
#[test]
fn a_series_must_be_followed_by_fields() {
    check_faults("missing fields", &["m", "m,t=v", "\u{feff}m", "m\\ f=1", "m,t=v\\"]);
}

// spec: lp.tag.1, lp.tag.2
#[test]
fn tags_are_keys_and_values() {
    check("m,a\\=b=c\\,d,\\e== f=1 1", "m,a\\=b=c\\,d,\\e==|f=1.0|1");
    check_faults("missing tag key", &["m,=v f=1", "m, f=1 1", "m,,t=v f=1", "m,t=v, f=1", "m,", "m,t=v,"]);
    check_faults(
        "missing tag value",
        &["m,t= f=1", "m,t f=1", "m,t=,u=v f=1", "m,t,u=v f=1", "m,t", "m,t=", "m,t= v f=1"],
    );
    check_faults(
        "invalid tag format",
        &["m,t=a=b f=1 1", "m,t=v= f=1", "m,t=== f=1", "m,t=v\\ f=1 1", "m,t=v\\,u=w f=1"],
    );
}

// spec: lp.tag.3, lp.tag.4
#[test]
fn tag_keys_may_be_in_any_order_but_not_repeat() {
    check_faults("duplicate tags", &["m,a=1,a=2 f=1", "m,b=1,a=2,b=3 f=1", "m,a=1,b=2,a=1 f=1"]);
    check("m,c=1,b=2 f=1 1\nm,b=1,c=1 f=1 2", "m,c=1,b=2|f=1.0|1\nm,b=1,c=1|f=1.0|2");
    check("m,a=1 f=1 1\nm,a=1,b=2 f=1 2\nm,a=1 f=1 3", "m,a=1|f=1.0|1\nm,a=1,b=2|f=1.0|2\nm,a=1|f=1.0|3");
    // 1.2.4 fails at exactly 100, 200, 400 ... tags.
    for count in [100, 200, 400] {
        let line = (0..count).fold("m".to_owned(), |line, n| format!("{line},t{n}=v")) + " f=1";
        assert_eq!(parse(line.as_bytes(), Precision::Nanosecond, NOW).points.len(), 1);
    }
}

// spec: lp.series.2
#[test]
fn a_series_key_has_at_most_65535_bytes() {
    let line = |value_bytes: usize| format!("m,t={} f=1", "v".repeat(value_bytes));
    assert_eq!(parse(line(65_531).as_bytes(), Precision::Nanosecond, NOW).points.len(), 1);
    check_fault(&line(65_532), "max key length exceeded: 65536 > 65535");
}

// spec: lp.field.1, lp.field.4
#[test]
fn field_keys_end_at_an_equals_sign_that_is_not_escaped() {
    check("m a\\,b=1,a\\ b=2,\\==3,a\\\"b=4,\\ =5 1", "m|a\\,b=1.0,a\\ b=2.0,\\==3.0,a\\\"b=4.0,\\ =5.0|1");
    check("m a\"b=1,c\\d=2,e\\\\f=3,g\\=h=4 1", "m|a\"b=1.0,c\\d=2.0,e\\\\f=3.0,g\\=h=4.0|1");
    check("m f=1,f=2i 1", "m|f=1.0,f=2i|1");
}

// spec: lp.field.2
#[test]
fn faults_of_fields() {
    check_faults("missing field key", &["m =1 1", "m f=1,=2 1", "m,t=v =1", "m =\"x\"", "m \t=1"]);
    check_faults("missing field value", &["m f= 1", "m f=", "m f=,g=1", "m f=1,g= 1", "m f=\"a\"="]);
    check_faults("unbalanced quotes", &["m f=\"abc 1", "m f=\"", "m f=1,g=\"x 1", "m f=\"abc\\\" 1"]);
    check_faults(
        "invalid field format",
        &[
            "m ",
            "m,t=v ",
            "m f 1",
            "m f=1,g 1",
            "m f=1, 1",
            "m ,f=1 1",
            "m f=1,,g=2 1",
            "m f=\"a\"=\"b\" 1",
            "m a\\=1 1",
        ],
    );
    // The number of commas fits the number of equals signs, but not their order.
    check_fault("m a,b=\"x\"=1", "invalid field format");
    check_fault("m f=\"a\"=1,,g=2", "invalid field format");
}

// spec: lp.field.3
#[test]
fn a_field_key_must_not_end_with_a_backslash() {
    check_faults("invalid field format", &["m a\\\\=1 1", "m b=1,a\\\\=1,c=2 1"]);
}

// spec: lp.number.1, lp.float.1
#[test]
fn numbers_have_these_forms() {
    #[track_caller]
    fn check_value(text: &str, expected: Scalar<'_>) {
        let line = format!("m f={text}");
        let parsed = parse(line.as_bytes(), Precision::Nanosecond, NOW);
        // Debug form, since 0.0 == -0.0.
        let value = parsed.values.first().map(|value| format!("{value:?}"));
        assert_eq!(value, Some(format!("{expected:?}")), "{text}");
    }
    for (text, float) in [
        ("1", 1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("-3.", -3.0),
        ("007", 7.0),
        ("00.50", 0.5),
        ("1e3", 1e3),
        ("1E+3", 1e3),
        ("1.e2", 100.0),
        (".5e1", 5.0),
        ("0e9", 0.0),
        ("1e03", 1000.0),
        ("5e-324", 5e-324),
        ("1.7976931348623157e308", f64::MAX),
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("3.141592653589793238462643383279", std::f64::consts::PI),
    ] {
        check_value(text, Scalar::Float(float));
    }
    for zero in ["-0", "-0.0", "-1e-400"] {
        check_value(zero, Scalar::Float(-0.0));
    }
    for (text, integer) in [
        ("-0i", 0),
        ("007i", 7),
        ("00000000000000000000000000000012i", 12),
        ("9223372036854775807i", i64::MAX),
        ("-9223372036854775808i", i64::MIN),
    ] {
        check_value(text, Scalar::Integer(integer));
    }
}

// spec: lp.number.2
#[test]
fn faults_of_numbers() {
    let check_value = |text: &str, reason: &str| check_fault(&format!("m f={text} 1"), reason);
    for text in [
        ".",
        "-.",
        "-",
        "1.1.1",
        "1..2",
        "--1",
        "1-1",
        "1+1",
        "-+1",
        "1e-+5",
        "0x1F",
        "1_000",
        "1f",
        "1u",
        "1I",
        "nan",
        "NaN",
        "-Inf",
        "null",
        "None",
        "-i",
        "1ii",
        "1i2",
        "1.0i",
        "1.i",
        "1e3i",
        ".i",
        "99999999999999999999x9i",
    ] {
        check_value(text, "invalid number");
    }
    let huge = "9".repeat(400);
    for text in ["1e", "1e+", "1ee5", "1e5.5", "1e5e5", ".e5", "-e5", "1e309", "-1e309", &huge] {
        check_value(text, "invalid float");
    }
    for text in ["9223372036854775808", "-9223372036854775809", "1111111111111111111111111111111111111111"] {
        let reason =
            format!("unable to parse integer {text}: strconv.ParseInt: parsing \"{text}\": value out of range");
        check_value(&format!("{text}i"), &reason);
    }
    check_fault("m f=1,000 1", "invalid field format");
}

// spec: lp.boolean.1
#[test]
fn booleans_are_ten_words() {
    check("m a=t,b=T,c=true,d=True,e=TRUE 1", "m|a=true,b=true,c=true,d=true,e=true|1");
    check("m a=f,b=F,c=false,d=False,e=FALSE 1", "m|a=false,b=false,c=false,d=false,e=false|1");
    for text in ["tRUE", "tr", "truee", "fALSE", "tt", "yes", "+1", "e5", "i", "Inf", "'a'", "é"] {
        check_fault(&format!("m f={text} 1"), "invalid boolean");
    }
}

// spec: lp.string.1
#[test]
fn strings_contain_everything_up_to_the_closing_quote() {
    check("m f=\"\",g=\"a, b = c # d\" 1", "m|f=\"\",g=\"a, b = c # d\"|1");
    check("m f=\"say \\\"hi\\\"\",g=\"\\\\\",h=\"C:\\dir\" 1", "m|f=\"say \\\"hi\\\"\",g=\"\\\\\",h=\"C:\\dir\"|1");
}

// spec: lp.string.2
#[test]
fn bytes_after_a_string_belong_to_it() {
    for check in [check, check_observed] {
        check("m f=\"a\"b,g=1 1", "m|f=\"a\"\",g=1.0|1");
        check("m f=\"c\"\"d\" 1", "m|f=\"c\"\"d\"|1");
        check("m f=\"g\"\" 4\" 5", "m|f=\"g\"\" 4\"|5");
        check("m f=\"b \"q\"\" 1", "m|f=\"b \"q\"\"|1");
        check("m f=\"a\rb\"c 1", "m|f=\"a\rb\"\"|1");
        // A backslash with nothing to escape is the last byte.
        check("m f=\"b\"a\\", "m|f=\"b\"a\"|now");
        check("m f=\"b\"\\\\\\", "m|f=\"b\"\\\\\"|now");
    }
}

// spec: lp.string.3
#[test]
fn no_escaped_comma_may_follow_a_string() {
    let lines = ["m f=\"q\"\\,-5 1", "m f=\"q\"\\,", "m f=\"q\"\\,x,g=3 1", "m f=\"q\"x\\,y\\,z 1"];
    check_faults("invalid field format", &lines);
    for line in lines {
        check_observed(line, &format!("unable to parse '{line}': invalid field format"));
    }
    check("m f=\"q\"\\\\,g=5 1", "m|f=\"q\"\\\",g=5.0|1");
}

// spec: compat.write.string-tail.1
#[test]
fn a_carriage_return_after_a_string_is_refused_by_default() {
    check_faults("invalid field format", &["m f=\"a\"\r", "m f=\"a\"b\rc 1", "m f=\"a\"\r\"b\" 1"]);
    check_observed("m f=\"x\"\r", "m|f=\"x\"\"|now");
}

// spec: lp.time.1, lp.time.2
#[test]
fn timestamps_are_integers() {
    check("m f=1 -12\nm f=1 -0\nm f=1 007 ", "m|f=1.0|-12\nm|f=1.0|0\nm|f=1.0|7");
    check_faults(
        "bad timestamp",
        &["m f=1 x", "m f=1 1.0", "m f=1 +1", "m f=1 --1", "m f=1 1-", "m f=1 1\t", "m f=1 g=2 1"],
    );
    check_fault("m f=1 -", "strconv.ParseInt: parsing \"-\": invalid syntax");
    let digits = "999999999999999999999999999999";
    check_fault(&format!("m f=1 {digits}"), &format!("strconv.ParseInt: parsing \"{digits}\": value out of range"));
    check_fault("m f=1 99999999999999999999x", "bad timestamp");
    check_faults("point is invalid", &["m f=1 1 2", "m f=1 1  g=2", "m f=1 1 \t"]);
}

// spec: lp.time.3
#[test]
fn times_must_be_in_the_range_that_can_be_stored() {
    let outside = "time outside range -9223372036854775806 - 9223372036854775806";
    check("m f=1 9223372036854775806", "m|f=1.0|9223372036854775806");
    check("m f=1 -9223372036854775806", "m|f=1.0|-9223372036854775806");
    check_faults(outside, &["m f=1 9223372036854775807", "m f=1 -9223372036854775807", "m f=1 -9223372036854775808 x"]);
    let hours = |n: i64| meaning(format!("m f=1 {n}").as_bytes(), Precision::Hour, LineProtocolSemantics::DOCUMENTED);
    assert_eq!(hours(2_562_047), "m|f=1.0|9223369200000000000");
    assert_eq!(hours(2_562_048), format!("unable to parse 'm f=1 2562048': {outside}"));
}

// spec: write.time.1
#[test]
fn a_line_without_timestamp_gets_the_servers_time_truncated_to_the_precision() {
    let default_time = |precision, now| {
        let points = parse(b"m f=1\nm f=2", precision, now).points;
        assert_eq!(points[0].time, points[1].time);
        points[0].time.0
    };
    assert_eq!(default_time(Precision::Nanosecond, NOW), 1_500_000_123_456_789_012);
    assert_eq!(default_time(Precision::Microsecond, NOW), 1_500_000_123_456_789_000);
    assert_eq!(default_time(Precision::Millisecond, NOW), 1_500_000_123_456_000_000);
    assert_eq!(default_time(Precision::Second, NOW), 1_500_000_123_000_000_000);
    assert_eq!(default_time(Precision::Minute, NOW), 1_500_000_120_000_000_000);
    assert_eq!(default_time(Precision::Hour, NOW), 1_499_997_600_000_000_000);
    assert_eq!(default_time(Precision::Second, Timestamp(-1)), -1_000_000_000);
    assert_eq!(default_time(Precision::Hour, Timestamp(i64::MIN)), i64::MIN);
}

// spec: lp.escape.2
#[test]
fn names_and_strings_are_bytes() {
    let parsed = parse(b"m\xff,\xfe=\x01 \xfd=\"\xc3\x28\0\",\"g\"=1", Precision::Nanosecond, NOW);
    assert_eq!(parsed.points[0].series, b"m\xff,\xfe=\x01");
    let fields: Vec<Field<'_>> = parsed.fields_of(&parsed.points[0]).collect();
    assert_eq!(fields[0], Field { key: b"\xfd", value: Scalar::String(b"\xc3\x28\0") });
    assert_eq!(fields[1].key, b"\"g\"");
    let parsed = parse(b"bad\xff", Precision::Nanosecond, NOW);
    assert_eq!(parsed.errors[0].text, b"unable to parse 'bad\xff': missing fields");
}

// spec: write.errors.1
#[test]
fn only_the_first_bad_lines_are_reported() {
    let body = "bad\n".repeat(LINE_ERRORS_MAX + 7) + "m v=1\nbad";
    let parsed = parse(body.as_bytes(), Precision::Nanosecond, Timestamp::EPOCH);
    assert_eq!((parsed.errors.len(), parsed.more_errors, parsed.points.len()), (LINE_ERRORS_MAX, 8, 1));

    let long = "x".repeat(LINE_ERROR_BYTES_MAX - 100);
    let parsed_texts = |body: &str| {
        let parsed = parse(body.as_bytes(), Precision::Nanosecond, Timestamp::EPOCH);
        (parsed.errors.iter().map(|error| error.text.len()).collect::<Vec<_>>(), parsed.more_errors)
    };
    let around = "unable to parse '': missing fields".len();
    assert_eq!(parsed_texts(&format!("{long}\n{long}\n{long}")), (vec![long.len() + around, 100 - around], 1));
    let longer = "x".repeat(LINE_ERROR_BYTES_MAX * 3);
    assert_eq!(parsed_texts(&longer), (vec![LINE_ERROR_BYTES_MAX], 0));
}

// spec: http.limits.3
#[test]
fn parsing_takes_no_more_than_announced() {
    let long = "m,a=b,c=d e=1,f=2,g=\"====\",h=3 1000000000\n";
    for lines in [1, 1000, 30_000] {
        for line in ["m v=1\n", long, "bad\n", "\n"] {
            let body = line.repeat(lines);
            let parsed = parse(body.as_bytes(), Precision::Nanosecond, Timestamp::EPOCH);
            let points = parsed.points.capacity() * size_of::<Point<'_>>();
            let arrays = points + parsed.values.capacity() * size_of::<Scalar<'_>>();
            let max = parsed_bytes_max(body.as_bytes());
            assert!(arrays <= max, "{lines} times {line:?}: {arrays} > {max}");
        }
    }
}

#[test]
fn points_with_equal_field_keys_share_a_layout() {
    let parsed =
        parse(b"a f=1,g=2 1\nb f=3,g=4 1\nc f=5 1\na f=6,g=7 2\nc f=8 2\nc h=x 3\nc f=9 3", Precision::Second, NOW);
    let layouts: Vec<u32> = parsed.points.iter().map(|point| point.layout).collect();
    assert_eq!(layouts, [0, 0, 1, 0, 1, 1]);
    assert_eq!((parsed.keys, parsed.layouts), (vec![&b"f"[..], b"g"], vec![0..2, 0..1]));
}
