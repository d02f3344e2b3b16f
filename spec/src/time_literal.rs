//! Time literals: dates, with a clock or without, as strings.

use fluxstone_model::Timestamp;

use crate::answer::Refused;

const SECOND: i128 = 1_000_000_000;

/// Whether a string begins like a date: `dddd-dd-dd`. Such a string must be a time literal.
///
/// Transcribes `select.time.literal.2`.
pub fn begins_like_date(text: &str) -> bool {
    text.len() >= 10 && text.bytes().zip(b"dddd-dd-dd").all(|(byte, form)| matches(byte, *form))
}

fn matches(byte: u8, form: u8) -> bool {
    if form == b'd' { byte.is_ascii_digit() } else { byte == form }
}

/// The time that a literal sets as a bound.
///
/// Transcribes `select.time.literal.2`, `select.time.literal.3`.
pub fn bound(text: &str) -> Result<Timestamp, Refused> {
    within_range(nanoseconds(text).ok_or_else(|| Refused("invalid timestamp string".into()))?)
}

/// A bound must be a time that points can have.
///
/// Transcribes `select.time.literal.3`.
pub fn within_range(time: i128) -> Result<Timestamp, Refused> {
    if time > i128::from(Timestamp::MAX.0) {
        return Err(Refused(format!("time {} overflows time literal", in_seconds(time))));
    }
    if time < i128::from(Timestamp::MIN.0) {
        return Err(Refused(format!("time {} underflows time literal", in_seconds(time))));
    }
    Ok(Timestamp(time as i64))
}

/// Nanoseconds since the epoch of a literal; `None` if the text is not one.
///
/// Transcribes `select.time.literal.1`, `select.time.literal.4`.
pub fn nanoseconds(text: &str) -> Option<i128> {
    if !begins_like_date(text) {
        return None;
    }
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let midnight = days_before(year, month, day) * 86_400 * SECOND;
    let rest = &text[10..];
    if rest.is_empty() {
        return Some(midnight);
    }
    if let Some(clock) = rest.strip_prefix(' ') {
        return Some(midnight + clock_time(clock.trim_start_matches(' '))?);
    }
    let clock = rest.strip_prefix('T')?;
    if let Some(clock) = clock.strip_suffix('Z') {
        return Some(midnight + clock_time(clock)?);
    }
    let (clock, offset) = clock.split_at(clock.find(['+', '-'])?);
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let length = (hours * 3600 + minutes * 60) * SECOND;
    let local = midnight + clock_time(clock)?;
    Some(if offset.starts_with('+') { local - length } else { local + length })
}

/// `HH:MM:SS` with up to nine decimals, in nanoseconds. The hour may have one digit, and the decimal mark may be a comma.
fn clock_time(text: &str) -> Option<i128> {
    let (text, decimals) = match text.split_once(['.', ',']) {
        Some((text, decimals)) => (text, Some(decimals)),
        None => (text, None),
    };
    let parts: Vec<&str> = text.split(':').collect();
    let [hour, minute, second] = parts[..] else { return None };
    let hour = if hour.len() == 1 { number(hour)? } else { two_digits(hour)? };
    let (minute, second) = (two_digits(minute)?, two_digits(second)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = match decimals {
        None => 0,
        Some(decimals) if (1..=9).contains(&decimals.len()) => number(&format!("{decimals:0<9}"))?,
        Some(_) => return None,
    };
    Some((hour * 3600 + minute * 60 + second) * SECOND + fraction)
}

fn two_digits(text: &str) -> Option<i128> {
    if text.len() == 2 { number(text) } else { None }
}

/// Digits, and nothing else.
fn number(digits: &str) -> Option<i128> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

fn is_leap(year: i128) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i128, month: i128) -> i128 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970-01-01 to a date, counted year by year and month by month.
fn days_before(year: i128, month: i128, day: i128) -> i128 {
    let days_of = |year| if is_leap(year) { 366 } else { 365 };
    let years: i128 =
        if year >= 1970 { (1970..year).map(days_of).sum() } else { -(year..1970).map(days_of).sum::<i128>() };
    let months: i128 = (1..month).map(|month| days_in(year, month)).sum();
    years + months + day - 1
}

/// A time without its decimals, as messages show it.
fn in_seconds(time: i128) -> String {
    let seconds = time.div_euclid(SECOND);
    let (mut days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (mut year, mut month) = (1970, 1);
    while days < 0 {
        year -= 1;
        days += if is_leap(year) { 366 } else { 365 };
    }
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", year.abs(), days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> Option<i128> {
        nanoseconds(text)
    }

    // spec: select.time.literal.1, select.time.literal.4
    #[test]
    fn literals_are_dates_with_or_without_a_clock() {
        let want = Some(1_488_330_978 * SECOND);
        for text in [
            "2017-03-01 01:16:18",
            "2017-03-01 1:16:18",
            "2017-03-01   01:16:18",
            "2017-03-01T01:16:18Z",
            "2017-03-01T1:16:18,0Z",
            "2017-03-01T02:16:18+01:00",
            "2017-02-28T23:16:18.000-02:00",
        ] {
            assert_eq!(nanos(text), want, "{text}");
        }
        assert_eq!(nanos("2017-03-01 01:16:18.25"), want.map(|time| time + SECOND / 4));
        assert_eq!(nanos("1970-01-01"), Some(0));
        assert_eq!(nanos("1969-12-31 23:59:59.999999999"), Some(-1));
        assert_eq!(nanos("2000-02-29"), Some(951_782_400 * SECOND));
    }

    // spec: select.time.literal.2
    #[test]
    fn a_string_that_begins_like_a_date_must_be_a_literal() {
        for text in [
            "2017-03-01T04:00:00",
            "2017-03-01 04:00",
            "2017-13-01",
            "2017-02-30",
            "1900-02-29",
            "2017-03-01T25:00:00Z",
            "2017-03-01 ",
            "2017-03-01 04:00:00Z",
            "2017-03-01 04:00:00.",
            "2017-03-01 004:00:00",
            "2017-03-01T 4:00:00Z",
            "2017-03-01 04:00:60",
        ] {
            assert_eq!(bound(text), Err(Refused("invalid timestamp string".into())), "{text}");
        }
        assert!(!begins_like_date("yesterday") && !begins_like_date("2017-3-1"));
    }

    // spec: select.time.literal.3
    #[test]
    fn times_that_no_point_can_have_are_refused() {
        let refused = |text: &str| bound(text).unwrap_err().0;
        assert_eq!(refused("2300-01-01"), "time 2300-01-01T00:00:00Z overflows time literal");
        assert_eq!(refused("2262-04-11T23:47:16.854775807Z"), "time 2262-04-11T23:47:16Z overflows time literal");
        assert_eq!(refused("1677-09-21T00:12:43.145224193Z"), "time 1677-09-21T00:12:43Z underflows time literal");
        assert_eq!(bound("2262-04-11T23:47:16.854775806Z"), Ok(Timestamp::MAX));
        assert_eq!(bound("1677-09-21T00:12:43.145224194Z"), Ok(Timestamp::MIN));
    }
}
