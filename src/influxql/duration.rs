//! Duration literals: from `1h30m` to nanoseconds, and back in the largest unit that divides them.

use std::fmt;

use fluxstone_model::Nanos;

/// The units as normalized text writes them, largest first.
const UNITS: [(&str, Nanos); 7] = [
    ("w", Nanos::WEEK),
    ("d", Nanos::DAY),
    ("h", Nanos::HOUR),
    ("m", Nanos::MINUTE),
    ("s", Nanos::SECOND),
    ("ms", Nanos::MILLISECOND),
    ("u", Nanos::MICROSECOND),
];

/// Why a duration token is not a duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DurationError {
    /// Digits and units do not alternate, or a number exceeds 64 bits.
    Malformed,
    /// The nanoseconds exceed 64 bits. Holds the last part, which the message names.
    Overflow(String),
}

/// Parses an optional minus sign and one or more pairs of digits and unit, which add up.
pub(super) fn parse(text: &str) -> Result<Nanos, DurationError> {
    let unsigned = text.strip_prefix('-');
    let mut rest = unsigned.unwrap_or(text);
    let mut total: i128 = 0;
    let mut last_part = String::new();
    while !rest.is_empty() || last_part.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(digits).ok_or(DurationError::Malformed)?;
        let number: i64 = number.parse().map_err(|_| DurationError::Malformed)?;
        let (unit, length) = unit_at(after).ok_or(DurationError::Malformed)?;
        total = total.saturating_add(i128::from(number) * i128::from(length.0));
        last_part = format!("{number}{unit}");
        rest = after.get(unit.len()..).unwrap_or("");
    }
    let total = if unsigned.is_some() { -total } else { total };
    i64::try_from(total).map(Nanos).map_err(|_| DurationError::Overflow(last_part))
}

/// Parses a duration as a literal writes it, such as `90m` or `1h30m`, with an optional minus sign. Returns `None` for any other text,
/// and beyond 64 bits.
///
/// ```
/// use fluxstone_model::Nanos;
/// assert_eq!(fluxstone_influxql::parse_duration("-1h30m"), Some(Nanos(-5_400_000_000_000)));
/// assert_eq!(fluxstone_influxql::parse_duration("10"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Nanos> {
    parse(text).ok()
}

/// The unit that `text` begins with.
fn unit_at(text: &str) -> Option<(&str, Nanos)> {
    const MICRO_SIGN: (&str, Nanos) = ("µ", Nanos::MICROSECOND);
    let matching = |(unit, _): &(&str, Nanos)| text.starts_with(unit);
    // "ms" must be tried before "m".
    UNITS.into_iter().rev().chain([MICRO_SIGN]).find(matching)
}

/// Displays a duration as a literal, in the largest unit that divides it. A duration that no unit divides, which a literal cannot
/// express, is truncated to microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct DurationLiteral(pub(super) Nanos);

impl fmt::Display for DurationLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DurationLiteral(Nanos(nanos)) = *self;
        let (unit, length) = match nanos {
            0 => ("s", Nanos::SECOND),
            _ => UNITS.into_iter().find(|(_, length)| nanos % length.0 == 0).unwrap_or(("u", Nanos::MICROSECOND)),
        };
        write!(f, "{}{unit}", nanos / length.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: influxql.duration.1
    #[test]
    fn parts_add_up_in_any_order() {
        for (text, nanos) in [
            ("1w2d", 9 * Nanos::DAY.0),
            ("30m1h", 90 * Nanos::MINUTE.0),
            ("5u", 5_000),
            ("5µ", 5_000),
            ("5ms1m", 60_005_000_000),
            ("-1h30m", -90 * Nanos::MINUTE.0),
        ] {
            assert_eq!(parse(text), Ok(Nanos(nanos)), "{text}");
        }
        for text in ["1y", "5ns", "1S", "1", "h", "", "-", "1h5", "99999999999999999999s"] {
            assert_eq!(parse(text), Err(DurationError::Malformed), "{text}");
        }
        assert_eq!(parse("1h200000d"), Err(DurationError::Overflow("200000d".into())));
    }
}
