//! Time literals in conditions: which strings are meant as times, and what they mean.

use fluxstone_model::{Clause, Timestamp};

use super::error::QueryError;

/// Whether a string is meant as a time: it begins like a date. Such a string must be a valid time literal.
pub(super) fn looks_like_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Parses `YYYY-MM-DD`, `YYYY-MM-DD HH:MM:SS[.fraction]` (UTC) or RFC 3339 and returns nanoseconds since the epoch, which may
/// exceed 64 bits. The hour may have one digit, several blanks may precede it, and the decimal mark may be a comma.
pub(super) fn parse(text: &str) -> Option<i128> {
    let date: jiff::civil::Date = text.get(..10).filter(|_| looks_like_time(text))?.parse().ok()?;
    let rest = &text[10..];
    let (clock, zone) = match rest.as_bytes().first() {
        None => return Some(nanoseconds(date.at(0, 0, 0, 0), 0)),
        Some(b' ') => (rest.trim_start_matches(' '), ""),
        Some(b'T') => {
            let zone_at = rest.find(['Z', '+', '-'])?;
            (&rest[1..zone_at], &rest[zone_at..])
        }
        Some(_) => return None,
    };
    let (hms, fraction) = match clock.split_once(['.', ',']) {
        Some((hms, fraction)) if !fraction.is_empty() => (hms, fraction),
        Some(_) => return None,
        None => (clock, ""),
    };
    let mut parts = hms.split(':');
    let hour = parts.next()?;
    let hour = if hour.len() == 1 { hour.parse().ok()? } else { two_digits(hour)? };
    let (minute, second) = (two_digits(parts.next()?)?, two_digits(parts.next()?)?);
    if parts.next().is_some() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let subsecond = format!("{fraction:0<9}").parse().ok()?;
    let time = jiff::civil::Time::new(hour, minute, second, subsecond).ok()?;
    let offset_s = match zone {
        "" | "Z" => 0,
        _ => offset_seconds(zone)?,
    };
    Some(nanoseconds(date.to_datetime(time), offset_s))
}

/// Parses a time literal that is used as a bound, which must be a time that a point can have.
pub(super) fn parse_bound(text: &str) -> Result<Timestamp, QueryError> {
    let nanoseconds = parse(text)
        .ok_or_else(|| QueryError::Invalid(Clause::new("select.time.literal.2"), "invalid timestamp string".into()))?;
    check_bound(nanoseconds)
}

/// Rejects times that no point can have.
pub(super) fn check_bound(nanoseconds: i128) -> Result<Timestamp, QueryError> {
    let side = if nanoseconds > i128::from(Timestamp::MAX.0) {
        "overflows"
    } else if nanoseconds < i128::from(Timestamp::MIN.0) {
        "underflows"
    } else {
        return Ok(Timestamp(nanoseconds as i64));
    };
    Err(QueryError::Invalid(
        Clause::new("select.time.literal.3"),
        format!("time {} {side} time literal", in_seconds(nanoseconds)),
    ))
}

