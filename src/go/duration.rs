//! Durations as Go prints them.

use std::fmt;

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

/// `value / unit` with as many decimals as it needs. `unit` is a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_in_go() {
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
