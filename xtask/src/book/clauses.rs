//! The pages of clauses: each clause is a heading of its own, followed by its text and by what is known about it.

use std::fmt::Write as _;

use fluxstone_conformance::case::ClauseId;

use super::material::Material;
use super::{place, plain};
use crate::tree::File;

/// Returns the page of a file with clauses.
pub(super) fn page(material: &Material, file: &File, page: &str, violations: &mut Vec<String>) -> String {
    let text = material.linked(file, page, violations);
    let mut out = String::with_capacity(text.len() * 2);
    let (mut open, mut level, mut fenced) = (None, 1, false);
    for line in text.lines() {
        let begins_clause =
            if fenced { None } else { line.strip_prefix("**[").and_then(|rest| rest.split_once("]**")) };
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let is_heading = !fenced && line.starts_with('#');
        if is_heading || begins_clause.is_some() {
            close(material, page, open.take(), &mut out);
        }
        if let Some((id, rest)) = begins_clause {
            // Below the heading that it is under, so that the outline of the page has no gap.
            let marks = "#".repeat((level + 1).clamp(3, 6));
            let _ = writeln!(out, "{marks} {id} {{#{id} .clause}}\n\n{}", rest.trim_start());
            open = ClauseId::try_from(id.to_owned()).ok();
            continue;
        }
        if is_heading {
            level = line.bytes().take_while(|&b| b == b'#').count();
        }
        let _ = writeln!(out, "{line}");
    }
    close(material, page, open, &mut out);
    out
}

/// Writes what is known about the clause that ends here.
fn close(material: &Material, page: &str, clause: Option<ClauseId>, out: &mut String) {
    if let Some(clause) = clause {
        out.truncate(out.trim_end().len());
        let _ = write!(out, "\n\n{}\n", evidence(material, page, &clause));
    }
}

/// Returns what is known about a clause: cases, tests, the faults that these notice, and the code that refers to it.
fn evidence(material: &Material, page: &str, clause: &ClauseId) -> String {
    let (cases, tests) = (material.cases_of(clause), material.citations_of(clause, true));
    let (faults, code) = (material.faults_of(clause), material.citations_of(clause, false));
    let counts = [
        (cases.len(), "case", "cases"),
        (tests.len(), "test", "tests"),
        (faults.len(), "noticed fault", "noticed faults"),
        (code.len(), "place in the code", "places in the code"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
    if counts.is_empty() {
        return "<p class=\"evidence\">No case or test cites it.</p>\n".to_owned();
    }
    let mut text = format!("<details class=\"evidence\"><summary>{}</summary>\n\n", counts.join(", "));
    if !cases.is_empty() {
        text.push_str("Cases:\n\n");
    }
    for case in cases {
        let link = place::link(page, &place::page_of_cases(&case.file), case.id.as_str());
        let _ = writeln!(text, "- [{}]({link}): {}", case.id, plain::markdown(&case.about));
    }
    if !tests.is_empty() {
        text.push_str("\nTests:\n\n");
    }
    for test in tests {
        let (name, link) = (name(&test.test), place::link(page, place::TESTS, &test.test));
        let _ = writeln!(text, "- [{}]({link}), {}", plain::markdown(&name), material.source_link(&test.place));
    }
    if !faults.is_empty() {
        text.push_str("\nFaults of the server that they notice:\n\n");
    }
    for (id, (fault, by)) in faults {
        let by = by.into_iter().map(|name| plain::markdown(&name)).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "- `{id}`: {} (by {by})", plain::markdown(&fault.what));
    }
    if !code.is_empty() {
        text.push_str("\nCode that refers to it:\n\n");
    }
    for place in code {
        let _ = writeln!(text, "- {}", material.source_link(&place.place));
    }
    text + "\n</details>\n"
}

/// Returns the name of a test, or of its file, in words.
fn name(test: &str) -> String {
    test.rsplit("::").next().unwrap_or_default().replace('_', " ")
}
