//! Escapes of names and strings, off and on.
//!
//! Invariant: escaping and then unescaping gives the name back, except names that line protocol can't spell: those that
//! end in a backslash or have one in front of a byte that it escapes.

use std::borrow::Cow;

use memchr::memchr;

/// The name of a measurement: takes the backslash from `\,`, `\ `, `\=` and `\"`.
pub fn unescape_measurement(spelt: &[u8]) -> Cow<'_, [u8]> {
    unescape(spelt, b", =\"")
}

/// The name of a tag key or a tag value: takes the backslash from `\,`, `\ ` and `\=`.
pub fn unescape_tag(spelt: &[u8]) -> Cow<'_, [u8]> {
    unescape(spelt, b", =")
}

/// The name of a field: takes the backslash from `\,`, `\ `, `\=` and `\"`.
pub fn unescape_field_key(spelt: &[u8]) -> Cow<'_, [u8]> {
    unescape(spelt, b", =\"")
}

/// The value of a string, from what stands between its quotes: takes the backslash from `\"` and `\\`.
pub fn unescape_string(spelt: &[u8]) -> Cow<'_, [u8]> {
    unescape(spelt, b"\"\\")
}

/// Appends the spelling of a measurement name.
pub fn escape_measurement(name: &[u8], out: &mut Vec<u8>) {
    escape(name, b", ", out);
}

/// Appends the spelling of a tag key or a tag value.
pub fn escape_tag(name: &[u8], out: &mut Vec<u8>) {
    escape(name, b", =", out);
}

/// Appends the spelling of a field key.
pub fn escape_field_key(name: &[u8], out: &mut Vec<u8>) {
    escape(name, b", =\"", out);
}

/// Appends what stands between the quotes of a string.
pub fn escape_string(value: &[u8], out: &mut Vec<u8>) {
    escape(value, b"\"\\", out);
}

/// From left to right, takes each backslash away that stands before one of `escaped`.
fn unescape<'a>(spelt: &'a [u8], escaped: &[u8]) -> Cow<'a, [u8]> {
    let Some(first) = memchr(b'\\', spelt) else { return Cow::Borrowed(spelt) };
    let (plain, mut rest) = spelt.split_at(first);
    let mut name = Vec::with_capacity(spelt.len());
    name.extend_from_slice(plain);
    loop {
        rest = match rest {
            [] => return Cow::Owned(name),
            [b'\\', byte, rest @ ..] if escaped.contains(byte) => {
                name.push(*byte);
                rest
            }
            [byte, rest @ ..] => {
                name.push(*byte);
                rest
            }
        };
    }
}

fn escape(name: &[u8], escaped: &[u8], out: &mut Vec<u8>) {
    for byte in name {
        if escaped.contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
}
