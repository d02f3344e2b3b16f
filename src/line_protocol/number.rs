//! Numbers in the decimal forms of line protocol: floats, integers with an `i` behind them, timestamps.

use lexical_core::Error;

use super::Value;
use super::fault::Fault;

/// Reads a number: an integer if it ends in `i`, a float otherwise.
pub(super) fn number(text: &[u8]) -> Result<Value<'_>, Fault<'_>> {
    if let Some(digits) = text.strip_suffix(b"i") {
        return match int64(digits) {
            Ok(value) => Ok(Value::Integer(value)),
            Err(IntegerError::NoInteger) => Err(Fault::InvalidNumber),
            Err(IntegerError::OutOfRange) => Err(Fault::IntegerOutOfRange(digits.into())),
        };
    }
    match lexical_core::parse::<f64>(text) {
        Ok(value) if value.is_finite() => Ok(Value::Float(value)),
        _ => Err(float_fault(text)),
    }
}

/// Why an optional minus sign and digits are no 64-bit integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntegerError {
    /// A byte that is no digit, or no digit at all.
    NoInteger,
    /// Too many of them.
    OutOfRange,
}

/// Reads an optional minus sign and at least one digit.
pub(super) fn int64(text: &[u8]) -> Result<i64, IntegerError> {
    lexical_core::parse::<i64>(text).map_err(|error| {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        match error {
            Error::Overflow(_) | Error::Underflow(_) if digits.iter().all(u8::is_ascii_digit) => {
                IntegerError::OutOfRange
            }
            _ => IntegerError::NoInteger,
        }
    })
}

/// Why `text` is no finite float. What has the parts of a float in a wrong order, or too large a value, is told apart from
/// what holds anything else.
fn float_fault(text: &[u8]) -> Fault<'static> {
    let mut dots = 0;
    let mut before = None;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {}
            b'-' if at == 0 => {}
            b'.' if dots == 0 => dots += 1,
            b'e' | b'E' if at > 0 => {}
            b'+' | b'-' if matches!(before, Some(b'e' | b'E')) => {}
            _ => return Fault::InvalidNumber,
        }
        before = Some(byte);
    }
    if text.iter().all(|b| matches!(b, b'-' | b'.')) { Fault::InvalidNumber } else { Fault::InvalidFloat }
}
