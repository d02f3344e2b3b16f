//! Durations as Go prints and reads them. InfluxQL's own durations (`1w2d`) are left to `model`.

use std::fmt;
use std::time::Duration;

/// Displays a number of nanoseconds as Go prints a `time.Duration`: `1h0m0s`, `219h4m5s`, `1h0m0.000001s`, `500ms`, `0s`.
///
/// ```
/// use fluxstone_go::DurationText;
/// assert_eq!(DurationText(5_400_000_000_000).to_string(), "1h30m0s");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationText(pub i64);

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ns = self.0.unsigned_abs();
        match ns {
            0 => f.write_str("0s"),
            1..=999 => write!(f, "{sign}{ns}ns"),
            1_000..=999_999 => write!(f, "{sign}{}µs", decimal(ns, 1_000)),
            1_000_000..=999_999_999 => write!(f, "{sign}{}ms", decimal(ns, 1_000_000)),
            _ => {
                let minutes = ns / 60_000_000_000;
                let seconds = decimal(ns % 60_000_000_000, 1_000_000_000);
                match (minutes / 60, minutes % 60) {
                    (0, 0) => write!(f, "{sign}{seconds}s"),
                    (0, m) => write!(f, "{sign}{m}m{seconds}s"),
                    (h, m) => write!(f, "{sign}{h}h{m}m{seconds}s"),
                }
            }
        }
    }
}

/// Returns `value / unit` with as many decimals as needed. `unit` is a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// Parses a duration as Go's `time.ParseDuration` does, but without a sign: `10s`, `1h30m`, `1.5s`, `0`. Returns `None` for any
/// other text, and beyond 2^63 nanoseconds.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(fluxstone_go::parse_duration("1h30m"), Some(Duration::from_secs(5400)));
/// assert_eq!(fluxstone_go::parse_duration("10"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total_ns = 0_f64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let unit_len = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let unit_ns = match unit {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        total_ns += number.parse::<f64>().ok()? * unit_ns;
        rest = after;
    }
    let fits = !text.is_empty() && total_ns <= i64::MAX as f64;
    fits.then(|| Duration::from_nanos(total_ns as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_as_in_go() {
        for (text, seconds) in
            [("0", 0.0), ("0s", 0.0), ("10s", 10.0), ("1h0m0s", 3600.0), ("30m", 1800.0), ("1.5s", 1.5)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "10", "s", "-1s", "1 s", "1d", "1.2.3s", "999999999h"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn printed_durations_round_trip(ns in 0..1_000_000_000_000_000_i64) {
            let parsed = parse_duration(&DurationText(ns).to_string());
            proptest::prop_assert_eq!(parsed, Some(Duration::from_nanos(ns as u64)));
        }
    }

    #[test]
    fn durations_are_printed_as_in_go() {
        const HOUR: i64 = 3_600_000_000_000;
        for (ns, text) in [
            (0, "0s"),
            (7 * 24 * HOUR, "168h0m0s"),
            (HOUR + 1_000, "1h0m0.000001s"),
            (2 * HOUR + 500_000_000, "2h0m0.5s"),
            (1_500_000, "1.5ms"),
            (-5, "-5ns"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(DurationText(ns).to_string(), text);
        }
    }
}
