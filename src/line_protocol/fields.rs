//! The second part of a line: `key=value[,key=value]*`, up to the first space outside quotes.
//!
//! Here a backslash protects the byte after it, whatever that is, so that `\\` is an escape too (unlike in tags). Clients
//! see which fault comes first, so faults of values are found while scanning, and fields with a part too few or too
//! many are an `invalid field format` only at their end.

use fluxstone_model::Scalar;
use memchr::{memchr, memchr2};

use super::body::{ParsedBody, index};
use super::cursor::{skip_blanks, take};
use super::fault::Fault;
use super::number::{number, plain_number};

/// How to treat bytes between the closing quote of a string and the end of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StringTail {
    /// They belong to the value, which loses its last byte in place of its closing quote.
    CutsLastByte,
    /// The same, but a line with a carriage return among them is bad.
    RefusesCarriageReturns,
}

/// Parses the fields onto the end of the arrays of `parsed`, and returns the number of their layout. Skips blanks before
/// them, and stops at the space after them.
///
/// The keys are probably those of the layout `model`, which an earlier line had. As long as they are, no key is stored.
pub(super) fn field_set<'a>(
    input: &mut &'a [u8],
    parsed: &mut ParsedBody<'a>,
    model: Option<u32>,
    string_tail: StringTail,
) -> Result<u32, Fault<'a>> {
    skip_blanks(input);
    let model_keys = model.map_or(0..0, |model| parsed.layout(model));
    let first = parsed.values.len();
    // Where the keys of this point begin, once one of them differed from the model.
    let mut own_keys = None;
    let (mut equals, mut commas) = (0usize, 0usize);
    let mut misplaced = false;
    loop {
        let at = parsed.values.len() - first;
        let expected = model_keys.start + at;
        let expected = if expected < model_keys.end { parsed.keys.get(expected) } else { None };
        let repeated = expected.and_then(|expected| repeated_key(input, expected));
        let key = repeated.unwrap_or_else(|| field_key(input));
        match input.first() {
            Some(b'=') => {}
            Some(b',') => {
                commas += 1;
                take(input, 1);
                continue;
            }
            _ => break,
        }
        if key.is_empty() {
            return Err(Fault::MissingFieldKey);
        }
        // Such a backslash looks as if it escaped the equals sign; 1.2.4 accepted the line, and then failed to store it.
        misplaced |= key.ends_with(b"\\");
        let mut value = Scalar::Boolean(false);
        // A string may be followed by another `=`. That is wrong, but only reported after the rest was looked at.
        while input.first() == Some(&b'=') {
            take(input, 1);
            misplaced |= equals != commas;
            equals += 1;
            let is_refused;
            (value, is_refused) = field_value(input, equals > commas, string_tail)?;
            misplaced |= is_refused;
        }
        if repeated.is_none() && own_keys.is_none() {
            own_keys = Some(parsed.keys.len());
            parsed.keys.extend_from_within(model_keys.start..model_keys.start + at);
        }
        if own_keys.is_some() {
            parsed.keys.push(key);
        }
        push_value(parsed, value)?;
    }
    if misplaced || equals == 0 || equals != commas + 1 {
        return Err(Fault::InvalidFieldFormat);
    }
    let count = parsed.values.len() - first;
    match (own_keys, model) {
        (None, Some(model)) if count == model_keys.len() => Ok(model),
        (own_keys, _) => {
            let start = own_keys.unwrap_or(model_keys.start);
            parsed.layouts.push(index(start)?..index(start + count)?);
            index(parsed.layouts.len() - 1)
        }
    }
}

/// Appends a value, and notes whether it must be unescaped.
#[inline]
fn push_value<'a>(parsed: &mut ParsedBody<'a>, value: Scalar<'a>) -> Result<(), Fault<'a>> {
    if let Scalar::String(text) = value
        && memchr(b'\\', text).is_some()
    {
        parsed.escaped.push(index(parsed.values.len())?);
    }
    parsed.values.push(value);
    Ok(())
}

/// Takes the key that an earlier line had, if it comes next together with its equals sign: parsing it anew would give the
/// same.
#[inline]
fn repeated_key<'a>(input: &mut &'a [u8], expected: &[u8]) -> Option<&'a [u8]> {
    let is_here = input.get(expected.len()) == Some(&b'=') && input.starts_with(expected);
    is_here.then(|| take(input, expected.len()))
}

/// Takes everything up to an unescaped equals sign, comma or space.
fn field_key<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let mut len = 0;
    while let Some(byte) = input.get(len) {
        match byte {
            b'=' | b',' | b' ' => break,
            b'\\' => len += 2,
            _ => len += 1,
        }
    }
    take(input, len)
}

/// Reads one value, and whether what follows a string makes the line bad. Quotes only quote if `strings`.
fn field_value<'a>(
    input: &mut &'a [u8],
    strings: bool,
    string_tail: StringTail,
) -> Result<(Scalar<'a>, bool), Fault<'a>> {
    match input.first() {
        None | Some(b',' | b' ') => Err(Fault::MissingFieldValue),
        Some(b'"') => string(input, strings, string_tail),
        Some(b'0'..=b'9' | b'-' | b'.' | b'n' | b'N') => match plain_number(input) {
            Some(value) => Ok((value, false)),
            None => Ok((number(word(input))?, false)),
        },
        Some(_) => Ok((boolean(word(input))?, false)),
    }
}

/// Takes everything up to a comma or space, which numbers and booleans cannot contain.
fn word<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let len = input.iter().position(|byte| matches!(byte, b',' | b' ')).unwrap_or(input.len());
    take(input, len)
}

fn boolean(text: &[u8]) -> Result<Scalar<'_>, Fault<'_>> {
    match text {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Ok(Scalar::Boolean(true)),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Ok(Scalar::Boolean(false)),
        _ => Err(Fault::InvalidBoolean),
    }
}

/// Takes everything from a quote up to the next equals sign, comma or space outside quotes. Also returns whether the bytes
/// after the first pair of quotes make the line bad.
///
/// A comma that is escaped there always does: 1.2.4 scanned past it, but then took what follows for another field.
fn string<'a>(input: &mut &'a [u8], strings: bool, string_tail: StringTail) -> Result<(Scalar<'a>, bool), Fault<'a>> {
    let mut len = 0;
    let mut first_close = None;
    let mut is_refused = false;
    loop {
        match input.get(len) {
            None | Some(b'=' | b',' | b' ') => break,
            Some(b'"') if strings => {
                let close = closing_quote(input, len + 1).ok_or(Fault::UnbalancedQuotes)?;
                first_close.get_or_insert(close);
                len = close + 1;
            }
            Some(b'\\') => {
                is_refused |= input.get(len + 1) == Some(&b',');
                len += 2;
            }
            Some(_) => len += 1,
        }
    }
    let text = take(input, len);
    if string_tail == StringTail::RefusesCarriageReturns
        && let Some(tail) = first_close.and_then(|close| text.get(close + 1..))
    {
        is_refused |= memchr(b'\r', tail).is_some();
    }
    let last = text.len().saturating_sub(1);
    Ok((Scalar::String(text.get(1..last).unwrap_or_default()), is_refused))
}

/// Returns the position of the first quote, from `from` on, that no backslash protects.
fn closing_quote(text: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
}
