//! Reads the members of a JSON object as Go's `encoding/json` does, and reports faults in its words.
//!
//! A library would suffice for the values, but not for the texts of errors, nor for the raw form of numbers, which decides
//! between integers and floats.

/// Nesting beyond this is refused.
const DEPTH_MAX: usize = 500;

/// The members in order. Names may repeat.
pub type Members = Vec<(String, Member)>;

/// The value of a member. The contents of arrays and objects are checked and skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// In its raw form.
    Number(String),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Why a text is not a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectError {
    /// It is blank.
    Blank,
    /// It ends early.
    Ended,
    /// It has a fault, which the text describes in Go's words.
    Syntax(String),
    /// It is another value, by Go's name of its kind: `string`, `number`, `array`, `bool`.
    Kind(&'static str),
}

/// Reads the object at the beginning of `text`. Returns its members and its length. `null` is an object without members.
pub fn read_object(text: &[u8]) -> Result<(Members, usize), ObjectError> {
    let mut reader = Reader { text, at: 0 };
    reader.blanks();
    if reader.at == text.len() {
        return Err(ObjectError::Blank);
    }
    let mut members = Members::new();
    let kind = match reader.value(0, Some(&mut members))? {
        Member::Object | Member::Null => return Ok((members, reader.at)),
        Member::Boolean(_) => "bool",
        Member::Number(_) => "number",
        Member::String(_) => "string",
        Member::Array => "array",
    };
    Err(ObjectError::Kind(kind))
}

/// Returns Go's complaint about the first character of `text` from `at` on that is not blank, if there is one.
pub fn trailing(text: &[u8], at: usize) -> Option<String> {
    let mut reader = Reader { text, at };
    reader.blanks();
    text.get(reader.at).map(|&byte| unexpected(byte, "after top-level value"))
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        while self.text.get(self.at).is_some_and(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Skips blanks and returns the next byte without consuming it.
    fn peek(&mut self) -> Result<u8, ObjectError> {
        self.blanks();
        self.here()
    }

    fn here(&self) -> Result<u8, ObjectError> {
        self.text.get(self.at).copied().ok_or(ObjectError::Ended)
    }

    fn syntax<T>(&self, context: &str) -> Result<T, ObjectError> {
        Err(ObjectError::Syntax(unexpected(self.here()?, context)))
    }

    fn value(&mut self, depth: usize, members: Option<&mut Members>) -> Result<Member, ObjectError> {
        match self.peek()? {
            _ if depth > DEPTH_MAX => Err(ObjectError::Syntax("exceeded max depth".to_owned())),
            b'{' => self.object(depth, members),
            b'[' => self.array(depth),
            b'"' => Ok(Member::String(self.string()?)),
            b't' => self.literal("true", Member::Boolean(true)),
            b'f' => self.literal("false", Member::Boolean(false)),
            b'n' => self.literal("null", Member::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.syntax("looking for beginning of value"),
        }
    }

    fn object(&mut self, depth: usize, mut members: Option<&mut Members>) -> Result<Member, ObjectError> {
        self.at += 1;
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(Member::Object);
        }
        loop {
            if self.peek()? != b'"' {
                return self.syntax("looking for beginning of object key string");
            }
            let name = self.string()?;
            if self.peek()? != b':' {
                return self.syntax("after object key");
            }
            self.at += 1;
            let value = self.value(depth + 1, None)?;
            if let Some(members) = &mut members {
                members.push((name, value));
            }
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(Member::Object);
                }
                _ => return self.syntax("after object key:value pair"),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Member, ObjectError> {
        self.at += 1;
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(Member::Array);
        }
        loop {
            self.value(depth + 1, None)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(Member::Array);
                }
                _ => return self.syntax("after array element"),
            }
        }
    }

    fn literal(&mut self, word: &str, value: Member) -> Result<Member, ObjectError> {
        for expected in word.bytes() {
            if self.here()? != expected {
                return self.syntax(&format!("in literal {word} (expecting '{}')", expected as char));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Member, ObjectError> {
        let start = self.at;
        if self.here()? == b'-' {
            self.at += 1;
        }
        match self.here()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            _ => return self.syntax("in numeric literal"),
        }
        if self.here() == Ok(b'.') {
            self.at += 1;
            if !self.here()?.is_ascii_digit() {
                return self.syntax("after decimal point in numeric literal");
            }
            self.digits();
        }
        if matches!(self.here(), Ok(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.here()?, b'+' | b'-') {
                self.at += 1;
            }
            if !self.here()?.is_ascii_digit() {
                return self.syntax("in exponent of numeric literal");
            }
            self.digits();
        }
        Ok(Member::Number(String::from_utf8_lossy(&self.text[start..self.at]).into_owned()))
    }

    fn digits(&mut self) {
        while self.here().is_ok_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn string(&mut self) -> Result<String, ObjectError> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let byte = self.here()?;
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(String::from_utf8_lossy(&bytes).into_owned());
                }
                b'\\' => {
                    self.at += 1;
                    let c = self.escape()?;
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..b' ' => return self.syntax("in string literal"),
                _ => {
                    bytes.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// Reads an escape after its backslash.
    fn escape(&mut self) -> Result<char, ObjectError> {
        let c = match self.here()? {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            byte @ (b'"' | b'\\' | b'/') => byte as char,
            b'u' => {
                self.at += 1;
                let unit = self.hexadecimal()?;
                let pair_follows = (0xd800..0xdc00).contains(&unit) && self.text[self.at..].starts_with(b"\\u");
                if pair_follows {
                    let low_at = self.at;
                    self.at += 2;
                    let low = self.hexadecimal()?;
                    if let Some(Ok(c)) = char::decode_utf16([unit as u16, low as u16]).next() {
                        return Ok(c);
                    }
                    self.at = low_at;
                }
                return Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            _ => return self.syntax("in string escape code"),
        };
        self.at += 1;
        Ok(c)
    }

    fn hexadecimal(&mut self) -> Result<u32, ObjectError> {
        let mut unit = 0;
        for _ in 0..4 {
            match (self.here()? as char).to_digit(16) {
                Some(digit) => unit = unit * 16 + digit,
                None => return self.syntax("in \\u hexadecimal character escape"),
            }
            self.at += 1;
        }
        Ok(unit)
    }
}

/// Returns Go's complaint about an unexpected byte.
fn unexpected(byte: u8, context: &str) -> String {
    let shown = match byte {
        b'\'' => "\\'".to_owned(),
        b'"' => "\"".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        0..b' ' | 0x7f => format!("\\x{byte:02x}"),
        0x80..=0xa0 | 0xad => format!("\\u{byte:04x}"),
        _ => (byte as char).to_string(),
    };
    format!("invalid character '{shown}' {context}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Members {
        read_object(text.as_bytes()).unwrap().0
    }

    fn check_error(text: &str, error: ObjectError) {
        assert_eq!(read_object(text.as_bytes()), Err(error), "{text}");
    }

    fn check_syntax(text: &str, words: &str) {
        check_error(text, ObjectError::Syntax(words.to_owned()));
    }

    #[test]
    fn members_keep_their_order_and_numbers_their_raw_form() {
        let text =
            r#" {"a":"x\n\u00e9\ud83d\ude00\ud83d","b":-1.50e+2,"a":null,"c":[1,{"d":[]}],"e":{},"f":true} tail"#;
        let want = [
            ("a", Member::String("x\né😀\u{fffd}".into())),
            ("b", Member::Number("-1.50e+2".into())),
            ("a", Member::Null),
            ("c", Member::Array),
            ("e", Member::Object),
            ("f", Member::Boolean(true)),
        ];
        assert_eq!(members(text), want.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(members("null"), []);
        assert_eq!(members("{ }"), []);
    }

    #[test]
    fn faults_are_reported_in_gos_words() {
        check_error("  ", ObjectError::Blank);
        for text in ["{", "{\"x\"", "{\"x\":\"b\"", "{\"x\":-", "{\"x\":tru", "{\"x\":\"\\u12"] {
            check_error(text, ObjectError::Ended);
        }
        check_error("[1]", ObjectError::Kind("array"));
        check_error("5", ObjectError::Kind("number"));
        check_syntax("nope", "invalid character 'o' in literal null (expecting 'u')");
        check_syntax("{\"x\":}", "invalid character '}' looking for beginning of value");
        check_syntax("{'x':1}", "invalid character '\\'' looking for beginning of object key string");
        check_syntax("{\"x\" \"b\"}", "invalid character '\"' after object key");
        check_syntax("{\"x\":1 2}", "invalid character '2' after object key:value pair");
        check_syntax("{\"x\":[1 2]}", "invalid character '2' after array element");
        check_syntax("{\"x\":-a}", "invalid character 'a' in numeric literal");
        check_syntax("{\"x\":1.a}", "invalid character 'a' after decimal point in numeric literal");
        check_syntax("{\"x\":1ea}", "invalid character 'a' in exponent of numeric literal");
        check_syntax("{\"x\":\"\\q\"}", "invalid character 'q' in string escape code");
        check_syntax("{\"x\":\"\\u12g4\"}", "invalid character 'g' in \\u hexadecimal character escape");
        check_syntax("{\"x\":\"\n\"}", "invalid character '\\n' in string literal");
        check_syntax("{\"x\":1,}", "invalid character '}' looking for beginning of object key string");
    }

    #[test]
    fn nesting_is_limited() {
        check_syntax(&format!("{{\"x\":{}", "[".repeat(100_000)), "exceeded max depth");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let strict = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&text);
            if strict.is_ok() {
                proptest::prop_assert!(read_object(&text).is_ok());
            }
        }

        #[test]
        fn every_string_reads_back(text in "\\PC*") {
            let json = serde_json::json!({ "x": text.clone() }).to_string();
            proptest::prop_assert_eq!(members(&json), [("x".to_owned(), Member::String(text))]);
        }
    }
}
