//! Cuts a body into lines.
//!
//! A newline ends a line unless it is in a string or follows a backslash, so finding lines means watching for quotes.
//! Opening quotes are recognised by the same counting as in [`super::fields`].

use std::borrow::Cow;

use fluxstone_compat::LineProtocolSemantics;
use memchr::{memchr, memchr3};

use super::cursor::skip_blanks;

/// The lines of a body that are neither blank nor comments.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    semantics: LineProtocolSemantics,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// From the first byte that is not blank up to the newline.
    pub(super) text: &'a [u8],
    /// Whether messages show a NUL after the line. InfluxDB 1.2.4 does so if the body ends with a backslash.
    nul_in_messages: bool,
}

impl<'a> Line<'a> {
    /// Returns the line as messages show it.
    pub(super) fn echo(&self) -> Cow<'a, [u8]> {
        if self.nul_in_messages { Cow::Owned([self.text, b"\0"].concat()) } else { Cow::Borrowed(self.text) }
    }
}

impl<'a> Lines<'a> {
    pub(super) fn new(body: &'a [u8], semantics: LineProtocolSemantics) -> Self {
        Lines { rest: body, semantics }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            skip_blanks(&mut self.rest);
            let &first = self.rest.first()?;
            let comment = first == b'#';
            let end = if comment && !self.semantics.comments_swallow_lines {
                LineEnd { len: memchr(b'\n', self.rest).unwrap_or(self.rest.len()), cut_escape: false }
            } else {
                line_end(self.rest)
            };
            let (text, rest) = self.rest.split_at(end.len);
            self.rest = rest.get(1..).unwrap_or_default();
            if text.is_empty() || comment {
                continue;
            }
            let nul_in_messages = end.cut_escape && self.semantics.final_backslash;
            // Only an escaped newline, or one in a string that never ends, can be the last byte of a line.
            return Some(Line { text: text.strip_suffix(b"\n").unwrap_or(text), nul_in_messages });
        }
    }
}

/// The end of a line.
struct LineEnd {
    /// The number of bytes before the newline or the end of the body.
    len: usize,
    /// Whether the body ends with a backslash that escapes nothing.
    cut_escape: bool,
}

/// Finds the end of the first line of `body`.
fn line_end(body: &[u8]) -> LineEnd {
    // Most lines have neither strings nor escapes, and end at the first newline.
    let first = memchr3(b'\n', b'"', b'\\', body).unwrap_or(body.len());
    if body.get(first).is_none_or(|&byte| byte == b'\n') {
        return LineEnd { len: first, cut_escape: false };
    }
    let (mut in_fields, mut quoted) = (false, false);
    let (mut equals, mut commas) = (0usize, 0usize);
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        match byte {
            b'\\' => at += 1,
            // As in `series`, the byte before a space decides whether it is part of a name.
            b' ' if at == 0 || body[at - 1] != b'\\' => in_fields = true,
            b'\n' if !quoted => return LineEnd { len: at, cut_escape: false },
            b'=' if in_fields && !quoted => equals += 1,
            b',' if in_fields && !quoted => commas += 1,
            b'"' if equals > commas => quoted = !quoted,
            _ => {}
        }
        at += 1;
    }
    LineEnd { len: body.len(), cut_escape: at > body.len() }
}
