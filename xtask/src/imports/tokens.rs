//! Splits Rust source into words and punctuation, without comments, literals, and items that are compiled for tests only.
//!
//! The input is assumed to compile.

/// A word, `::`, or a single punctuation character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// The line that it is on, from 1.
    pub(super) line: usize,
}

/// Returns the tokens of a source text, without tests.
pub(super) fn without_tests(text: &str) -> Vec<Token<'_>> {
    let tokens = tokens(text);
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let Some((end, is_for_tests)) = attribute(&tokens, at) else {
            kept.push(tokens[at]);
            at += 1;
            continue;
        };
        at = if is_for_tests { end_of_item(&tokens, end) } else { end };
    }
    kept
}

/// Returns the end of the attribute that starts at `at`, if one does, and whether it restricts an item to tests.
fn attribute(tokens: &[Token<'_>], at: usize) -> Option<(usize, bool)> {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    let open = if is(at + 1, "!") { at + 2 } else { at + 1 };
    if !is(at, "#") || !is(open, "[") {
        return None;
    }
    let end = end_of_group(tokens, open);
    let words: Vec<&str> = tokens[open + 1..end].iter().map(|token| token.text).collect();
    let is_for_tests = words.starts_with(&["test"])
        || words.starts_with(&["cfg", "(", "test"])
        || words.starts_with(&["cfg", "(", "all", "(", "test"]);
    Some((end, is_for_tests))
}

/// Returns the index after the bracket that closes the one at `open`.
fn end_of_group(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Returns the index after the item that starts at `at` with its attributes.
fn end_of_item(tokens: &[Token<'_>], mut at: usize) -> usize {
    while let Some((end, _)) = attribute(tokens, at) {
        at = end;
    }
    let mut is_use = false;
    while let Some(token) = tokens.get(at) {
        match token.text {
            ";" => return at + 1,
            "use" => is_use = true,
            "(" | "[" => {
                at = end_of_group(tokens, at);
                continue;
            }
            "{" => {
                at = end_of_group(tokens, at);
                if !is_use {
                    return at;
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    at
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let skipped = blank(rest).or_else(|| literal(rest));
        let length = skipped.unwrap_or_else(|| {
            let length = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push(Token { text: &rest[..length], line });
            length
        });
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the length of the white space or comment at the start, if there is one.
fn blank(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        let length = rest.len() - rest.trim_start().len();
        return (length > 0).then_some(length);
    }
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let (open, close) = (rest[at..].find("/*"), rest[at..].find("*/"));
        match (open, close) {
            (Some(open), Some(close)) if open < close => (at, depth) = (at + open + 2, depth + 1),
            (_, Some(close)) => (at, depth) = (at + close + 2, depth - 1),
            (_, None) => return Some(rest.len()),
        }
    }
    Some(at)
}

/// Returns the length of the string, character or lifetime at the start, if there is one.
fn literal(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let quoted = rest.strip_prefix(prefix).unwrap_or_default();
        let quoted = if prefix.ends_with('r') { quoted.trim_start_matches('#') } else { quoted };
        quoted.starts_with('"') || (matches!(*prefix, "" | "b") && quoted.starts_with('\''))
    })?;
    let body = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let from = hashes + 1;
        let close = body[from..].find(&end).map_or(body.len(), |at| from + at + end.len());
        return Some(prefix.len() + close);
    }
    if let Some(after) = body.strip_prefix('\'') {
        let mut chars = after.chars();
        let first = chars.next()?;
        if first != '\\' && chars.next() != Some('\'') {
            return Some(prefix.len() + 1 + after.find(|c| !is_word(c)).unwrap_or(after.len()));
        }
    }
    let quote = body.chars().next()?;
    let mut is_escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return Some(prefix.len() + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> String {
        without_tests(source).iter().map(|token| token.text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_left_out() {
        let source = "a // b\n/* c /* d */ e */ f::g \"h \\\" i\" r#\"j \" k\"# b'l' '\\'' 'm' x: &'n str br\"o\" rest";
        assert_eq!(texts(source), "a f :: g x : & str rest");
    }

    #[test]
    fn tokens_know_their_lines() {
        let lines: Vec<usize> = without_tests("a\n/*\n*/ b\n\"\n\" c").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 3, 5]);
    }

    #[test]
    fn items_for_tests_are_left_out() {
        for (source, expected) in [
            ("#[cfg(test)]\nmod tests;\nfn f() {}", "fn f ( ) { }"),
            ("#[cfg(test)] #[allow(x)] use a::{b, c}; d", "d"),
            ("#[cfg(test)] fn f() -> [u8; 2] { g(); } h", "h"),
            ("#[cfg(not(test))] use a; b", "use a ; b"),
            ("#![allow(x)] a #[test] fn t() {} b", "a b"),
        ] {
            assert_eq!(texts(source), expected, "{source}");
        }
    }
}
