//! Text of floats as Go prints them: the shortest digits that read back, in the two notations that answers use.

/// Appends `value` as JSON answers print it: plain decimals for 0 and from 1e-6 to below 1e21, else an exponent with a sign
/// and no padding. Finite values only.
pub fn write_json(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        write_decimal(out, value);
        return;
    }
    let digits = Digits::of(magnitude);
    sign(out, value);
    let (first, rest) = digits.text().split_at(1.min(digits.len));
    out.extend_from_slice(first);
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest);
    }
    let exponent = digits.point - 1;
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    integer(out, i64::from(exponent.abs()));
}

/// Appends `value` as CSV answers print it: plain decimals whatever the size, `+Inf` and `-Inf`.
pub fn write_decimal(out: &mut Vec<u8>, value: f64) {
    if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
        return;
    }
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
        return;
    }
    sign(out, value);
    if value == 0.0 {
        out.push(b'0');
        return;
    }
    let magnitude = value.abs();
    if magnitude < 1e15 && magnitude.fract() == 0.0 {
        integer(out, magnitude as i64);
        return;
    }
    let digits = Digits::of(magnitude);
    let text = digits.text();
    match usize::try_from(digits.point) {
        Ok(0) | Err(_) => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + digits.point.unsigned_abs() as usize, b'0');
            out.extend_from_slice(text);
        }
        Ok(point) if point >= text.len() => {
            out.extend_from_slice(text);
            out.resize(out.len() + point - text.len(), b'0');
        }
        Ok(point) => {
            out.extend_from_slice(&text[..point]);
            out.push(b'.');
            out.extend_from_slice(&text[point..]);
        }
    }
}

/// Appends an integer.
pub fn integer(out: &mut Vec<u8>, value: i64) {
    const DIGITS_MAX: usize = 19;
    let mut buffer = [0_u8; DIGITS_MAX];
    let mut rest = value.unsigned_abs();
    let mut at = DIGITS_MAX;
    while {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        rest > 0
    } {}
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&buffer[at..]);
}

fn sign(out: &mut Vec<u8>, value: f64) {
    if value.is_sign_negative() {
        out.push(b'-');
    }
}

/// The shortest digits of a float, without leading or trailing zeros: `0.d1d2d3... × 10^point`.
struct Digits {
    bytes: [u8; 17],
    len: usize,
    point: i32,
}

impl Digits {
    /// Takes ryu's text (`123.45`, `1e21`, `1.5e-7`) apart. `value` is finite and above 0.
    fn of(value: f64) -> Digits {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value).as_bytes();
        let mut digits = Digits { bytes: [0; 17], len: 0, point: 0 };
        let mut before_point = true;
        let mut exponent = 0;
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                b'.' => before_point = false,
                b'e' => {
                    exponent = std::str::from_utf8(&text[at + 1..]).ok().and_then(|e| e.parse().ok()).unwrap_or(0);
                    break;
                }
                _ => {
                    if digits.len == 0 && byte == b'0' {
                        digits.point -= i32::from(!before_point);
                        continue;
                    }
                    digits.point += i32::from(before_point);
                    // ryu gives at most 17 significant digits; zeros that only place the point are dropped below.
                    if digits.len < digits.bytes.len() {
                        digits.bytes[digits.len] = byte;
                        digits.len += 1;
                    }
                }
            }
        }
        digits.point += exponent;
        while digits.len > 1 && digits.bytes[digits.len - 1] == b'0' {
            digits.len -= 1;
        }
        digits
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: f64) -> String {
        let mut out = Vec::new();
        write_json(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    fn decimal(value: f64) -> String {
        let mut out = Vec::new();
        write_decimal(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    // spec: http.json.6
    #[test]
    fn json_floats_are_shortest_with_an_exponent_only_at_the_extremes() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (33.1, "33.1"),
            (22.75, "22.75"),
            (100.0, "100"),
            (-0.25, "-0.25"),
            (1e-6, "0.000001"),
            (9.99e-7, "9.99e-7"),
            (1e-7, "1e-7"),
            (1.5e-10, "1.5e-10"),
            (123_456_789.125, "123456789.125"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (1.234_567_890_123_456_7e19, "12345678901234567000"),
            (999_999_999_999_999_900_000.0, "999999999999999900000"),
            (1e21, "1e+21"),
            (1.5e21, "1.5e+21"),
            (-1e300, "-1e+300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            assert_eq!(json(value), text);
        }
    }

    // spec: http.csv.5
    #[test]
    fn csv_floats_never_have_an_exponent() {
        assert_eq!(decimal(1e21), "1000000000000000000000");
        assert_eq!(decimal(1e-7), "0.0000001");
        assert_eq!(decimal(-0.0), "-0");
        assert_eq!(decimal(f64::INFINITY), "+Inf");
        assert_eq!(decimal(f64::NEG_INFINITY), "-Inf");
        assert_eq!(decimal(5e-324).len(), 326);
        assert_eq!(decimal(1e300).len(), 301);
    }

    proptest::proptest! {
        #[test]
        fn every_finite_float_reads_back(bits in proptest::num::u64::ANY) {
            let value = f64::from_bits(bits);
            proptest::prop_assume!(value.is_finite());
            proptest::prop_assert_eq!(json(value).parse::<f64>(), Ok(value));
            proptest::prop_assert_eq!(decimal(value).parse::<f64>(), Ok(value));
        }

        #[test]
        fn integers_print_in_full(value in proptest::num::i64::ANY) {
            let mut out = Vec::new();
            integer(&mut out, value);
            proptest::prop_assert_eq!(String::from_utf8(out), Ok(value.to_string()));
        }
    }
}
