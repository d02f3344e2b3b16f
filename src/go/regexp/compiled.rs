//! A compiled regular expression. Compiling is left to [`compile`](super::compile).

use std::fmt;
use std::sync::Arc;

/// A compiled regular expression, with its text. Matches bytes, unanchored.
#[derive(Clone)]
pub struct Regex {
    /// The text between the slashes, `\/` unescaped.
    pub text: String,
    /// The compiled form.
    pub compiled: Arc<regex::bytes::Regex>,
}

impl Regex {
    /// Whether some part of `text` matches. Bytes that are not UTF-8 are read as U+FFFD.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.compiled.is_match(String::from_utf8_lossy(text).as_bytes())
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.text)
    }
}

/// Displays as a literal: between slashes, `/` escaped.
impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.text.replace('/', "\\/"))
    }
}
