//! Plain text as Markdown and as HTML.

use std::fmt::Write as _;

/// The longest line of a block of text that is shown in full, in characters.
const LINE_MAX: usize = 1_000;

/// The most lines of a block of text that are shown.
const LINES_MAX: usize = 300;

/// Returns Markdown that shows the text as it is, on one line.
pub(super) fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '#' | '$' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns HTML that shows the text as it is.
pub(super) fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns a block of preformatted text in Markdown, and whether it is shorter than the text. Control characters are shown as the
/// pictures that Unicode has for them.
pub(super) fn block(text: &str) -> (String, bool) {
    let text = text.trim_matches('\n');
    let mut is_cut = text.lines().count() > LINES_MAX;
    let mut shown = String::new();
    for line in text.split('\n').take(LINES_MAX) {
        let length = line.chars().count();
        shown.extend(line.chars().take(LINE_MAX).map(visible));
        if length > LINE_MAX {
            let _ = write!(shown, " ... {} more characters", length - LINE_MAX);
            is_cut = true;
        }
        shown.push('\n');
    }
    let runs = shown.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(3.max(runs + 1));
    (format!("{fence}text\n{shown}{fence}\n"), is_cut)
}

fn visible(c: char) -> char {
    match c {
        '\t' => c,
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(c),
        '\x7f' => '\u{2421}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_it_is() {
        assert_eq!(markdown("a_b *c*\n<d> `e` | [f]"), r"a\_b \*c\* \<d\> \`e\` \| \[f\]");
        assert_eq!(html("a < \"b\" & c"), "a &lt; &quot;b&quot; &amp; c");
    }

    #[test]
    fn a_block_is_closed_by_its_own_fence_only() {
        let (text, is_cut) = block("\na ```` b\nc\0\r\n");
        assert_eq!((text.as_str(), is_cut), ("`````text\na ```` b\nc\u{2400}\u{240d}\n`````\n", false));
    }

    #[test]
    fn long_text_is_cut() {
        let (text, is_cut) = block(&"x".repeat(1_500));
        assert!(is_cut && text.ends_with("xx ... 500 more characters\n```\n"), "{text}");
        let (text, is_cut) = block(&"x\n".repeat(400));
        assert!(is_cut && text.lines().count() == 302);
    }
}
