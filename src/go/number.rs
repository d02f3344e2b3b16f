//! The text of numbers as Go prints them: integers in full, and floats with the shortest digits that round-trip, in the two
//! notations that answers use. Any `f64` can be written in decimals; JSON takes finite ones only.

/// Appends `value`, which is finite, as JSON answers print it: plain decimals for 0 and from 1e-6 to below 1e21, otherwise
/// an exponent with a sign and without padding.
pub fn write_json(out: &mut Vec<u8>, value: f64) {
    write_finite(out, value, |digits, out| {
        let exponent = digits.exponent;
        if (-6..21).contains(&exponent) { digits.write_decimal(out) } else { digits.write_scientific(out) }
    });
}

/// Appends `value` as CSV answers print it: plain decimals whatever the size, `+Inf`, `-Inf` and `NaN`.
pub fn write_decimal(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        write_finite(out, value, |digits, out| digits.write_decimal(out));
    } else {
        out.extend_from_slice(non_finite(value).as_bytes());
    }
}

/// Appends a finite value. Most are printed by `zmij` just as Go prints them; `write_scaled` writes the digits of the others.
fn write_finite(out: &mut Vec<u8>, value: f64, write_scaled: impl FnOnce(Digits<'_>, &mut Vec<u8>)) {
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let magnitude = value.abs();
    let whole = magnitude as i64;
    if magnitude < 1e15 && whole as f64 == magnitude {
        // Faster than finding the shortest digits.
        write_integer(out, whole);
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(magnitude);
    if (1e-3..1e15).contains(&magnitude) {
        // It has decimals and no exponent.
        out.extend_from_slice(text.as_bytes());
        return;
    }
    match Digits::of_scientific(text) {
        Some(digits) => write_scaled(digits, out),
        None => out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes()),
    }
}

/// The shortest digits of a float above 0: `F.RRR × 10^exponent`.
struct Digits<'t> {
    first: &'t [u8],
    /// Without trailing zeros; may be empty.
    rest: &'t [u8],
    exponent: i32,
}

impl<'t> Digits<'t> {
    /// The digits of a text with an exponent, such as `1.5e-7` or `2e+16`.
    fn of_scientific(text: &'t str) -> Option<Digits<'t>> {
        let (mantissa, exponent) = text.split_once('e')?;
        let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Some(Digits { first: first.as_bytes(), rest: rest.as_bytes(), exponent: exponent.parse().ok()? })
    }

    fn write_decimal(&self, out: &mut Vec<u8>) {
        let distance = self.exponent.unsigned_abs() as usize;
        if self.exponent < 0 {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + distance - 1, b'0');
            out.extend_from_slice(self.first);
            out.extend_from_slice(self.rest);
        } else {
            out.extend_from_slice(self.first);
            let (whole, fraction) = self.rest.split_at(distance.min(self.rest.len()));
            out.extend_from_slice(whole);
            out.resize(out.len() + distance - whole.len(), b'0');
            if !fraction.is_empty() {
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
        }
    }

    fn write_scientific(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.first);
        if !self.rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(self.rest);
        }
        out.extend_from_slice(if self.exponent < 0 { b"e-" } else { b"e+" });
        write_integer(out, self.exponent.unsigned_abs().into());
    }
}

/// The name of a value that is infinite or not a number.
pub fn non_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value < 0.0 {
        "-Inf"
    } else {
        "+Inf"
    }
}

/// Appends `value` in decimal.
pub fn write_integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
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

    /// The expected texts, in JSON and in CSV, from the digits that `ryu` finds. Rust's own formatting does not serve:
    /// halfway between two shortest texts it takes the larger one, where Go takes the even one.
    fn expected(value: f64) -> (String, String) {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let unstripped = format!("{whole}{fraction}");
        let digits = unstripped.trim_start_matches('0');
        let leading_zeros = unstripped.len() - digits.len();
        let digits = digits.trim_end_matches('0');
        // The value is 0.DIGITS × 10^point.
        let point = whole.len() as i32 - leading_zeros as i32 + exponent.parse::<i32>().unwrap();
        let sign = if value < 0.0 { "-" } else { "" };
        let decimal = match usize::try_from(point) {
            Ok(point) if point >= digits.len() => format!("{sign}{digits:0<point$}"),
            Ok(point) if point > 0 => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
            _ => format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
        };
        if (1e-6..1e21).contains(&value.abs()) {
            return (decimal.clone(), decimal);
        }
        let (first, rest) = digits.split_at(1);
        let point_and_rest = if rest.is_empty() { String::new() } else { format!(".{rest}") };
        (format!("{sign}{first}{point_and_rest}e{:+}", point - 1), decimal)
    }

    fn check(value: f64) {
        assert_eq!((json(value), decimal(value)), expected(value), "{value:e}");
    }

    #[test]
    fn powers_of_two_and_of_ten_and_their_neighbours_are_shortest() {
        let two = (0..2047).map(|exponent| f64::from_bits(exponent << 52));
        let ten = (-323..=308).map(|exponent| format!("1e{exponent}").parse().unwrap());
        for value in two.chain(ten).filter(|value: &f64| *value != 0.0) {
            for value in [value.next_down(), value, value.next_up()] {
                check(value);
                check(-value);
            }
        }
        check(f64::MAX);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(20_000))]

        #[test]
        fn floats_have_the_digits_that_ryu_finds(bits in proptest::num::u64::ANY) {
            let value = f64::from_bits(bits);
            proptest::prop_assume!(value.is_finite() && value != 0.0);
            check(value);
        }

        #[test]
        fn short_decimals_have_the_digits_that_ryu_finds(digits in 1..1_000_000_000_i64, scale in 0..25) {
            check(digits as f64 / 10_f64.powi(scale));
            check(digits as f64 * 10_f64.powi(scale));
        }
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
            write_integer(&mut out, value);
            proptest::prop_assert_eq!(String::from_utf8(out), Ok(value.to_string()));
        }
    }
}
