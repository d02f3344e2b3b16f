//! GROUP BY time: windows of equal length, aligned to the epoch.

use std::fmt;

use fluxstone_influxql::ast::{Window, WindowOffset};
use fluxstone_model::{TimeRange, Timestamp};

/// Windows of `interval` nanoseconds that start at `offset` and at every multiple of `interval` from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    /// At least 1.
    interval: i64,
    /// Between `-interval` and `interval`, both exclusive.
    offset: i64,
}

impl Windows {
    /// The windows of `time(interval, offset)`. An interval below one nanosecond counts as one nanosecond.
    pub(super) fn new(window: &Window, now: Timestamp) -> Windows {
        let interval = window.interval.0.max(1);
        let offset = match window.offset {
            None => 0,
            Some(WindowOffset::Duration(offset)) => offset.0,
            Some(WindowOffset::Now) => now.0,
        };
        Windows { interval, offset: offset % interval }
    }

    pub(super) fn interval(self) -> i64 {
        self.interval
    }

    /// The start of the window that contains `time`.
    pub(super) fn start(self, time: i64) -> i64 {
        let quick = time.checked_sub(self.offset).and_then(|t| time.checked_sub(t.rem_euclid(self.interval)));
        quick.unwrap_or_else(|| self.start_wide(time))
    }

    /// The same where the computation overflows 64 bits.
    fn start_wide(self, time: i64) -> i64 {
        let from_offset = i128::from(time) - i128::from(self.offset);
        let start = i128::from(time) - from_offset.rem_euclid(i128::from(self.interval));
        start.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// The last time of the window that starts at `start`.
    pub(super) fn last(self, start: i64) -> i64 {
        start.saturating_add(self.interval - 1)
    }

    /// The number of windows that `max-select-buckets` counts for a range, whatever its alignment.
    pub(super) fn count(self, range: TimeRange) -> u64 {
        // The limit is defined with truncation toward zero.
        let trunc = |t: i64| i128::from(t - t % self.interval);
        let span = trunc(range.max.0) + i128::from(self.interval) - trunc(range.min.0);
        // InfluxDB's span of nanoseconds saturates at 64 bits.
        u64::try_from(span.min(i128::from(i64::MAX)) / i128::from(self.interval)).unwrap_or(0)
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "windows of {} from {}",
            fluxstone_go::DurationText(self.interval),
            fluxstone_go::DurationText(self.offset)
        )
    }
}

#[cfg(test)]
mod tests {
    use fluxstone_model::Nanos;

    use super::*;

    fn start(interval: i64, offset: i64, time: i64) -> i64 {
        let offset = Some(WindowOffset::Duration(Nanos(offset)));
        Windows::new(&Window { interval: Nanos(interval), offset }, Timestamp(0)).start(time)
    }

    // spec: select.group.time.1
    #[test]
    fn windows_start_at_the_offset_and_at_every_interval_from_it() {
        assert_eq!(start(10, 0, 19), 10);
        assert_eq!(start(10, 0, -1), -10);
        assert_eq!(start(10, 3, 12), 3);
        assert_eq!(start(10, 13, 13), 13);
        assert_eq!(start(10, -3, 6), -3);
        assert_eq!(start(10, -3, 7), 7);
        assert_eq!(start(10, 0, i64::MIN), i64::MIN);
        assert_eq!(start(10, 9, i64::MIN + 3), i64::MIN);
        assert_eq!(start(10, -9, i64::MAX), i64::MAX - 6);
    }
}
