//! Rounding times as Go does.

/// From 0001-01-01T00:00:00Z, the zero time of Go, to 1970.
const YEAR_ONE_TO_EPOCH_NS: i128 = 62_135_596_800 * 1_000_000_000;

/// Rounds `time`, in nanoseconds since 1970, down to a multiple of `unit` since Go's zero time, as Go's `Time.Truncate` does. A
/// unit below 1 counts as 1.
pub fn truncate_time(time: i128, unit: i128) -> i128 {
    time - (time + YEAR_ONE_TO_EPOCH_NS).rem_euclid(unit.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday_because_the_year_one_did() {
        const WEEK: i128 = 7 * 24 * 3600 * 1_000_000_000;
        // 1970-01-01 was a Thursday.
        assert_eq!(truncate_time(0, WEEK), -3 * WEEK / 7);
        assert_eq!(truncate_time(-1, 0), -1);
    }
}
