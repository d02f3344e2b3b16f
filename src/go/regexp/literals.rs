//! Patterns that list whole texts, such as `^(a|b)$`. Dashboards write long lists of names like this, because InfluxQL has no IN.
//!
//! Such a list is looked up in a set, which takes less memory than an automaton by far and has no limit of its own. Every pattern
//! that is not recognised here is still compiled.

use std::collections::HashSet;

/// The most bytes of memory that a text of a set takes beyond its bytes.
const TEXT_OVERHEAD: usize = 64;

/// The whole texts that a pattern matches, and no others.
pub(super) type Literals = HashSet<Box<str>>;

/// The most bytes of memory that [`literals`] takes for `pattern`.
pub(super) fn literal_bytes_max(pattern: &str) -> usize {
    let texts = pattern.bytes().filter(|byte| *byte == b'|').count() + 1;
    pattern.len().saturating_add(texts.saturating_mul(TEXT_OVERHEAD))
}

/// Whether a pattern may be a list of whole texts, decided without memory.
pub(super) fn may_be_literals(pattern: &str) -> bool {
    let Some(inner) = whole(pattern) else { return false };
    inner.split('|').all(|text| each_character(text, &mut |_| ()).is_some())
}

/// Returns the texts of a pattern of the form `^(a|b)$`, `^(?:a|b)$` or `^a$`. A text consists of characters without a meaning, and
/// of escaped punctuation.
pub(super) fn literals(pattern: &str) -> Option<Literals> {
    let inner = whole(pattern)?;
    inner.split('|').map(text_of).collect()
}

/// What is between the ends of a pattern that matches whole texts. A single text needs no parentheses; several do.
fn whole(pattern: &str) -> Option<&str> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    match inner.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => Some(inner.strip_prefix("?:").unwrap_or(inner)),
        None if inner.contains('|') => None,
        None => Some(inner),
    }
}

fn text_of(pattern: &str) -> Option<Box<str>> {
    let mut text = String::with_capacity(pattern.len());
    each_character(pattern, &mut |character| text.push(character))?;
    Some(text.into())
}

/// Calls `found` with the characters of a text. Returns `None` if it is empty or not a literal.
fn each_character(pattern: &str, found: &mut dyn FnMut(char)) -> Option<()> {
    let mut characters = pattern.chars();
    if pattern.is_empty() {
        return None;
    }
    while let Some(character) = characters.next() {
        let literal = match character {
            '\\' => characters.next().filter(char::is_ascii_punctuation)?,
            // The last one stands for every byte that is not UTF-8.
            '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' | char::REPLACEMENT_CHARACTER => {
                return None;
            }
            other => other,
        };
        found(literal);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, want: Option<&[&str]>) {
        let want = want.map(|texts| texts.iter().map(|text| Box::from(*text)).collect::<Literals>());
        assert_eq!(literals(pattern), want, "{pattern}");
        assert_eq!(may_be_literals(pattern), want.is_some(), "{pattern}");
    }

    // spec: influxql.limit.3
    #[test]
    fn lists_of_whole_texts_are_recognised() {
        check("^(a_1|b-2)$", Some(&["a_1", "b-2"]));
        check("^(?:a|b)$", Some(&["a", "b"]));
        check("^(a)$", Some(&["a"]));
        check("^a b$", Some(&["a b"]));
        check("^(a\\.b|c\\/\\\\|é)$", Some(&["a.b", "c/\\", "é"]));
        check("^(a\\.|a\\$)$", Some(&["a.", "a$"]));
    }

    // spec: influxql.regex.3
    #[test]
    fn patterns_with_a_meaning_of_their_own_are_left_to_the_engine() {
        for other in [
            "^$",
            "^()$",
            "^(a|)$",
            "^(a.|b)$",
            "a|b",
            "^a|b$",
            "^(a|(b))$",
            "(?i)^(a|b)$",
            "^(?i:a|b)$",
            "^(a)|(b)$",
            "^(a|b\\)$",
            "^(a\\|b)$",
            "^(a|\\d)$",
            "^(a|b{2})$",
            "^(a|[b])$",
            "^(a|b)\\$",
            "^(\u{fffd}|a)$",
            "^",
            "$",
            "^(a|b)+$",
            "^\\(a|b\\)$",
            "^(a|^b)$",
        ] {
            check(other, None);
        }
    }
}
