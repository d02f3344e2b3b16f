//! The cases of the page: for each one its clauses, its requests with `curl` commands, and what each server answered.

use std::collections::{BTreeMap, BTreeSet};

use super::{Outcome, Report, StepOutcome};
use crate::verdict::Verdict;

/// The longest text that the page shows; the JSON report has all.
const SHOWN_CHARS_MAX: usize = 4000;

/// The outcomes of a case, by server.
pub(super) type Row<'a> = Vec<Option<&'a Outcome>>;

/// Returns the outcomes of each case, ordered by area and identifier.
pub(super) fn rows(reports: &[Report]) -> BTreeMap<&str, Row<'_>> {
    let mut rows: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    for (server, report) in reports.iter().enumerate() {
        for outcome in &report.outcomes {
            rows.entry(outcome.id.as_str()).or_insert_with(|| vec![None; reports.len()])[server] = Some(outcome);
        }
    }
    rows
}

/// Writes one case.
pub(super) fn case(html: &mut String, row: &Row<'_>, reports: &[Report]) {
    let Some(outcome) = row.iter().flatten().next() else { return };
    let verdicts: BTreeSet<&str> = row.iter().flatten().flat_map(|outcome| kinds(outcome)).collect();
    let verdicts = verdicts.into_iter().collect::<Vec<_>>().join(",");
    let claim = outcome.claim.map_or("", |claim| claim.as_str());
    html.push_str(&format!(
        "<details class=case id=\"case-{id}\" data-area=\"{area}\" data-claim=\"{claim}\" data-verdicts=\"{verdicts}\"><summary>{id}",
        id = outcome.id,
        area = outcome.id.area(),
    ));
    for outcome in row.iter().flatten() {
        html.push_str(&format!(" <span class=\"badge {}\">{}</span>", class(outcome.verdict), outcome.verdict));
    }
    html.push_str(&format!(" <small>{}</small></summary><div>\n", escape(&outcome.about)));
    html.push_str(&format!("<p><small>{}, {} {claim}</small></p>\n", escape(&outcome.place), level(outcome)));
    for id in &outcome.clauses {
        // The script copies the text from the clause when the case is opened: most clauses have many cases.
        html.push_str(&format!("<p><a href=\"#clause-{id}\">[{id}]</a></p><pre data-clause=\"{id}\"></pre>\n"));
    }
    let mut is_first = true;
    for (report, outcome) in reports.iter().zip(row) {
        if let Some(outcome) = outcome {
            answers(html, report, outcome, is_first);
            is_first &= outcome.steps.is_empty();
        }
    }
    html.push_str("</div></details>\n");
}

/// Writes what one server answered. Exact answers are the same for all servers, and written for the first one only.
fn answers(html: &mut String, report: &Report, outcome: &Outcome, is_first: bool) {
    let server = escape(&report.server);
    html.push_str(&format!("<div class=\"answer {}\"><b>{server}: {}</b>\n", class(outcome.verdict), outcome.verdict));
    if let Some(reason) = &outcome.reason {
        html.push_str(&format!("<p>{}</p>\n", shown(reason)));
    }
    if let Some(expectation) = &outcome.expectation {
        let (expect, reason) = (expectation.expect.as_str(), escape(&expectation.reason));
        html.push_str(&format!("<p>expected to be {expect}: {reason}{}</p>\n", link(expectation.link.as_deref())));
    }
    for step in outcome.steps.iter().filter(|step| is_first || step.verdict != Verdict::Exact) {
        self::step(html, step);
    }
    html.push_str("</div>\n");
}

