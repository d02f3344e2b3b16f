//! When a continuous query runs, and the times that a run covers. Pure arithmetic on nanoseconds.

use fluxstone_go::truncate_time;
use fluxstone_influxql::ast::{Resample, Window, WindowOffset};
use fluxstone_model::{TimeRange, Timestamp};

/// The durations that determine the runs, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    /// The interval of GROUP BY time.
    interval: i128,
    offset: i128,
    /// The time between runs.
    every: i128,
    /// How far back the first window of a run begins.
    reach: i128,
}

/// A run that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DueRun {
    /// The time to record as the last run.
    pub(super) at: i128,
    /// The times to compute, unless no windows are to be computed.
    pub(super) range: Option<TimeRange>,
}

impl Schedule {
    /// The schedule of a query with these windows.
    pub(super) fn new(window: &Window, resample: Resample, now: Timestamp) -> Self {
        let interval = i128::from(window.interval.0);
        let offset = match window.offset {
            None => 0,
            Some(WindowOffset::Duration(offset)) => i128::from(offset.0),
            Some(WindowOffset::Now) => i128::from(now.0),
        };
        let positive = |length: fluxstone_model::Nanos| (length.0 > 0).then_some(i128::from(length.0));
        let every = resample.every.and_then(positive).unwrap_or(interval);
        let reach = resample.for_.and_then(positive).unwrap_or(interval.max(every));
        Schedule { interval, offset, every, reach }
    }

    /// The run that is due at `now`, if any, for a query whose last run was at `last`.
    pub(super) fn due(self, last: Option<i128>, now: Timestamp) -> Option<DueRun> {
        let Schedule { interval, offset, every, reach } = self;
        let now = i128::from(now.0);
        let at = truncate_time(now - offset, every) + offset;
        let next = match last {
            None => now,
            // The clock has been set back. What ran before the step may have been incomplete, so this run is repeated.
            Some(last) if last > now => at,
            Some(last) => last + every,
        };
        if next > now {
            return None;
        }
        // The next run was due at `next`: missed runs since then are made up for.
        let start = truncate_time(next + interval - reach - offset - 1, interval) + offset;
        let end = truncate_time(now + interval - every.min(interval) - offset, interval) + offset;
        let range = (end > start).then(|| TimeRange {
            min: timestamp(start).max(Timestamp::MIN),
            max: timestamp(end - 1).min(Timestamp::MAX),
        });
        Some(DueRun { at, range })
    }

    /// When the run after the one at `last` is due.
    pub(super) fn after(self, last: i128) -> Timestamp {
        timestamp(last + self.every)
    }
}

/// The nearest time that an `i64` can represent.
fn timestamp(time: i128) -> Timestamp {
    Timestamp(time.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluxstone_model::Nanos;

    const MINUTE: i64 = 60 * 1_000_000_000;
    /// 2017-03-01T12:00:00Z, the start of a minute, an hour and half a day.
    const NOON: i64 = 1_488_369_600_000_000_000;

    fn schedule(interval: i64, offset: i64, every: i64, for_: i64) -> Schedule {
        let window = Window { interval: Nanos(interval), offset: Some(WindowOffset::Duration(Nanos(offset))) };
        let given = |length: i64| (length != 0).then_some(Nanos(length));
        Schedule::new(&window, Resample { every: given(every), for_: given(for_) }, Timestamp(NOON))
    }

    /// Runs at each of `minutes` after noon. Returns the minute of each run, and the first and last minute of its range.
    fn runs(schedule: Schedule, minutes: impl IntoIterator<Item = i64>) -> Vec<(i64, i64, i64)> {
        let mut last = None;
        let mut seen = Vec::new();
        for minute in minutes {
            let Some(run) = schedule.due(last, Timestamp(NOON + minute * MINUTE)) else { continue };
            last = Some(run.at);
            if let Some(range) = run.range {
                seen.push((minute, (range.min.0 - NOON) / MINUTE, (range.max.0 + 1 - NOON) / MINUTE));
            }
        }
        seen
    }

    // spec: statements.continuous-query.4, statements.continuous-query.5
    #[test]
    fn without_resample_each_window_is_computed_once_after_it_ends() {
        assert_eq!(runs(schedule(10 * MINUTE, 0, 0, 0), 3..32), [(10, 0, 10), (20, 10, 20), (30, 20, 30)]);
    }

    // spec: statements.continuous-query.4, statements.continuous-query.5
    #[test]
    fn windows_begin_at_the_offset() {
        assert_eq!(runs(schedule(10 * MINUTE, 2 * MINUTE, 0, 0), 3..25), [(12, 2, 12), (22, 12, 22)]);
    }

    // spec: statements.continuous-query.4, statements.continuous-query.5
    #[test]
    fn frequent_runs_compute_a_window_before_it_ends() {
        let seen = runs(schedule(10 * MINUTE, 0, 5 * MINUTE, 0), 3..22);
        assert_eq!(seen, [(5, 0, 10), (10, 0, 10), (15, 10, 20), (20, 10, 20)]);
    }

    // spec: statements.continuous-query.5
    #[test]
    fn infrequent_runs_compute_all_windows_since_the_last_run() {
        let seen = runs(schedule(10 * MINUTE, 0, 30 * MINUTE, 0), 3..62);
        assert_eq!(seen, [(3, -20, 0), (30, 0, 30), (60, 30, 60)]);
    }

    // spec: statements.continuous-query.5
    #[test]
    fn for_extends_the_range_back() {
        let seen = runs(schedule(10 * MINUTE, 0, 0, 30 * MINUTE), 3..22);
        assert_eq!(seen, [(3, -20, 0), (10, -20, 10), (20, -10, 20)]);
    }

    // spec: statements.continuous-query.5
    #[test]
    fn missed_runs_are_made_up_for() {
        assert_eq!(runs(schedule(10 * MINUTE, 0, 0, 0), [3, 45]), [(45, 0, 40)]);
    }

    // spec: statements.continuous-query.9
    #[test]
    fn a_clock_that_steps_forward_and_back_stops_nothing() {
        let year = 365 * 24 * 60;
        let minutes = [3, 10, 10 + 100 * year, 11, 12, 20, 30];
        let seen = runs(schedule(10 * MINUTE, 0, 0, 0), minutes);
        let ahead = 10 + 100 * year;
        assert_eq!(seen, [(10, 0, 10), (ahead, 10, ahead), (11, 0, 10), (20, 10, 20), (30, 20, 30)]);
    }

    // spec: statements.continuous-query.4
    #[test]
    fn schedules_are_aligned_to_the_year_one() {
        let day = 24 * 60 * MINUTE;
        let run = schedule(36_500 * day, 0, 1_000_000_000, 0).due(None, Timestamp(NOON)).unwrap();
        let range = run.range.unwrap();
        // 1999-09-04, which is 20 x 36500 days after 0001-01-01.
        assert_eq!(range.min.0, 936_403_200_000_000_000);
        assert_eq!(range.max, Timestamp::MAX.min(Timestamp(range.min.0 + (36_500 * day - 1))));
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for now in [Timestamp::MIN, Timestamp::MAX] {
            for lengths in [(1, 0), (i64::MAX, i64::MIN), (i64::MAX, i64::MAX)] {
                let schedule = schedule(lengths.0, lengths.1, i64::MAX, i64::MAX);
                let run = schedule.due(Some(i128::from(Timestamp::MIN.0) - i128::from(i64::MAX)), now);
                assert!(run.is_some());
            }
        }
    }
}
