//! A compiled regular expression. Compiling is left to [`compile`](super::compile).

use std::fmt;
use std::sync::Arc;

use super::literals::Literals;

/// A compiled regular expression, with its text. Matches bytes, unanchored.
#[derive(Clone)]
pub struct Regex {
    /// The text between the slashes, `\/` unescaped.
    pub text: String,
    pub(super) form: Arc<Form>,
}

/// What a pattern is compiled to.
pub(super) enum Form {
    Automaton(regex::bytes::Regex),
    /// It matches these whole texts only.
    Literals(Literals),
}

impl Regex {
    /// Whether some part of `text` matches. Bytes that are not UTF-8 are read as U+FFFD.
    pub fn is_match(&self, text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text);
        match &*self.form {
            Form::Automaton(automaton) => automaton.is_match(text.as_bytes()),
            Form::Literals(texts) => texts.contains(&*text),
        }
    }

    /// The whole texts that it matches, in any order, if it is a list of them such as `^(a|b)$`.
    pub fn literals(&self) -> Option<impl Iterator<Item = &str>> {
        match &*self.form {
            Form::Automaton(_) => None,
            Form::Literals(texts) => Some(texts.iter().map(|text| &**text)),
        }
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