/// A time without its fraction. Unlike those of the calendar library, its year may have any number of digits, and a sign.
fn in_seconds(nanoseconds: i128) -> String {
    let seconds = nanoseconds.div_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years begin in March here, so that the day that a leap year adds is the last of its year; eras of 400 years are alike.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = year + era * 400 + i128::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    let sign = if year < 0 { "-" } else { "" };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{sign}{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", year.abs())
}

fn nanoseconds(time: jiff::civil::DateTime, offset_s: i64) -> i128 {
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = i128::from(time.date().since(epoch).map_or(0, |span| span.get_days()));
    let clock = time.time();
    let second_of_day = i128::from(clock.hour()) * 3600 + i128::from(clock.minute()) * 60 + i128::from(clock.second());
    (days * 86_400 + second_of_day - i128::from(offset_s)) * 1_000_000_000 + i128::from(clock.subsec_nanosecond())
}

fn offset_seconds(zone: &str) -> Option<i64> {
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (i64::from(two_digits(hours)?), i64::from(two_digits(minutes)?));
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn two_digits(text: &str) -> Option<i8> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: select.time.literal.1
    #[test]
    fn a_time_literal_is_a_date_a_date_with_a_clock_or_rfc3339() {
        let want = Ok(Timestamp(1_488_327_378_000_000_000));
        assert_eq!(parse_bound("2017-03-01 00:16:18"), want);
        assert_eq!(parse_bound("2017-03-01T00:16:18Z"), want);
        assert_eq!(parse_bound("2017-03-01T01:16:18+01:00"), want);
        assert_eq!(parse_bound("2017-02-28T23:16:18-01:00"), want);
        assert_eq!(parse_bound("2017-03-01 00:16:18.5"), Ok(Timestamp(1_488_327_378_500_000_000)));
        assert_eq!(parse_bound("2017-03-01"), Ok(Timestamp(1_488_326_400_000_000_000)));
        assert_eq!(parse_bound("1969-12-31 23:59:59.999999999"), Ok(Timestamp(-1)));
    }

    // spec: select.time.literal.4
    #[test]
    fn a_clock_may_be_written_less_strictly() {
        let want = Ok(Timestamp(1_488_330_978_250_000_000));
        for text in [
            "2017-03-01 1:16:18.25",
            "2017-03-01   01:16:18.25",
            "2017-03-01 01:16:18,25",
            "2017-03-01T1:16:18,25Z",
            "2017-03-01T2:16:18.25+01:00",
        ] {
            assert_eq!(parse_bound(text), want, "{text}");
        }
    }

    // spec: select.time.literal.2
    #[test]
    fn a_string_that_begins_like_a_date_must_be_a_time() {
        for text in [
            "2017-03-01T04:00:00",
            "2017-03-01 04:00",
            "2017-13-01",
            "2017-02-30",
            "2017-03-01T25:00:00Z",
            "2017-03-01 ",
            "2017-03-01 04:00:00Z",
            "2017-03-01t04:00:00z",
            "2017-03-01 04:00:00.",
            "2017-03-01 04:0:0",
            "2017-03-01 004:00:00",
            "2017-03-01  ",
            "2017-03-01T 4:00:00Z",
            "2017-03-01 +4:00:00",
            "2017-03-01 04:00:60",
        ] {
            assert!(looks_like_time(text));
            let error = parse_bound(text).unwrap_err();
            assert_eq!(error.to_string(), "invalid timestamp string", "{text}");
        }
        for text in ["yesterday", "2017-3-1", "", "2017/03/01"] {
            assert!(!looks_like_time(text));
        }
    }

    // spec: select.time.literal.3
    #[test]
    fn times_are_shown_with_years_of_any_length() {
        let day = 86_400_000_000_000;
        let shown = |literal, days| in_seconds(parse(literal).unwrap() + days * day);
        assert_eq!(shown("9999-12-31", 100), "10000-04-09T00:00:00Z");
        assert_eq!(shown("0000-01-01", -1), "-0001-12-31T00:00:00Z");
        let mut date = jiff::civil::date(0, 1, 1);
        for days in (0..800_000).step_by(13) {
            date = jiff::civil::date(0, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
            assert_eq!(shown("0000-01-01", i128::from(days)), format!("{date}T00:00:00Z"));
        }
        assert!(date.year() > 2_100);
    }

    // spec: select.time.literal.3
    #[test]
    fn times_that_no_point_can_have_are_rejected() {
        let text = |literal| parse_bound(literal).map_err(|e| e.to_string());
        assert_eq!(text("2300-01-01"), Err("time 2300-01-01T00:00:00Z overflows time literal".into()));
        assert_eq!(text("9999-12-31T23:59:59Z"), Err("time 9999-12-31T23:59:59Z overflows time literal".into()));
        assert_eq!(text("9999-12-31 23:59:59.9"), Err("time 9999-12-31T23:59:59Z overflows time literal".into()));
        assert_eq!(text("0000-03-01"), Err("time 0000-03-01T00:00:00Z underflows time literal".into()));
        assert_eq!(text("0000-02-29"), Err("time 0000-02-29T00:00:00Z underflows time literal".into()));
        assert_eq!(text("2400-02-29"), Err("time 2400-02-29T00:00:00Z overflows time literal".into()));
        assert_eq!(text("1600-01-01"), Err("time 1600-01-01T00:00:00Z underflows time literal".into()));
        assert_eq!(
            text("2262-04-11T23:47:16.854775807Z"),
            Err("time 2262-04-11T23:47:16Z overflows time literal".into())
        );
        assert_eq!(text("2262-04-11T23:47:16.854775806Z"), Ok(Timestamp::MAX));
        assert_eq!(text("1677-09-21T00:12:43.145224194Z"), Ok(Timestamp::MIN));
        assert_eq!(
            text("1677-09-21T00:12:43.145224193Z"),
            Err("time 1677-09-21T00:12:43Z underflows time literal".into())
        );
    }
}
