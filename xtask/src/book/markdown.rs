//! Reads and changes Markdown by its structure: links, code in running text, and anchors.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use regex::Regex;

/// The identifiers and links in raw HTML.
static ATTRIBUTE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\b(id|href)="([^"]*)""#).unwrap_or_else(|error| unreachable!("{error}")));

/// Something in running text that may refer to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mention<'m> {
    /// A link to an address.
    Link(&'m str),
    /// Code outside links and headings.
    Code(&'m str),
}

/// What becomes of a mention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It stays as it is.
    Keep,
    /// It leads to this address.
    Link(String),
    /// Its text stays, without a link.
    Text,
}

/// The anchors of a page, and the addresses of its links.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct References {
    pub(super) anchors: BTreeSet<String>,
    pub(super) links: Vec<String>,
}

/// Returns the text with its mentions changed.
pub(super) fn rewrite(text: &str, mut change: impl FnMut(Mention<'_>) -> Change) -> String {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let (mut in_link, mut in_heading) = (false, false);
    for (event, range) in parser(text).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. }) => in_heading = true,
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::Link { dest_url, .. }) => {
                in_link = true;
                let change = change(Mention::Link(&dest_url));
                edits.extend(edit_of_link(&text[range.clone()], range.start, &change));
            }
            Event::End(TagEnd::Link) => in_link = false,
            Event::Code(code) if !in_link && !in_heading => {
                if let Change::Link(address) = change(Mention::Code(&code)) {
                    edits.push((range.clone(), format!("[{}]({address})", &text[range])));
                }
            }
            _ => {}
        }
    }
    let mut changed = text.to_owned();
    for (range, replacement) in edits.into_iter().rev() {
        changed.replace_range(range, &replacement);
    }
    changed
}

/// Returns the edit that changes a link, `[text](address)`, which begins at `start`.
fn edit_of_link(link: &str, start: usize, change: &Change) -> Option<(Range<usize>, String)> {
    let between = link.rfind("](")?;
    match change {
        Change::Keep => None,
        Change::Link(address) => Some((start + between + 2..start + link.len() - 1, address.clone())),
        Change::Text => Some((start..start + link.len(), link[1..between].to_owned())),
    }
}

/// Returns the anchors and links of a page.
pub(super) fn references(text: &str) -> References {
    let mut found = References::default();
    let mut heading: Option<String> = None;
    for event in parser(text) {
        match event {
            Event::Start(Tag::Heading { id: Some(id), .. }) => {
                found.anchors.insert(id.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                if let Some(text) = heading.take() {
                    let id = unused(&found.anchors, anchor(&text));
                    found.anchors.insert(id);
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                found.links.push(dest_url.into_string());
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                for attribute in ATTRIBUTE.captures_iter(&html) {
                    let (_, [name, value]) = attribute.extract();
                    match name {
                        "id" => drop(found.anchors.insert(value.to_owned())),
                        _ => found.links.push(value.to_owned()),
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// The extensions of Markdown that mdbook reads.
fn parser(text: &str) -> Parser<'_> {
    let extensions = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES;
    Parser::new_ext(text, extensions)
}

/// Returns the anchor that mdbook gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || c.is_whitespace() || matches!(c, '_' | '-'));
    kept.collect::<String>().to_lowercase().replace(char::is_whitespace, "-")
}

/// Returns the anchor with a number if it is taken.
fn unused(taken: &BTreeSet<String>, anchor: String) -> String {
    if !taken.contains(&anchor) {
        return anchor;
    }
    let mut numbered = (1..).map(|n| format!("{anchor}-{n}"));
    numbered.find(|candidate| !taken.contains(candidate)).unwrap_or(anchor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_code_in_running_text_are_changed() {
        let text = "# `x`\n[a `x`](b.md#c), `x` and [d](e.md)\n\n```\n`x` [f](g.md)\n```\n| `x` |\n|---|\n";
        let changed = rewrite(text, |mention| match mention {
            Mention::Link("b.md#c") => Change::Link("h.md".to_owned()),
            Mention::Link(_) => Change::Text,
            Mention::Code("x") => Change::Link("i.md#x".to_owned()),
            Mention::Code(_) => Change::Keep,
        });
        let want = "# `x`\n[a `x`](h.md), [`x`](i.md#x) and d\n\n```\n`x` [f](g.md)\n```\n| [`x`](i.md#x) |\n|---|\n";
        assert_eq!(changed, want);
    }

    #[test]
    fn anchors_are_those_of_headings_and_of_html() {
        let text = "# A *title*, `q`: x\n## A title q x\n### c.1 {#c.1 .clause}\n<a id=\"d\"></a> [l](m.md)\n\n<p><a href=\"n\">\n\n## A title q x\n";
        let found = references(text);
        let want = ["a-title-q-x", "a-title-q-x-1", "a-title-q-x-2", "c.1", "d"];
        assert_eq!(found.anchors, want.map(str::to_owned).into());
        assert_eq!(found.links, ["m.md", "n"]);
    }
}
