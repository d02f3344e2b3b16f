//! Text in double quotes with Go's escapes, as InfluxDB's messages quote names.

use std::fmt;

use bstr::ByteSlice;

/// Displays as Go's `%q` prints the text: printable characters as they are, bytes that are not UTF-8 as `\xNN`.
#[derive(Debug, Clone, Copy)]
pub struct GoQuote<'t>(pub &'t [u8]);

impl fmt::Display for GoQuote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for (start, end, c) in self.0.char_indices() {
            let bytes = &self.0[start..end];
            let invalid = c == char::REPLACEMENT_CHARACTER && bytes != "\u{fffd}".as_bytes();
            if invalid {
                for byte in bytes {
                    write!(f, "\\x{byte:02x}")?;
                }
            } else {
                write_char(c, f)?;
            }
        }
        f.write_str("\"")
    }
}

fn write_char(c: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let code = c as u32;
    match c {
        '"' => f.write_str("\\\""),
        '\\' => f.write_str("\\\\"),
        '\u{7}' => f.write_str("\\a"),
        '\u{8}' => f.write_str("\\b"),
        '\u{c}' => f.write_str("\\f"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        '\u{b}' => f.write_str("\\v"),
        c if is_printable(c) => write!(f, "{c}"),
        _ if code < 0x80 => write!(f, "\\x{code:02x}"),
        _ if code < 0x1_0000 => write!(f, "\\u{code:04x}"),
        _ => write!(f, "\\U{code:08x}"),
    }
}

/// Whether `c` is printable in Go: a blank, or in one of Unicode's categories of letters, marks, numbers, punctuation and symbols.
pub fn is_printable(c: char) -> bool {
    static PRINTABLE: std::sync::LazyLock<Option<regex::Regex>> =
        std::sync::LazyLock::new(|| regex::Regex::new(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]$").ok());
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_graphic();
    }
    PRINTABLE.as_ref().is_some_and(|printable| printable.is_match(c.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_as_go_quotes_them() {
        for (text, quoted) in [
            (&b"mydb"[..], r#""mydb""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"\x00\x07\t\n\x7f", r#""\x00\a\t\n\x7f""#),
            ("Größe \u{a0}\u{200b}".as_bytes(), r#""Größe \u00a0\u200b""#),
            (b"\xff\xc3", r#""\xff\xc3""#),
            ("\u{e0001}".as_bytes(), r#""\U000e0001""#),
        ] {
            assert_eq!(GoQuote(text).to_string(), quoted);
        }
    }
}
