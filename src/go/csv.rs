//! CSV fields as Go's `encoding/csv` writes them. Separators and line ends are left to the caller.

use bstr::ByteSlice;

/// Returns `text` as a field: in quotes if it is `\.`, begins with white space, or contains a comma, a quote or a line end.
///
/// ```
/// use fluxstone_go::csv::quoted;
/// assert_eq!(quoted(b"plain"), b"plain");
/// assert_eq!(quoted(b"a,\"b\""), b"\"a,\"\"b\"\"\"");
/// ```
pub fn quoted(text: &[u8]) -> Vec<u8> {
    let leading_space = || text.chars().next().is_some_and(char::is_whitespace);
    if text != b"\\." && text.find_byteset(b",\"\r\n").is_none() && !leading_space() {
        return text.to_vec();
    }
    let mut field = vec![b'"'];
    for &byte in text {
        if byte == b'"' {
            field.push(b'"');
        }
        field.push(byte);
    }
    field.push(b'"');
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: http.csv.4
    #[test]
    fn fields_are_quoted_only_where_needed() {
        for plain in ["", "a b", "a ", "'", "\\", "\\.x", "é"] {
            assert_eq!(quoted(plain.as_bytes()), plain.as_bytes());
        }
        for (text, field) in [
            ("\\.", "\"\\.\""),
            (" a", "\" a\""),
            ("\u{a0}a", "\"\u{a0}a\""),
            ("a,b", "\"a,b\""),
            ("a\nb", "\"a\nb\""),
            ("a\rb", "\"a\rb\""),
            ("\"", "\"\"\"\""),
        ] {
            assert_eq!(quoted(text.as_bytes()), field.as_bytes());
        }
    }
}
