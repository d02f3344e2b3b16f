//! The pages of the grammars: each rule is an anchor, and each use of a rule and each clause is a link.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;

use super::plain;

/// The tokens of ABNF that hold no rule, the names of rules, and the rest.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?P<opaque>"[^"]*"|%[a-zA-Z][0-9A-Fa-f.-]*|<[^>]*>)|(?P<name>[A-Za-z][A-Za-z0-9-]*)"#)
        .unwrap_or_else(|error| unreachable!("{error}"))
});

/// The identifier of a clause in a comment.
static CLAUSE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[1-9][0-9]*").unwrap_or_else(|error| unreachable!("{error}"))
});

/// Returns the page of a grammar. `link_of` gives the address of a clause from there, if there is such a clause.
pub(super) fn page(name: &str, text: &str, link_of: impl Fn(&str) -> Option<String>) -> String {
    let rules: BTreeSet<String> = text.lines().filter_map(defined).map(str::to_ascii_lowercase).collect();
    let mut html = String::new();
    for line in text.lines() {
        let (code, comment) = split_comment(line);
        let body = match defined(code) {
            Some(rule) => {
                let anchor = anchor(rule);
                let _ = write!(html, "<a id=\"{anchor}\" href=\"#{anchor}\" class=\"rule\">{rule}</a>");
                &code[rule.len()..]
            }
            None => code,
        };
        html.push_str(&linked_rules(body, &rules));
        html.push_str(&linked_clauses(comment, &link_of));
        html.push('\n');
    }
    format!(
        "# The grammar of {name}\n\nEach name leads to its rule, and each clause to its text.\n\n<pre class=\"grammar\">\n{html}</pre>\n"
    )
}

fn anchor(rule: &str) -> String {
    format!("rule-{}", rule.to_ascii_lowercase())
}

/// Returns the name of the rule that a line defines.
fn defined(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    let name = name.trim_end();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_name.then_some(name)
}

/// Splits a line before its comment.
fn split_comment(line: &str) -> (&str, &str) {
    let mut is_quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => return line.split_at(at),
            _ => {}
        }
    }
    (line, "")
}

fn linked_rules(code: &str, rules: &BTreeSet<String>) -> String {
    let mut html = String::new();
    let mut end = 0;
    for token in TOKEN.find_iter(code) {
        html.push_str(&plain::html(&code[end..token.start()]));
        let text = plain::html(token.as_str());
        if rules.contains(&token.as_str().to_ascii_lowercase()) {
            let _ = write!(html, "<a href=\"#{}\">{text}</a>", anchor(token.as_str()));
        } else {
            html.push_str(&text);
        }
        end = token.end();
    }
    html + &plain::html(&code[end..])
}

fn linked_clauses(comment: &str, link_of: impl Fn(&str) -> Option<String>) -> String {
    if comment.is_empty() {
        return String::new();
    }
    let escaped = plain::html(comment);
    let linked = CLAUSE.replace_all(&escaped, |found: &regex::Captures<'_>| {
        let id = &found[0];
        link_of(id).map_or_else(|| id.to_owned(), |link| format!("<a href=\"{link}\">{id}</a>"))
    });
    format!("<i>{linked}</i>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_clauses_are_linked() {
        let text =
            "; See a.b.1 and <x>.\nline = *Blank \"line;\" / <not before line>  ; a.b.2\nblank =  %x20\n      / line\n";
        let page = page("x", text, |id| (id == "a.b.1").then(|| "../a.md#a.b.1".to_owned()));
        let (_, grammar) = page.split_once("<pre class=\"grammar\">\n").unwrap();
        let lines: Vec<&str> = grammar.lines().collect();
        assert_eq!(lines[0], "<i>; See <a href=\"../a.md#a.b.1\">a.b.1</a> and &lt;x&gt;.</i>");
        assert_eq!(
            lines[1],
            "<a id=\"rule-line\" href=\"#rule-line\" class=\"rule\">line</a> = *<a href=\"#rule-blank\">Blank</a> &quot;line;&quot; / \
             &lt;not before line&gt;  <i>; a.b.2</i>"
        );
        assert!(lines[2].starts_with("<a id=\"rule-blank\"") && lines[2].ends_with("=  %x20"));
        assert_eq!(lines[3], "      / <a href=\"#rule-line\">line</a>");
    }
}
