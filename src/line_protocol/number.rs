//! Numbers in the decimal forms of line protocol: floats, integers followed by an `i`, timestamps.

use fluxstone_model::Scalar;
use lexical_core::Error;

use super::fault::Fault;

/// Reads a number: an integer if it ends in `i`, a float otherwise.
pub(super) fn number(text: &[u8]) -> Result<Scalar<'_>, Fault<'_>> {
    if let Some(digits) = text.strip_suffix(b"i") {
        return match int64(digits) {
            Ok(value) => Ok(Scalar::Integer(value)),
            Err(IntegerError::NotAnInteger) => Err(Fault::InvalidNumber),
            Err(IntegerError::OutOfRange) => Err(Fault::IntegerOutOfRange(digits.into())),
        };
    }
    match lexical_core::parse::<f64>(text) {
        Ok(value) if value.is_finite() => Ok(Scalar::Float(value)),
        _ => Err(float_fault(text)),
    }
}

/// The exact powers of ten that [`plain_number`] needs.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// A number of up to this many digits is an exact float ...
const FLOAT_DIGITS_MAX: usize = 15;
/// ... and one of up to this many fits into 64 bits.
const INTEGER_DIGITS_MAX: usize = 18;

/// Reads a number of the usual form, up to a comma, a space or the end: not very many digits, perhaps with a decimal point
/// between them. Gives the same result as [`number`], only faster.
///
/// A float is computed as the quotient of two exact floats; division rounds correctly.
#[inline]
pub(super) fn plain_number(input: &mut &[u8]) -> Option<Scalar<'static>> {
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
        Scalar::Integer(if is_negative { -value } else { value })
    } else {
        if !is_end(at) || count > FLOAT_DIGITS_MAX {
            return None;
        }
        let value = digits_read as f64 / POWERS[fraction.unwrap_or(0)];
        Scalar::Float(if is_negative { -value } else { value })
    };
    // There must be digits, and on both sides of a decimal point.
    if at == start || !text.get(start).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    *input = &text[at..];
    Some(value)
}

/// Appends the digits from `at` on to `value`, wrapping around if there are too many. Also returns where they end.
#[inline]
fn digits(text: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

/// The reason why a text is not a 64-bit integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntegerError {
    /// It has a byte that is not a digit, or no digits.
    NotAnInteger,
    /// It is too large or too small.
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
            _ => IntegerError::NotAnInteger,
        }
    })
}

/// Returns the fault of a `text` that is not a finite float: one for texts that have the parts of a float in the wrong
/// order or too large a value, another for all other texts.
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
                (Scalar::Float(a), Ok(Scalar::Float(b))) => a.to_bits() == b.to_bits(),
                (Scalar::Integer(a), Ok(Scalar::Integer(b))) => a == b,
                _ => false,
            };
            assert!(same, "{text}: {plain:?}, not {expected:?}");
            assert!(input.is_empty());
        }
    }

    #[test]
    fn usual_numbers_are_plain() {
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
        fn plain_numbers_and_numbers_agree(text in "-?[0-9]{0,17}(\\.[0-9]{0,17})?(i|e1)?") {
            check(&text);
        }
    }
}
