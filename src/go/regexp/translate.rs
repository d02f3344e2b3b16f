//! Reads a pattern as RE2 does, and writes it in the syntax of the `regex` crate.
//!
//! One pass without recursion: a stack holds, for each open group, whether there is an item to repeat and how often items are
//! repeated already. Classes and escapes are left to `class`.

use super::class::{self, Class, consumed};
use super::error::{Reason, RegexError};

/// The largest repeat count, also of nested repetitions multiplied.
const REPEAT_MAX: u32 = 1000;

/// Returns a pattern in the syntax of the `regex` crate that matches the same texts as `pattern` in RE2.
pub(super) fn translate(pattern: &str) -> Result<String, RegexError> {
    let mut translator = Translator {
        pattern,
        rest: pattern,
        output: String::with_capacity(pattern.len() + 8),
        groups: vec![Group::default()],
        last_repetition: None,
    };
    while !translator.rest.is_empty() {
        translator.step()?;
    }
    if translator.groups.len() > 1 {
        return Err(Reason::MissingParenthesis.at(pattern));
    }
    Ok(translator.output)
}

/// An open group.
#[derive(Default)]
struct Group {
    /// The most repetitions of the last item, if there is one.
    last: Option<u32>,
    /// The most repetitions of any item.
    most: u32,
}

struct Translator<'p> {
    pattern: &'p str,
    rest: &'p str,
    output: String,
    /// The open groups; the first is the whole pattern.
    groups: Vec<Group>,
    /// The text from the repetition operator that ends where `rest` begins.
    last_repetition: Option<&'p str>,
}

impl<'p> Translator<'p> {
    fn step(&mut self) -> Result<(), RegexError> {
        let before = self.rest;
        let Some(c) = before.chars().next() else { return Ok(()) };
        let previous = self.last_repetition.take();
        let after = before.get(c.len_utf8()..).unwrap_or("");
        match c {
            '*' | '+' | '?' => return self.repetition(previous, after, 1),
            '{' => {
                if let Some((least, most, after)) = counts(before) {
                    let count = most.unwrap_or(least);
                    if least.max(count) > REPEAT_MAX || count < least {
                        return Err(Reason::RepeatCount.at(consumed(before, after)));
                    }
                    return self.repetition(previous, after, count.max(1));
                }
                self.item("\\{");
            }
            '(' if before.starts_with("(?") => return self.flags_or_group(),
            // Captures are never used, and they take memory for each state.
            '(' => self.open("(?:"),
            ')' => self.close()?,
            '|' => {
                self.output.push('|');
                self.group().last = None;
            }
            '[' => {
                let (class, after) = class::bracket(before)?;
                self.class(&class);
                self.rest = after;
                return Ok(());
            }
            '^' | '$' | '.' => self.item(c.encode_utf8(&mut [0; 4])),
            '\\' => return self.backslash(),
            c => self.literal(c),
        }
        self.rest = after;
        Ok(())
    }

