//! The last part of a line: an optional integer in units of the request's precision.

use fluxstone_model::{TimeUnit as Precision, Timestamp};

use super::cursor::{skip_blanks, take};
use super::fault::Fault;
use super::number::{IntegerError, int64};

/// Reads the rest of a line: blanks, an optional timestamp, and then only spaces.
pub(super) fn timestamp<'a>(input: &mut &'a [u8], precision: Precision) -> Result<Option<Timestamp>, Fault<'a>> {
    skip_blanks(input);
    // A newline can be here only if a quote in a name hid it.
    let len = input.iter().position(|b| matches!(b, b' ' | b'\n')).unwrap_or(input.len());
    let text = take(input, len);
    if text.is_empty() {
        return if input.is_empty() { Ok(None) } else { Err(Fault::PointIsInvalid) };
    }
    let units = match int64(text) {
        Ok(units) if text[0] != b'+' => units,
        Err(IntegerError::OutOfRange) => return Err(Fault::TimestampOutOfInteger(text.into())),
        _ if text == b"-" => return Err(Fault::TimestampWithoutDigits),
        _ => return Err(Fault::BadTimestamp),
    };
    let time = units.checked_mul(precision.nanos()).map(Timestamp);
    let time = time.filter(|time| (Timestamp::MIN..=Timestamp::MAX).contains(time)).ok_or(Fault::TimeOutsideRange)?;
    if input.iter().all(|&b| b == b' ') { Ok(Some(time)) } else { Err(Fault::PointIsInvalid) }
}

/// Returns the last whole unit that is not after `time`.
pub(super) fn truncate(time: Timestamp, precision: Precision) -> Timestamp {
    Timestamp(time.0.saturating_sub(time.0.rem_euclid(precision.nanos())))
}
