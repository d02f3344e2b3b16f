//! Backslash escapes in raw text: of names in series keys and line protocol, and of string values.
//!
//! Invariant: unescaping an escaped name gives the name back. Some names cannot be written in line protocol all the
//! same, because they would be read differently there: those that end in a backslash, and those that have one before a
//! byte that must be escaped.

use std::borrow::Cow;

use memchr::memchr;

/// Returns the name of a measurement: removes the backslash from `\,`, `\ `, `\=` and `\"`.
pub fn unescape_measurement(raw: &[u8]) -> Cow<'_, [u8]> {
    unescape(raw, b", =\"")
}

/// Returns a tag key or a tag value: removes the backslash from `\,`, `\ ` and `\=`.
pub fn unescape_tag(raw: &[u8]) -> Cow<'_, [u8]> {
    unescape(raw, b", =")
}

/// Returns the name of a field: removes the backslash from `\,`, `\ `, `\=` and `\"`.
pub fn unescape_field_key(raw: &[u8]) -> Cow<'_, [u8]> {
    unescape(raw, b", =\"")
}

/// Returns a string value, given the text between its quotes: removes the backslash from `\"` and `\\`.
pub fn unescape_string(raw: &[u8]) -> Cow<'_, [u8]> {
    unescape(raw, b"\"\\")
}

/// Appends the raw form of a measurement name.
pub fn escape_measurement(name: &[u8], out: &mut Vec<u8>) {
    escape(name, b", ", out);
}

/// Appends the raw form of a tag key or a tag value.
pub fn escape_tag(name: &[u8], out: &mut Vec<u8>) {
    escape(name, b", =", out);
}

/// Appends the raw form of a field key.
pub fn escape_field_key(name: &[u8], out: &mut Vec<u8>) {
    escape(name, b", =\"", out);
}

/// Appends the raw form of a string value, without the quotes around it.
pub fn escape_string(value: &[u8], out: &mut Vec<u8>) {
    escape(value, b"\"\\", out);
}

/// Removes, from left to right, each backslash that is followed by one of `escaped`.
fn unescape<'a>(raw: &'a [u8], escaped: &[u8]) -> Cow<'a, [u8]> {
    let Some(first) = memchr(b'\\', raw) else { return Cow::Borrowed(raw) };
    let (plain, mut rest) = raw.split_at(first);
    let mut name = Vec::with_capacity(raw.len());
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

#[cfg(test)]
mod tests {
    use super::*;

    // spec: lp.escape.1
    #[test]
    fn a_backslash_escapes_the_bytes_in_the_table() {
        let raw = br#"\,\ \=\"\\\n"#;
        assert_eq!(&*unescape_measurement(raw), br#", ="\\\n"#);
        assert_eq!(&*unescape_tag(raw), br#", =\"\\\n"#);
        assert_eq!(&*unescape_field_key(raw), br#", ="\\\n"#);
        assert_eq!(&*unescape_string(raw), br#"\,\ \="\\n"#);
        assert_eq!(&*unescape_tag(br"a\\,b\"), br"a\,b\");
        assert_eq!(&*unescape_string(br#"a\\\\\"b"#), br#"a\\"b"#);
    }
}