fn step(html: &mut String, step: &StepOutcome) {
    if let Some(restart) = step.restart {
        html.push_str(&format!("<p>{restart}</p>\n"));
    }
    html.push_str(&format!(
        "<p>{}</p><pre>{}</pre><pre>$ {}</pre>\n",
        step.verdict,
        shown(&step.request),
        shown(&step.curl)
    ));
    if let Some(profile) = step.answered_as {
        html.push_str(&format!("<p>This is the answer of the profile {profile}.</p>\n"));
    }
    if let Some(error) = &step.error {
        html.push_str(&format!("<p>{}</p>\n", shown(error)));
    }
    for difference in &step.differences {
        let (at, expected, actual) = (escape(&difference.at), shown(&difference.expected), shown(&difference.actual));
        html.push_str(&format!("<p>{at}</p><pre><del>- {expected}</del>\n<ins>+ {actual}</ins></pre>\n"));
    }
    if !step.relaxations.is_empty() {
        let relaxations: Vec<&str> = step.relaxations.iter().map(|relaxation| relaxation.as_str()).collect();
        html.push_str(&format!("<p>overlooked: {}</p>\n", relaxations.join(", ")));
    }
    if let Some(wire) = &step.wire {
        html.push_str(&format!("<details><summary>the whole answer</summary><pre>{}</pre></details>\n", shown(wire)));
    }
}

/// Returns the values of the verdict filter that select an outcome.
fn kinds(outcome: &Outcome) -> Vec<&'static str> {
    let mut kinds = vec![class(outcome.verdict)];
    if outcome.verdict.is_failure() {
        kinds.push("failed");
        if outcome.expectation.is_none() {
            kinds.push("unexpected");
        }
    }
    kinds.extend(outcome.expectation.as_ref().map(|expectation| match expectation.expect.as_str() {
        "differs" | "unsupported" => "expected",
        other => other,
    }));
    kinds
}

/// Returns the class of a verdict in the style sheet.
pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NotApplicable => "not-applicable",
        Verdict::Exact => "exact",
        Verdict::Equivalent => "equivalent",
        Verdict::OwnWords => "own-words",
        Verdict::Differs => "differs",
        Verdict::NoAnswer => "no-answer",
    }
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn level(outcome: &Outcome) -> &'static str {
    match outcome.level {
        crate::case::Level::Documented => "documented",
        crate::case::Level::Observed => "observed",
        crate::case::Level::Quirk => "quirk",
    }
}

/// Returns a link to more about an expectation. Only addresses of the web are links.
fn link(address: Option<&str>) -> String {
    match address {
        Some(address) if address.starts_with("https://") || address.starts_with("http://") => {
            format!(" (<a rel=noreferrer href=\"{0}\">{0}</a>)", escape(address))
        }
        Some(text) => format!(" ({})", escape(text)),
        None => String::new(),
    }
}

/// Returns the beginning of a text, escaped.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}\n... and {} more bytes", escape(&text[..end]), text.len() - end),
        None => escape(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    fn page_of(outcome: Outcome) -> String {
        let reports = [Report { outcomes: vec![outcome], ..report() }];
        let mut html = String::new();
        for row in rows(&reports).values() {
            case(&mut html, row, &reports);
        }
        html
    }

    #[test]
    fn a_case_has_its_requests_commands_differences_and_answer() {
        let mut outcome = report().outcomes.remove(1);
        outcome.steps[0].wire = Some("HTTP/1.1 404\n<b>".to_owned());
        let html = page_of(outcome);
        for part in [
            "id=\"case-a.bad\" data-area=\"a\" data-claim=\"query-core\" data-verdicts=\"differs,failed,unexpected\"",
            "href=\"#clause-a.rule.1\"",
            "<pre>GET /x</pre><pre>$ curl -i -X GET 'http://localhost:1/x'</pre>",
            "<del>- 200</del>\n<ins>+ 404</ins>",
            "HTTP/1.1 404\n&lt;b&gt;",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn long_texts_are_cut_and_only_web_addresses_are_links() {
        let mut outcome = report().outcomes.remove(1);
        outcome.reason = Some("é".repeat(SHOWN_CHARS_MAX + 1));
        assert!(page_of(outcome).contains("... and 2 more bytes"));
        assert!(link(Some("https://a.example/\"x")).contains("href=\"https://a.example/&quot;x\""));
        assert!(!link(Some("javascript:alert(1)")).contains("href"));
    }
}
