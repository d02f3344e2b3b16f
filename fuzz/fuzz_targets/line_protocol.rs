//! Arbitrary bodies at arbitrary precisions, under both profiles: parsing ends, never panics, and returns parts of the
//! body. Short bodies are also given to the grammar of the specification, which must agree.
#![no_main]

use arbitrary::Arbitrary;
use fluxstone_compat::{LineProtocolSemantics, Profile};
use fluxstone_line_protocol::{
    ParsedBody, Precision, parse_as, unescape_field_key, unescape_measurement, unescape_string, unescape_tag,
};
use fluxstone_model::{Scalar, SeriesKey, Timestamp};
use fluxstone_grammar::{LINE_PROTOCOL, bytes};
use libfuzzer_sys::fuzz_target;

/// The longest body that is given to the grammar. Its recogniser is polynomial, not fast.
const JUDGED_BYTES_MAX: usize = 200;

/// The reasons that a grammar cannot express. If it derives a body, an invalid float can only be one outside of float64.
const BEYOND_GRAMMAR: [&str; 6] = [
    "': duplicate tags",
    "': max key length exceeded",
    "value out of range",
    "': time outside range",
    "': invalid float",
    "': strconv.ParseInt: parsing",
];

#[derive(Debug, Arbitrary)]
struct Request<'a> {
    precision: u8,
    observed: bool,
    now: i64,
    body: &'a [u8],
}

fuzz_target!(|request: Request<'_>| {
    let precision = [
        Precision::Nanosecond,
        Precision::Microsecond,
        Precision::Millisecond,
        Precision::Second,
        Precision::Minute,
        Precision::Hour,
    ][usize::from(request.precision) % 6];
    let profile = if request.observed { Profile::Observed } else { Profile::Documented };
    let semantics = LineProtocolSemantics::from(profile);
    let body = request.body;
    let parsed = parse_as(body, precision, Timestamp(request.now), semantics);

    let inside = |slice: &[u8]| {
        slice.is_empty()
            || body.as_ptr_range().start <= slice.as_ptr() && slice.as_ptr_range().end <= body.as_ptr_range().end
    };
    let newlines = body.iter().filter(|&&byte| byte == b'\n').count();
    assert!(parsed.points.len() + parsed.errors.len() <= newlines + 1);

    let mut values = 0;
    for point in &parsed.points {
        assert!(inside(point.series) && !point.series.is_empty());
        assert!(point.first_value as usize == values && parsed.fields_of(point).len() > 0);
        values += parsed.fields_of(point).len();
        let key = SeriesKey::parse(point.series);
        assert_eq!(key.raw.len(), point.series.len());
        assert_eq!(SeriesKey::parse(&key.raw), key);
        assert!(!key.measurement.is_empty());
        assert!(key.tags.iter().all(|(key, value)| !key.is_empty() && !value.is_empty()));
        for field in parsed.fields_of(point) {
            assert!(inside(field.key) && !unescape_field_key(field.key).is_empty());
            match field.value {
                Scalar::Float(value) => assert!(value.is_finite()),
                Scalar::String(raw) => assert!(inside(raw) && unescape_string(raw).len() <= raw.len()),
                Scalar::Integer(_) | Scalar::Boolean(_) => {}
            }
        }
    }
    assert_eq!(values, parsed.values.len());
    for error in &parsed.errors {
        assert!(error.text.starts_with(b"unable to parse '"));
    }
    if body.len() <= JUDGED_BYTES_MAX && !request.observed {
        agrees(body, &parsed);
    }
    // These accept any bytes.
    assert!(unescape_measurement(body).len() <= body.len() && unescape_tag(body).len() <= body.len());
    SeriesKey::parse(body);
});

/// Checks that the grammar and the parser agree about the body.
fn agrees(body: &[u8], parsed: &ParsedBody<'_>) {
    let start = LINE_PROTOCOL.rule("body").expect("the grammar has a start");
    if !LINE_PROTOCOL.derives(start, &bytes(body)) {
        assert!(!parsed.errors.is_empty(), "the grammar does not derive the body");
        return;
    }
    for error in &parsed.errors {
        let text = String::from_utf8_lossy(&error.text);
        assert!(BEYOND_GRAMMAR.iter().any(|reason| text.contains(reason)), "the grammar derives the body: {text}");
    }
}
