//! Text in double quotes with Go's escapes, as messages of InfluxDB quote names.

use bstr::ByteSlice;

use crate::catalog::is_printable;

/// `text` as Go's `%q` prints it: printable characters as they are, bytes that are no UTF-8 as `\xNN`.
pub(super) fn go_quote(text: &[u8]) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for (start, end, c) in text.char_indices() {
        let bytes = &text[start..end];
        if c == char::REPLACEMENT_CHARACTER && bytes != "\u{fffd}".as_bytes() {
            for byte in bytes {
                quoted.push_str(&format!("\\x{byte:02x}"));
            }
            continue;
        }
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            c if is_printable(c) => quoted.push(c),
            c if (c as u32) < 0x80 => quoted.push_str(&format!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x1_0000 => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    quoted.push('"');
    quoted
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
            assert_eq!(go_quote(text), quoted);
        }
    }
}
