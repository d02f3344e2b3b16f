//! When a continuous query runs, and which times a run covers. Pure arithmetic on nanoseconds.

use fluxstone_go::truncate_time;
use fluxstone_influxql::ast::{Resample, Window, WindowOffset};
use fluxstone_model::{TimeRange, Timestamp};

/// The lengths that decide about runs, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    /// GROUP BY time.
    interval: i128,
    offset: i128,
    /// Between runs.
    every: i128,
    /// How far back the windows begin that a run computes.
    reach: i128,
}

/// What one look at the clock leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DueRun {
    /// To be remembered as the last run.
    pub(super) at: i128,
    /// The times to be computed, if any windows have ended or are to be computed before that.
    pub(super) range: Option<TimeRange>,
}

impl Schedule {
    /// The schedule of a query that is grouped by `window`.
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

    /// Whether the query is due at `now`, if it ran last at `last`, and then what is to be done.
    pub(super) fn due(self, last: Option<i128>, now: Timestamp) -> Option<DueRun> {
        let Schedule { interval, offset, every, reach } = self;
        let now = i128::from(now.0);
        let next = last.map_or(now, |last| last + every);
        if next > now {
            return None;
        }
        let at = truncate_time(now - offset, every) + offset;
        // The next run was due at `next`; whatever was missed since then is made up for.
        let start = truncate_time(next + interval - reach - offset - 1, interval) + offset;
        let end = truncate_time(now + interval - every.min(interval) - offset, interval) + offset;
        let timestamp = |t: i128| Timestamp(t.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64);
        let range = (end > start).then(|| TimeRange {
            min: timestamp(start).max(Timestamp::MIN),
            max: timestamp(end - 1).min(Timestamp::MAX),
        });
        Some(DueRun { at, range })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluxstone_model::Nanos;

    const MINUTE: i64 = 60 * 1_000_000_000;
    /// 2017-03-01T12:00:00Z, the start of a minute, an hour and a day's half.
    const NOON: i64 = 1_488_369_600_000_000_000;

    fn schedule(interval: i64, offset: i64, every: i64, for_: i64) -> Schedule {
        let window = Window { interval: Nanos(interval), offset: Some(WindowOffset::Duration(Nanos(offset))) };
        let given = |length: i64| (length != 0).then_some(Nanos(length));
        Schedule::new(&window, Resample { every: given(every), for_: given(for_) }, Timestamp(NOON))
    }

    /// Runs at each of `minutes` after noon; gives the first and the last minute of each range.
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
    fn without_resample_each_window_is_computed_once_when_it_has_ended() {
        assert_eq!(runs(schedule(10 * MINUTE, 0, 0, 0), 3..32), [(10, 0, 10), (20, 10, 20), (30, 20, 30)]);
    }

    // spec: statements.continuous-query.4, statements.continuous-query.5
    #[test]
    fn windows_begin_at_the_offset() {
        assert_eq!(runs(schedule(10 * MINUTE, 2 * MINUTE, 0, 0), 3..25), [(12, 2, 12), (22, 12, 22)]);
    }

    // spec: statements.continuous-query.4, statements.continuous-query.5
    #[test]
    fn a_window_is_computed_while_it_lasts_if_runs_are_more_frequent() {
        let seen = runs(schedule(10 * MINUTE, 0, 5 * MINUTE, 0), 3..22);
        assert_eq!(seen, [(5, 0, 10), (10, 0, 10), (15, 10, 20), (20, 10, 20)]);
    }

    // spec: statements.continuous-query.5
    #[test]
    fn less_frequent_runs_compute_all_windows_since_the_one_before() {
        let seen = runs(schedule(10 * MINUTE, 0, 30 * MINUTE, 0), 3..62);
        assert_eq!(seen, [(3, -20, 0), (30, 0, 30), (60, 30, 60)]);
    }

    // spec: statements.continuous-query.5
    #[test]
    fn for_reaches_further_back() {
        let seen = runs(schedule(10 * MINUTE, 0, 0, 30 * MINUTE), 3..22);
        assert_eq!(seen, [(3, -20, 0), (10, -20, 10), (20, -10, 20)]);
    }

    // spec: statements.continuous-query.5
    #[test]
    fn what_was_missed_is_made_up_for() {
        assert_eq!(runs(schedule(10 * MINUTE, 0, 0, 0), [3, 45]), [(45, 0, 40)]);
    }

    // spec: statements.continuous-query.4
    #[test]
    fn schedules_count_from_the_first_year() {
        let day = 24 * 60 * MINUTE;
        let run = schedule(36_500 * day, 0, 1_000_000_000, 0).due(None, Timestamp(NOON)).unwrap();
        let range = run.range.unwrap();
        // 1999-09-04, which is 20 x 36500 days after 0001-01-01.
        assert_eq!(range.min.0, 936_403_200_000_000_000);
        assert_eq!(range.max, Timestamp::MAX.min(Timestamp(range.min.0 + (36_500 * day - 1))));
    }

    #[test]
    fn the_ends_of_time_are_no_trouble() {
        for now in [Timestamp::MIN, Timestamp::MAX] {
            for lengths in [(1, 0), (i64::MAX, i64::MIN), (i64::MAX, i64::MAX)] {
                let schedule = schedule(lengths.0, lengths.1, i64::MAX, i64::MAX);
                let run = schedule.due(Some(i128::from(Timestamp::MIN.0) - i128::from(i64::MAX)), now);
                assert!(run.is_some());
            }
        }
    }
}
