//! Points as line protocol: for subscriptions, and for inputs that collect points of several times.

use fluxstone_columns::PointBatch;
use fluxstone_go::number::{write_integer, write_json};
use fluxstone_line_protocol::Precision;
use fluxstone_model::Scalar;
use fluxstone_model::escape::{escape_field_key, escape_string};

use super::ingest::UnescapedStrings;
use super::{Engine, WriteError};

/// Appends the points of `batch`, a line for each, with times in nanoseconds. Returns where each ends.
pub(super) fn write_points(batch: &PointBatch<'_>, out: &mut Vec<u8>) -> Vec<usize> {
    let mut ends = Vec::with_capacity(batch.rows().len());
    for row in batch.rows() {
        out.extend_from_slice(batch.series_of(row));
        for (at, (key, value)) in batch.keys_of(row).iter().zip(batch.values_of(row)).enumerate() {
            out.push(if at == 0 { b' ' } else { b',' });
            escape_field_key(key, out);
            out.push(b'=');
            write_value(*value, out);
        }
        out.push(b' ');
        write_integer(out, row.time.0);
        out.push(b'\n');
        ends.push(out.len());
    }
    ends
}

fn write_value(value: Scalar<'_>, out: &mut Vec<u8>) {
    match value {
        Scalar::Float(value) => write_json(out, value),
        Scalar::Integer(value) => {
            write_integer(out, value);
            out.push(b'i');
        }
        Scalar::Boolean(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Scalar::String(value) => {
            out.push(b'"');
            escape_string(value, out);
            out.push(b'"');
        }
    }
}

impl Engine {
    /// Parses a datagram or another short body that stands alone. Points without a time get the time of now.
    ///
    /// # Errors
    /// The message about its first bad lines. None of its points may be stored then.
    pub fn lines_of(&self, body: &[u8], precision: Precision) -> Result<ParsedLines, WriteError> {
        let mut parsed = self.parse_lines(body, precision);
        if !parsed.errors.is_empty() {
            return Err(WriteError::of_lines(&parsed.errors, parsed.more_errors));
        }
        let strings = UnescapedStrings::of(&parsed);
        parsed.errors = Vec::new();
        let batch = strings.batch(parsed);
        let mut lines = Vec::new();
        let count = write_points(&batch, &mut lines).len();
        Ok(ParsedLines { lines, count })
    }
}

/// Points as lines that mean the same whenever they are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParsedLines {
    /// Line protocol with times in nanoseconds, a line for each point.
    pub lines: Vec<u8>,
    /// The number of points.
    pub count: usize,
}

#[cfg(test)]
mod tests {
    use fluxstone_compat::LineProtocolSemantics;
    use fluxstone_line_protocol::parse_as;
    use fluxstone_model::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn rewritten(body: &str) -> String {
        let parsed =
            parse_as(body.as_bytes(), Precision::Second, Timestamp(5_000_000_007), LineProtocolSemantics::default());
        assert_eq!(parsed.errors, []);
        let strings = UnescapedStrings::of(&parsed);
        let mut lines = Vec::new();
        write_points(&strings.batch(parsed), &mut lines);
        String::from_utf8(lines).unwrap()
    }

    // spec: subscriptions.body.1
    #[test]
    fn points_become_lines_with_their_times_in_nanoseconds() {
        for (body, lines) in [
            ("m,b=2,a=1 v=1 3", "m,b=2,a=1 v=1 3000000000\n"),
            ("m v=1\n# comment\n\nn v=2 1", "m v=1 5000000000\nn v=2 1000000000\n"),
            ("m i=-9223372036854775808i,b=T,c=f 0", "m i=-9223372036854775808i,b=true,c=false 0\n"),
            ("m f=-1.5e-9,g=1e300,h=100 0", "m f=-1.5e-9,g=1e+300,h=100 0\n"),
            (r#"m s="a \"b\" \\ c, d",k\ 1="" 0"#, "m s=\"a \\\"b\\\" \\\\ c, d\",k\\ 1=\"\" 0\n"),
            ("m\\,x,t\\ 1=a\\=b v=1 0", "m\\,x,t\\ 1=a\\=b v=1 0\n"),
            ("m s=\"a\nb\" 1", "m s=\"a\nb\" 1000000000\n"),
        ] {
            assert_eq!(rewritten(body), lines, "{body}");
        }
    }

    proptest! {
        // spec: subscriptions.body.1
        #[test]
        fn lines_mean_the_same_when_they_are_parsed_again(
            // A backslash before a character that must be escaped cannot be written in a key.
            name in "[a-z, =\"é]{0,6}z",
            string in "[a-z\\\\, =\"\\n]{0,8}",
            float in proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL,
            integer in any::<i64>(),
            time in 0..i64::from(i32::MAX),
        ) {
            let mut body = b"m,t=1 ".to_vec();
            escape_field_key(name.as_bytes(), &mut body);
            body.extend_from_slice(format!("={float:e},i={integer}i,s=\"").as_bytes());
            escape_string(string.as_bytes(), &mut body);
            body.extend_from_slice(format!("\" {time}").as_bytes());
            let parse = |text, precision| {
                let parsed = parse_as(text, precision, Timestamp::EPOCH, LineProtocolSemantics::default());
                prop_assert_eq!(parsed.errors.len(), 0, "{}", text.escape_ascii());
                Ok(parsed)
            };
            let parsed = parse(&body, Precision::Second)?;
            let strings = UnescapedStrings::of(&parsed);
            let batch = strings.batch(parsed);
            let mut lines = Vec::new();
            write_points(&batch, &mut lines);
            let again = parse(&lines, Precision::Nanosecond)?;
            let strings = UnescapedStrings::of(&again);
            prop_assert_eq!(strings.batch(again), batch);
        }
    }
}
