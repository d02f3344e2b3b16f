//! The ticks of axes: round numbers and round times, computed without loops whose length depends on the data.

use fluxstone_model::Timestamp;

/// About as many ticks are wanted on an axis.
const TICKS: f64 = 6.0;

/// The most ticks of an axis.
const TICKS_MAX: usize = 20;

const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;

/// The steps between ticks of a time axis that are not 1, 2 or 5 times a power of ten of nanoseconds.
const TIME_STEPS: [i128; 27] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    91 * DAY,
    365 * DAY,
    1826 * DAY,
    7305 * DAY,
    36525 * DAY,
];

/// A tick: its place on the axis between 0 and 1, and its text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) text: String,
}

/// The place of `value` between `low` and `high`, from 0 to 1; the middle if they are equal. Halves are compared, since the
/// difference of large numbers has no value.
pub(super) fn place(value: f64, low: f64, high: f64) -> f64 {
    let span = high / 2.0 - low / 2.0;
    if span > 0.0 { ((value / 2.0 - low / 2.0) / span).clamp(0.0, 1.0) } else { 0.5 }
}

/// The place of a time between two others, as [`place`].
pub(super) fn time_place(time: i64, low: i64, high: i64) -> f64 {
    let (time, low, high) = (i128::from(time), i128::from(low), i128::from(high));
    if high > low { ((time - low) as f64 / (high - low) as f64).clamp(0.0, 1.0) } else { 0.5 }
}

/// The ticks of an axis of numbers.
pub(super) fn number_ticks(low: f64, high: f64) -> Vec<Tick> {
    let span = high - low;
    let step = round_step(span / TICKS);
    if !(span.is_finite() && step.is_finite() && step > 0.0) {
        let ends = if low == high { vec![low] } else { vec![low, high] };
        return ends
            .into_iter()
            .map(|value| Tick { at: place(value, low, high), text: number_text(value, 0.0) })
            .collect();
    }
    let first = (low / step).ceil();
    let values = (0..TICKS_MAX).map(|number| (first + number as f64) * step).take_while(|value| *value <= high);
    values.map(|value| Tick { at: place(value, low, high), text: number_text(value, step) }).collect()
}

/// The next number that is 1, 2 or 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= least).unwrap_or(10.0);
    times * power
}

/// A number with as many decimals as the step between ticks needs.
fn number_text(value: f64, step: f64) -> String {
    let largest = value.abs().max(step);
    if largest != 0.0 && !(1e-4..1e9).contains(&largest) {
        return format!("{value:.2e}");
    }
    let decimals = if step > 0.0 { (-step.log10().floor()).clamp(0.0, 9.0) as usize } else { 3 };
    // Not `-0`.
    let value = if value == 0.0 { 0.0 } else { value };
    format!("{value:.decimals$}")
}

/// The ticks of an axis of times.
pub(super) fn time_ticks(low: i64, high: i64) -> Vec<Tick> {
    let span = i128::from(high) - i128::from(low);
    let least = span / TICKS as i128;
    let short = (0..9).flat_map(|power| [1, 2, 5].map(|times| times * 10i128.pow(power)));
    let step = short.chain(TIME_STEPS).find(|step| *step >= least).unwrap_or(36525 * DAY);
    let first = (i128::from(low) + step - 1).div_euclid(step);
    let times = (0..TICKS_MAX as i128).map(|number| (first + number) * step);
    let times = times.map_while(|time| i64::try_from(time).ok()).take_while(|time| *time <= high);
    times.map(|time| Tick { at: time_place(time, low, high), text: time_text(time, step) }).collect()
}

/// The part of a time that tells ticks apart.
fn time_text(time: i64, step: i128) -> String {
    let text = Timestamp(time).to_string();
    let (date, time) = text.trim_end_matches('Z').split_once('T').unwrap_or((&text, ""));
    if step >= DAY { date.to_owned() } else { time.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(ticks: &[Tick]) -> Vec<&str> {
        assert!(ticks.iter().all(|tick| (0.0..=1.0).contains(&tick.at)), "{ticks:?}");
        ticks.iter().map(|tick| tick.text.as_str()).collect()
    }

    #[test]
    fn ticks_of_numbers_are_round() {
        assert_eq!(texts(&number_ticks(0.0, 1.0)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(&number_ticks(-3.5, 20.0)), ["0", "5", "10", "15", "20"]);
        assert_eq!(texts(&number_ticks(7.0, 7.0)), ["7.000"]);
    }

    #[test]
    fn extreme_numbers_have_few_ticks() {
        for (low, high) in [(f64::MIN, f64::MAX), (0.0, f64::MIN_POSITIVE), (5e-324, 1e-323), (1e300, 1.000_000_1e300)]
        {
            let ticks = number_ticks(low, high);
            assert!(ticks.len() <= TICKS_MAX, "{low} {high} {ticks:?}");
            texts(&ticks);
        }
    }

    #[test]
    fn ticks_of_times_are_round() {
        let hours = |hours: i64| hours * 3_600_000_000_000;
        assert_eq!(
            texts(&time_ticks(hours(1), hours(13))),
            ["02:00:00", "04:00:00", "06:00:00", "08:00:00", "10:00:00", "12:00:00"]
        );
        assert_eq!(texts(&time_ticks(0, hours(48))).first(), Some(&"00:00:00"));
        assert_eq!(
            texts(&time_ticks(0, 30)),
            [
                "00:00:00",
                "00:00:00.000000005",
                "00:00:00.00000001",
                "00:00:00.000000015",
                "00:00:00.00000002",
                "00:00:00.000000025",
                "00:00:00.00000003"
            ]
        );
        assert_eq!(texts(&time_ticks(5, 5)), ["00:00:00.000000005"]);
        assert!(texts(&time_ticks(i64::MIN, i64::MAX)).len() <= TICKS_MAX);
    }
}
