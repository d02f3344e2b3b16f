//! Timestamps, lengths of time and time ranges, all in nanoseconds.

use std::fmt;
use std::ops::{Add, Sub};

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds. Any `i64` is allowed, but points can only be
/// stored between [`Timestamp::MIN`] and [`Timestamp::MAX`].
///
/// Displays as RFC 3339 in UTC with as many decimals as needed:
///
/// ```
/// use fluxstone_model::Timestamp;
/// assert_eq!(Timestamp(1_488_327_378_000_000_000).to_string(), "2017-03-01T00:16:18Z");
/// assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The earliest time of a point, 1677-09-21T00:12:43.145224194Z.
    pub const MIN: Timestamp = Timestamp(-9_223_372_036_854_775_806);
    /// The latest time of a point, 2262-04-11T23:47:16.854775806Z.
    pub const MAX: Timestamp = Timestamp(9_223_372_036_854_775_806);
    /// 1970-01-01T00:00:00Z, which InfluxDB also uses where a row has no time of its own.
    pub const EPOCH: Timestamp = Timestamp(0);
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; Timestamp::RFC3339_LEN_MAX];
        f.write_str(self.write_rfc3339(&mut buffer))
    }
}

impl Timestamp {
    /// The length in bytes of the longest text that [`Timestamp::write_rfc3339`] returns.
    pub const RFC3339_LEN_MAX: usize = "1677-09-21T00:12:43.145224194Z".len();

    /// Writes the time in RFC 3339 with 0 to 9 decimals into `buffer` and returns the text.
    pub fn write_rfc3339(self, buffer: &mut [u8; Self::RFC3339_LEN_MAX]) -> &str {
        let (day, nano_of_day) = (self.0.div_euclid(DAY_NS), self.0.rem_euclid(DAY_NS));
        write_date(buffer, day);
        let len = write_time_of_day(buffer, nano_of_day);
        // Only ASCII was written.
        std::str::from_utf8(&buffer[..len]).unwrap_or_default()
    }

    /// Returns the time `span` later, or the last one that an `i64` can represent.
    #[must_use]
    pub fn saturating_add(self, span: Nanos) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }

    /// Returns the time `span` earlier, or the first one that an `i64` can represent.
    #[must_use]
    pub fn saturating_sub(self, span: Nanos) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }
}

/// A length of time in nanoseconds; it may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Nanos(pub i64);

impl Nanos {
    /// One microsecond.
    pub const MICROSECOND: Nanos = Nanos(1_000);
    /// One millisecond.
    pub const MILLISECOND: Nanos = Nanos(1_000_000);
    /// One second.
    pub const SECOND: Nanos = Nanos(1_000_000_000);
    /// One minute.
    pub const MINUTE: Nanos = Nanos(60 * Nanos::SECOND.0);
    /// One hour.
    pub const HOUR: Nanos = Nanos(60 * Nanos::MINUTE.0);
    /// Twenty-four hours.
    pub const DAY: Nanos = Nanos(24 * Nanos::HOUR.0);
    /// Seven days.
    pub const WEEK: Nanos = Nanos(7 * Nanos::DAY.0);
}

impl Add for Nanos {
    type Output = Nanos;
    fn add(self, other: Nanos) -> Nanos {
        Nanos(self.0.wrapping_add(other.0))
    }
}

impl Sub for Nanos {
    type Output = Nanos;
    fn sub(self, other: Nanos) -> Nanos {
        Nanos(self.0.wrapping_sub(other.0))
    }
}

/// The times from `min` to `max`, both included. Empty when `min > max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// The first time.
    pub min: Timestamp,
    /// The last time.
    pub max: Timestamp,
}

impl TimeRange {
    /// All times that a point can have.
    pub const ALL: TimeRange = TimeRange { min: Timestamp::MIN, max: Timestamp::MAX };

    /// Whether the range contains no time.
    pub fn is_empty(self) -> bool {
        self.min > self.max
    }

    /// Whether `time` is in the range.
    pub fn contains(self, time: Timestamp) -> bool {
        self.min <= time && time <= self.max
    }

    /// Whether some time is in both ranges.
    pub fn overlaps(self, other: TimeRange) -> bool {
        !self.intersect(other).is_empty()
    }

    /// Returns the times that are in both ranges.
    #[must_use]
    pub fn intersect(self, other: TimeRange) -> TimeRange {
        TimeRange { min: self.min.max(other.min), max: self.max.min(other.max) }
    }
}