    /// The innermost open group.
    fn group(&mut self) -> &mut Group {
        if self.groups.is_empty() {
            self.groups.push(Group::default());
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    /// Records an item that contains up to `repeated` repetitions.
    fn note(&mut self, repeated: u32) {
        let group = self.group();
        group.last = Some(repeated);
        group.most = group.most.max(repeated);
    }

    fn item(&mut self, text: &str) {
        self.output.push_str(text);
        self.note(1);
    }

    fn literal(&mut self, c: char) {
        self.output.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        self.note(1);
    }

    fn class(&mut self, class: &Class) {
        self.output.push_str(&class.to_string());
        self.note(1);
    }

    fn open(&mut self, text: &str) {
        self.output.push_str(text);
        self.groups.push(Group::default());
    }

    fn close(&mut self) -> Result<(), RegexError> {
        if self.groups.len() < 2 {
            return Err(Reason::UnexpectedParenthesis.at(self.pattern));
        }
        let repeated = self.groups.pop().map_or(1, |group| group.most.max(1));
        self.output.push(')');
        self.note(repeated);
        Ok(())
    }

    /// Takes a repetition operator from the beginning of `rest` to `after`, without a `?` that makes it reluctant.
    /// `previous` is the text from the operator that ends at `rest`, if there is one.
    fn repetition(&mut self, previous: Option<&'p str>, after: &'p str, count: u32) -> Result<(), RegexError> {
        let before = self.rest;
        let after = after.strip_prefix('?').unwrap_or(after);
        let operator = consumed(before, after);
        if let Some(previous) = previous {
            return Err(Reason::NestedRepetition.at(consumed(previous, after)));
        }
        let Some(repeated) = self.group().last else { return Err(Reason::MissingArgument.at(operator)) };
        let total = repeated.saturating_mul(count);
        if count > 1 && total > REPEAT_MAX {
            return Err(Reason::RepeatCount.at(operator));
        }
        self.output.push_str(operator);
        self.note(total);
        self.last_repetition = Some(before);
        self.rest = after;
        Ok(())
    }

    /// Takes `(?P<name>`, `(?flags)` or `(?flags:`.
    fn flags_or_group(&mut self) -> Result<(), RegexError> {
        let before = self.rest;
        if before.starts_with("(?P<") {
            let end = before.find('>').ok_or_else(|| Reason::NamedCapture.at(before))?;
            let (group, after) = before.split_at_checked(end + 1).unwrap_or((before, ""));
            let name = group.get(4..end).unwrap_or("");
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(Reason::NamedCapture.at(group));
            }
            self.open("(?:");
            self.rest = after;
            return Ok(());
        }
        let mut negative = false;
        let mut seen = false;
        let flags = before.char_indices().skip(2);
        for (at, c) in flags {
            let (group, after) = before.split_at_checked(at + c.len_utf8()).unwrap_or((before, ""));
            match c {
                'i' | 'm' | 's' | 'U' => seen = true,
                '-' if !negative => (negative, seen) = (true, false),
                ':' | ')' if seen || !negative => {
                    match c {
                        ':' => self.open(group),
                        // The engine has no empty group of flags.
                        _ if group == "(?)" => {}
                        _ => self.output.push_str(group),
                    }
                    self.rest = after;
                    return Ok(());
                }
                _ => return Err(Reason::PerlSyntax.at(group)),
            }
        }
        Err(Reason::PerlSyntax.at(before))
    }

    fn backslash(&mut self) -> Result<(), RegexError> {
        let before = self.rest;
        let mut chars = before.chars();
        let escaped = chars.nth(1);
        self.rest = chars.as_str();
        match escaped {
            Some('A') => self.item("\\A"),
            Some('z') => self.item("\\z"),
            Some('b') => self.item("(?-u:\\b)"),
            Some('B') => self.item("(?-u:\\B)"),
            Some('Q') => {
                let (quoted, after) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                quoted.chars().for_each(|c| self.literal(c));
                self.rest = after;
            }
            _ => {
                if let Some((class, after)) = class::escaped(before)? {
                    self.class(&class);
                    self.rest = after;
                } else {
                    let (c, after) = class::escape(before)?;
                    self.literal(c);
                    self.rest = after;
                }
            }
        }
        Ok(())
    }
}

/// Reads `{n}`, `{n,}` or `{n,m}`. Returns the counts and the rest. Anything else is literal text.
fn counts(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let (least, rest) = digits(text.strip_prefix('{')?)?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((least, Some(least), rest));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((least, None, rest));
    }
    let (most, rest) = digits(rest)?;
    Some((least, Some(most), rest.strip_prefix('}')?))
}

/// Reads a number without leading zeros. Returns the number, capped at `u32::MAX`, and the rest.
fn digits(text: &str) -> Option<(u32, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(length)?;
    if number.is_empty() || (number.len() > 1 && number.starts_with('0')) {
        return None;
    }
    Some((number.parse().unwrap_or(u32::MAX), rest))
}
