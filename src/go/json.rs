//! JSON as Go's encoder writes it, compact or indented by four blanks, into a growing buffer. Which documents are written is left
//! to the caller.

use super::number;

/// Writes JSON piece by piece. The caller must pair each `begin_` with its `end_`.
#[derive(Debug, Default)]
pub struct JsonWriter {
    out: Vec<u8>,
    pretty: bool,
    depth: usize,
    /// Whether the innermost array or object has an element already.
    has_element: bool,
}

/// A position in the written bytes, to go back to.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    bytes: usize,
    depth: usize,
    has_element: bool,
}

impl JsonWriter {
    /// Makes a writer of compact JSON, or of JSON indented by four blanks if `pretty`.
    pub fn new(pretty: bool) -> JsonWriter {
        JsonWriter { pretty, ..JsonWriter::default() }
    }

    /// The bytes that are written and not yet taken.
    pub fn written(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Returns the current position.
    pub fn place(&self) -> Place {
        Place { bytes: self.out.len(), depth: self.depth, has_element: self.has_element }
    }

    /// Drops the bytes written since `place`.
    pub fn go_back(&mut self, place: Place) {
        self.out.truncate(place.bytes);
        self.depth = place.depth;
        self.has_element = place.has_element;
    }

    /// Takes the bytes before `place`, and moves it to the front.
    pub fn take_before(&mut self, place: &mut Place) -> Vec<u8> {
        let rest = self.out.split_off(place.bytes);
        place.bytes = 0;
        std::mem::replace(&mut self.out, rest)
    }

    /// Takes all bytes.
    pub fn take(&mut self) -> Vec<u8> {
        let capacity = self.out.len();
        std::mem::replace(&mut self.out, Vec::with_capacity(capacity))
    }

    /// Begins a new document after the current bytes.
    pub fn begin_document(&mut self) {
        self.depth = 0;
        self.has_element = false;
    }

    /// Opens an object.
    pub fn begin_object(&mut self) {
        self.begin(b'{');
    }

    /// Closes an object.
    pub fn end_object(&mut self) {
        self.end(b'}');
    }

    /// Opens an array.
    pub fn begin_array(&mut self) {
        self.begin(b'[');
    }

    /// Closes an array.
    pub fn end_array(&mut self) {
        self.end(b']');
    }

    /// Begins an element of an array. A value must follow.
    pub fn element(&mut self) {
        if self.has_element {
            self.out.push(b',');
        }
        self.has_element = true;
        if self.pretty {
            self.new_line();
        }
    }

    /// Writes elements of an array, each after a comma if it is not the first one, in compact form: `write` appends them to the
    /// bytes, and is told whether an element precedes them. It must write at least one.
    pub fn compact_elements(&mut self, write: impl FnOnce(&mut Vec<u8>, bool)) {
        write(&mut self.out, self.has_element);
        self.has_element = true;
    }

    /// Begins a member of an object. A value must follow.
    pub fn key(&mut self, name: &[u8]) {
        self.element();
        self.string(name);
        self.out.extend_from_slice(if self.pretty { b": " } else { b":" });
    }

    /// Writes a string.
    pub fn string(&mut self, text: &[u8]) {
        write_string(&mut self.out, text);
    }

    /// Writes an integer.
    pub fn integer(&mut self, value: i64) {
        number::write_integer(&mut self.out, value);
    }

    /// Writes text that is JSON already: `null`, `true`, a time in quotes.
    pub fn raw(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    fn begin(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.depth += 1;
        self.has_element = false;
    }

    fn end(&mut self, bracket: u8) {
        self.depth -= 1;
        if self.pretty && self.has_element {
            self.new_line();
        }
        self.out.push(bracket);
        self.has_element = true;
    }

    fn new_line(&mut self) {
        self.out.push(b'\n');
        self.out.resize(self.out.len() + 4 * self.depth, b' ');
    }
}

/// Appends a JSON string with Go's escapes: `<`, `>`, `&`, U+2028 and U+2029 too, and each byte that is not UTF-8 as `\ufffd`.
pub fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    if text.iter().all(|&byte| plain(byte)) {
        out.extend_from_slice(text);
    } else {
        for chunk in text.utf8_chunks() {
            write_escaped(out, chunk.valid());
            for _ in chunk.invalid() {
                out.extend_from_slice(b"\\ufffd");
            }
        }
    }
    out.push(b'"');
}

/// Whether a byte is a character by itself that needs no escape.
fn plain(byte: u8) -> bool {
    (b' '..0x80).contains(&byte) && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}

fn write_escaped(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut buffer = [0; 4];
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..='\x1f' | '<' | '>' | '&' => {
                let byte = c as usize;
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[byte >> 4], HEX[byte & 15]]);
            }
            '\u{2028}' => out.extend_from_slice(b"\\u2028"),
            '\u{2029}' => out.extend_from_slice(b"\\u2029"),
            _ => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], json: &str) {
        let mut out = Vec::new();
        write_string(&mut out, text);
        assert_eq!(String::from_utf8(out).unwrap(), format!("\"{json}\""));
    }

    // spec: http.json.4
    #[test]
    fn strings_have_gos_escapes() {
        check(b"plain /\x7f", "plain /\x7f");
        check(b"a\"b\\c", r#"a\"b\\c"#);
        check(b"\n\r\t\x08\x0c\x00\x1f", r"\n\r\t\u0008\u000c\u0000\u001f");
        check(b"<a>&", r"\u003ca\u003e\u0026");
        check("é 漢 😀 \u{a0}\u{feff}".as_bytes(), "é 漢 😀 \u{a0}\u{feff}");
        check("\u{2028}\u{2029}\u{202a}".as_bytes(), "\\u2028\\u2029\u{202a}");
    }

    // spec: http.json.5
    #[test]
    fn invalid_bytes_are_escaped_and_replacement_characters_kept() {
        check(b"a\xffb\xc3", r"a\ufffdb\ufffd");
        check(b"\xed\xa0\x80", r"\ufffd\ufffd\ufffd");
        check(b"\xf0\x9f", r"\ufffd\ufffd");
        check("\u{fffd}".as_bytes(), "\u{fffd}");
    }

    fn document(pretty: bool) -> String {
        let mut json = JsonWriter::new(pretty);
        json.begin_object();
        json.key(b"a");
        json.begin_array();
        json.element();
        json.integer(1);
        json.element();
        json.begin_array();
        json.end_array();
        json.end_array();
        json.key(b"b");
        json.raw(b"null");
        json.end_object();
        String::from_utf8(json.take()).unwrap()
    }

    // spec: http.pretty.1
    #[test]
    fn pretty_documents_are_indented_by_four() {
        assert_eq!(document(false), r#"{"a":[1,[]],"b":null}"#);
        assert_eq!(document(true), "{\n    \"a\": [\n        1,\n        []\n    ],\n    \"b\": null\n}");
    }

    #[test]
    fn going_back_restores_the_state() {
        let mut json = JsonWriter::new(false);
        json.begin_array();
        json.element();
        json.integer(1);
        let mut place = json.place();
        json.element();
        json.begin_object();
        json.key(b"x");
        assert_eq!(json.take_before(&mut place), b"[1");
        json.go_back(place);
        json.element();
        json.integer(2);
        json.end_array();
        assert_eq!(json.take(), b",2]");
    }

    proptest::proptest! {
        #[test]
        fn strings_round_trip(text in "\\PC*") {
            let mut out = Vec::new();
            write_string(&mut out, text.as_bytes());
            let read: String = serde_json::from_slice(&out).unwrap();
            proptest::prop_assert_eq!(read, text);
        }
    }
}
