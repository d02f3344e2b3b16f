//! Parses line protocol from standard input, or a sample if it is a terminal, and prints each point and each error.
//!
//! Run with `cargo run -p fluxstone-line-protocol --example parse < file`.

use std::io::{IsTerminal, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use fluxstone_line_protocol::{Precision, parse, unescape_field_key, unescape_string};
use fluxstone_model::{Scalar, SeriesKey, Timestamp};

const SAMPLE: &[u8] = b"weather,location=us-midwest temperature=82,sunny=t 1465839830100400200
weather,location=us\\ west note=\"say \\\"hi\\\"\",humidity=71i
weather,location= temperature=80";

fn main() -> std::io::Result<()> {
    let mut body = Vec::new();
    if std::io::stdin().is_terminal() {
        body.extend_from_slice(SAMPLE);
    } else {
        std::io::stdin().read_to_end(&mut body)?;
    }
    // Lines without a timestamp get this one.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX));

    let parsed = parse(&body, Precision::Nanosecond, now);
    for point in &parsed.points {
        let series = SeriesKey::parse(point.series);
        println!("{} {}", series.measurement, point.time);
        for (key, value) in series.tags.iter() {
            println!("  tag   {key} = {value}");
        }
        for field in parsed.fields_of(point) {
            let key = String::from_utf8_lossy(&unescape_field_key(field.key)).into_owned();
            match field.value {
                Scalar::Float(value) => println!("  field {key} = {value}"),
                Scalar::Integer(value) => println!("  field {key} = {value}i"),
                Scalar::Boolean(value) => println!("  field {key} = {value}"),
                Scalar::String(raw) => println!("  field {key} = {:?}", String::from_utf8_lossy(&unescape_string(raw))),
            }
        }
    }
    for error in &parsed.errors {
        println!("{}", String::from_utf8_lossy(&error.text));
    }
    Ok(())
}
