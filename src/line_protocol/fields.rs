//! The second part of a line: `key=value[,key=value]*`, up to the first space outside quotes.
//!
//! Here a backslash takes the byte behind it along, whatever that is, so that `\\` is an escape too (unlike in names of
//! tags). Clients see which fault comes first, so the faults of values are found while scanning, and a set with a part too
//! few or too many is `invalid field format` only at its end.

use std::ops::Range;

use memchr::memchr2;
use winnow::Parser;
use winnow::stream::Stream;
use winnow::token::take_till;

use super::fault::Fault;
use super::number::{number, plain_number};
use super::{Field, Value, skip_blanks};

/// What is done about bytes between the closing quote of a string and the end of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StringTail {
    /// The line is bad.
    Refused,
    /// They belong to the value, which loses its last byte instead of its closing quote, as in 1.2.4.
    CutsLastByte,
}

/// Whether a point has the field keys of another, in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    OfModel,
    Others,
}

/// Parses the fields onto the end of `fields`. Skips blanks before them and stops at the space behind them.
///
/// The keys are probably those of the `model`, the fields of a good line before.
pub(super) fn field_set<'a>(
    input: &mut &'a [u8],
    fields: &mut Vec<Field<'a>>,
    model: Range<usize>,
    string_tail: StringTail,
) -> Result<Keys, Fault<'a>> {
    skip_blanks(input);
    let first = fields.len();
    let mut repeated = 0;
    let (mut equals, mut commas) = (0usize, 0usize);
    let mut misplaced = false;
    loop {
        let expected = model.start + (fields.len() - first);
        let expected = if expected < model.end { fields.get(expected).map(|field| field.key) } else { None };
        let key = match expected.and_then(|expected| repeated_key(input, expected)) {
            Some(key) => {
                repeated += 1;
                key
            }
            None => field_key(input),
        };
        match input.first() {
            Some(b'=') => {}
            Some(b',') => {
                commas += 1;
                input.next_token();
                continue;
            }
            _ => break,
        }
        if key.is_empty() {
            return Err(Fault::MissingFieldKey);
        }
        // Such a backslash looks as if it escaped the equals sign; 1.2.4 accepted the line, and then failed to store it.
        misplaced |= key.ends_with(b"\\");
        let mut value = Value::Boolean(false);
        // A string may have another `=` behind it. That is wrong, but not before what follows was looked at.
        while input.first() == Some(&b'=') {
            input.next_token();
            misplaced |= equals != commas;
            equals += 1;
            let tail;
            (value, tail) = field_value(input, equals > commas)?;
            misplaced |= tail && string_tail == StringTail::Refused;
        }
        fields.push(Field { key, value });
    }
    if misplaced || equals == 0 || equals != commas + 1 {
        return Err(Fault::InvalidFieldFormat);
    }
    let is_repetition = repeated == model.len() && repeated == fields.len() - first;
    Ok(if is_repetition { Keys::OfModel } else { Keys::Others })
}

/// The key that a good line had, if it stands here up to its equals sign: nothing else could be read then.
#[inline]
fn repeated_key<'a>(input: &mut &'a [u8], expected: &[u8]) -> Option<&'a [u8]> {
    let is_here = input.get(expected.len()) == Some(&b'=') && input.starts_with(expected);
    is_here.then(|| input.next_slice(expected.len()))
}

/// Up to an unescaped equals sign, comma or space.
fn field_key<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let mut len = 0;
    while let Some(byte) = input.get(len) {
        match byte {
            b'=' | b',' | b' ' => break,
            b'\\' => len += 2,
            _ => len += 1,
        }
    }
    input.next_slice(len.min(input.len()))
}

/// One value, and whether anything stands between a string and the end of its field. Quotes only quote if `strings`.
fn field_value<'a>(input: &mut &'a [u8], strings: bool) -> Result<(Value<'a>, bool), Fault<'a>> {
    match input.first() {
        None | Some(b',' | b' ') => Err(Fault::MissingFieldValue),
        Some(b'"') => string(input, strings),
        Some(b'0'..=b'9' | b'-' | b'.' | b'n' | b'N') => match plain_number(input) {
            Some(value) => Ok((value, false)),
            None => Ok((number(word(input)?)?, false)),
        },
        Some(_) => Ok((boolean(word(input)?)?, false)),
    }
}

/// Up to a comma or space: what numbers and booleans can't hold.
fn word<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], Fault<'a>> {
    take_till(0.., (b',', b' ')).parse_next(input)
}

fn boolean(text: &[u8]) -> Result<Value<'_>, Fault<'_>> {
    match text {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Ok(Value::Boolean(true)),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Ok(Value::Boolean(false)),
        _ => Err(Fault::InvalidBoolean),
    }
}

/// From a quote up to the next equals sign, comma or space outside quotes, and whether the first pair of quotes ends before.
fn string<'a>(input: &mut &'a [u8], strings: bool) -> Result<(Value<'a>, bool), Fault<'a>> {
    let mut len = 0;
    let mut first_close = None;
    loop {
        match input.get(len) {
            None | Some(b'=' | b',' | b' ') => break,
            Some(b'"') if strings => {
                let close = closing_quote(input, len + 1).ok_or(Fault::UnbalancedQuotes)?;
                first_close.get_or_insert(close);
                len = close + 1;
            }
            Some(b'\\') => len += 2,
            Some(_) => len += 1,
        }
    }
    let text = input.next_slice(len.min(input.len()));
    let last = text.len().saturating_sub(1);
    Ok((Value::String(text.get(1..last).unwrap_or_default()), first_close != Some(last)))
}

/// Where the first quote at or behind `from` is that has no backslash taking it along.
fn closing_quote(text: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
}
