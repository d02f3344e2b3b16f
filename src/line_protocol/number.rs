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

/// Powers of ten that are exact, as far as [`plain_number`] needs them.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// So many digits are an exact float, whatever they are ...
const FLOAT_DIGITS_MAX: usize = 15;
/// ... and so many a 64-bit integer.
const INTEGER_DIGITS_MAX: usize = 18;

/// The number that `input` begins with, up to a comma, a space or the end, if it has the form that most have: digits, with
/// a point between them perhaps, and not very many of them. What [`number`] makes of the same text, only sooner.
///
/// A float is the quotient of two exact floats, and division rounds correctly.
#[inline]
pub(super) fn plain_number(input: &mut &[u8]) -> Option<Value<'static>> {
    let text = *input;
    let is_negative = text.first() == Some(&b'-');
    let start = usize::from(is_negative);
    let (whole, mut at) = digits(text, start, 0);
    let mut count = at - start;
    let (mut digits_read, mut fraction) = (whole, None);
    if text.get(at) == Some(&b'.') {
        let (both, end) = digits(text, at + 1, whole);
        let len = end - (at + 1);
        (digits_read, fraction) = (both, Some(len));
        if len == 0 {
            return None;
        }
        count += len;
        at = end;
    }
    let is_end = |at: usize| matches!(text.get(at), None | Some(b',' | b' '));
    let value = if text.get(at) == Some(&b'i') && fraction.is_none() && is_end(at + 1) {
        at += 1;
        if count > INTEGER_DIGITS_MAX {
            return None;
        }
        let value = digits_read as i64;
        Value::Integer(if is_negative { -value } else { value })
    } else {
        if !is_end(at) || count > FLOAT_DIGITS_MAX {
            return None;
        }
        let value = digits_read as f64 / POWERS[fraction.unwrap_or(0)];
        Value::Float(if is_negative { -value } else { value })
    };
    // Digits on both sides of a point, and one at least.
    if at == start || !text.get(start).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    *input = &text[at..];
    Some(value)
}

/// Reads digits from `at` on behind those of `value`; the end is returned, too. Too many wrap around.
#[inline]
fn digits(text: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str) {
        let mut input = text.as_bytes();
        if let Some(plain) = plain_number(&mut input) {
            let expected = number(text.as_bytes());
            let same = match (&plain, &expected) {
                (Value::Float(a), Ok(Value::Float(b))) => a.to_bits() == b.to_bits(),
                (Value::Integer(a), Ok(Value::Integer(b))) => a == b,
                _ => false,
            };
            assert!(same, "{text}: {plain:?}, not {expected:?}");
            assert!(input.is_empty());
        }
    }

    #[test]
    fn most_numbers_are_plain() {
        for text in ["0", "-0", "1i", "-12i", "0.1", "97.25", "-0.05", "123456789012345", "999999999999999999i", "007"]
        {
            assert!(plain_number(&mut text.as_bytes()).is_some(), "{text}");
            check(text);
        }
        for text in ["", "-", "1.", ".5", "1e5", "1.5i", "i", "1ii", "1234567890123456", "1234567890123456789i", "1\t"]
        {
            assert_eq!(plain_number(&mut text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_number_is_what_the_number_would_be(text in "-?[0-9]{0,17}(\\.[0-9]{0,17})?(i|e1)?") {
            check(&text);
        }
    }
}