/// Writes times in RFC 3339, as [`Timestamp::write_rfc3339`] does, faster if many of them are of one day: every row of a JSON
/// answer needs it.
#[derive(Debug, Clone)]
pub struct TimeWriter {
    /// The day whose date is in the text, in days since 1970.
    day: i64,
    text: [u8; Timestamp::RFC3339_LEN_MAX],
}

impl TimeWriter {
    /// Makes a writer.
    pub fn new() -> TimeWriter {
        let mut text = [0; Timestamp::RFC3339_LEN_MAX];
        write_date(&mut text, 0);
        TimeWriter { day: 0, text }
    }

    /// Returns the text of `time`, which is ASCII.
    pub fn write(&mut self, time: Timestamp) -> &[u8] {
        let (day, nano_of_day) = (time.0.div_euclid(DAY_NS), time.0.rem_euclid(DAY_NS));
        if day != self.day {
            self.day = day;
            write_date(&mut self.text, day);
        }
        let len = write_time_of_day(&mut self.text, nano_of_day);
        &self.text[..len]
    }
}

impl Default for TimeWriter {
    fn default() -> Self {
        TimeWriter::new()
    }
}

const DAY_NS: i64 = 86_400 * 1_000_000_000;

fn write_two(buffer: &mut [u8; Timestamp::RFC3339_LEN_MAX], at: usize, n: u32) {
    buffer[at] = b'0' + (n / 10) as u8;
    buffer[at + 1] = b'0' + (n % 10) as u8;
}

/// Writes the date of a day since 1970, and the `T` that follows it.
///
/// The calendar arithmetic is Howard Hinnant's `civil_from_days`. It is implemented here, not taken from a library, for speed.
fn write_date(buffer: &mut [u8; Timestamp::RFC3339_LEN_MAX], day: i64) {
    let shifted = day + 719_468; // days since 0000-03-01
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    write_two(buffer, 0, (year / 100) as u32);
    write_two(buffer, 2, (year % 100) as u32);
    buffer[4] = b'-';
    write_two(buffer, 5, month as u32);
    buffer[7] = b'-';
    write_two(buffer, 8, day as u32);
    buffer[10] = b'T';
}

/// Writes what follows the date, and returns the length of the whole text.
fn write_time_of_day(buffer: &mut [u8; Timestamp::RFC3339_LEN_MAX], nano_of_day: i64) -> usize {
    // Both are below 2^32.
    let (second, nano) = ((nano_of_day / 1_000_000_000) as u32, (nano_of_day % 1_000_000_000) as u32);
    write_two(buffer, 11, second / 3600);
    buffer[13] = b':';
    write_two(buffer, 14, second / 60 % 60);
    buffer[16] = b':';
    write_two(buffer, 17, second % 60);
    let mut len = 19;
    if nano != 0 {
        buffer[19] = b'.';
        let mut rest = nano;
        for at in (20..29).rev() {
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        len = 29;
        while buffer[len - 1] == b'0' {
            len -= 1;
        }
    }
    buffer[len] = b'Z';
    len + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_has_as_many_decimals_as_needed() {
        for (ns, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_500_000_000, "1970-01-01T00:00:01.5Z"),
            (Timestamp::MIN.0, "1677-09-21T00:12:43.145224194Z"),
            (Timestamp::MAX.0, "2262-04-11T23:47:16.854775806Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
        ] {
            assert_eq!(Timestamp(ns).to_string(), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn every_storable_time_reads_back(ns in Timestamp::MIN.0..=Timestamp::MAX.0) {
            let read: jiff::Timestamp = Timestamp(ns).to_string().parse().unwrap();
            proptest::prop_assert_eq!(read.as_nanosecond(), i128::from(ns));
        }

        #[test]
        fn a_writer_writes_each_time_as_if_it_were_the_first(
            start in proptest::num::i64::ANY,
            steps in proptest::collection::vec((-3 * DAY_NS..3 * DAY_NS, 0..10_u32), 0..20),
        ) {
            let mut writer = TimeWriter::new();
            let mut time = Timestamp(start);
            for (step, zeros) in steps {
                let text = time.to_string();
                proptest::prop_assert_eq!(writer.write(time), text.as_bytes());
                let unit = 10_i64.pow(zeros);
                time = Timestamp(time.0.saturating_add(step) / unit * unit);
            }
        }
    }
}
