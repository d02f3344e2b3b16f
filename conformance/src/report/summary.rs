//! Short forms of a report: a summary in Markdown, the Test Anything Protocol, and a badge.

use super::causes::causes;
use super::{Outcome, Report, Score};
use crate::known::Known;
use crate::verdict::Verdict;

/// The most cases that the summary names for a cause.
const NAMED_MAX: usize = 5;

/// Returns a summary in Markdown: the score of each area, and the failures by their likely cause.
pub fn to_markdown(report: &Report, known: &Known) -> String {
    let mut text = format!("## Conformance of {} with the InfluxDB 1.2 HTTP API\n\n", report.server);
    text.push_str(&format!(
        "{} of the cases that apply passed; {} answers were expected.\n",
        share(total(report)),
        report.profile
    ));
    text.push_str(&heading("area"));
    for (area, score) in report.scores() {
        text.push_str(&row(area, score));
    }
    text.push_str(&row("**all**", total(report)));
    if report.claims().len() > 1 {
        text.push_str(&heading("claim"));
        for (claim, score) in report.claims() {
            text.push_str(&row(claim.as_str(), score));
        }
    }
    let expected = report.expected();
    if !expected.is_empty() {
        text.push_str(&format!("\nAs the expectations say: {expected}.\n"));
    }
    if let Some(selection) = &report.selection {
        text.push_str(&format!("\n{selection}.\n"));
    }
    let is_new = |outcome: &&&Outcome| known.entry(&outcome.id).is_none();
    let mut heading = "\n### Failures that are not known, by likely cause\n\n";
    for cause in causes(report) {
        let new: Vec<&&Outcome> = cause.outcomes.iter().filter(is_new).collect();
        if new.is_empty() {
            continue;
        }
        let named: Vec<String> = new.iter().take(NAMED_MAX).map(|outcome| format!("`{}`", outcome.id)).collect();
        let more = if new.len() > NAMED_MAX { format!(" and {} more", new.len() - NAMED_MAX) } else { String::new() };
        text.push_str(heading);
        heading = "";
        text.push_str(&format!("- {} × {}: {}{more}\n", new.len(), escaped(&cause.what), named.join(", ")));
    }
    text
}

/// Returns the report in the Test Anything Protocol, version 14. Known failures are `TODO`, and cases that do not apply `SKIP`.
pub fn to_tap(report: &Report, known: &Known) -> String {
    let mut text = format!("TAP version 14\n1..{}\n", report.outcomes.len());
    for comment in [report.selection.clone().unwrap_or_default(), report.expected()] {
        if !comment.is_empty() {
            text.push_str(&format!("# {comment}\n"));
        }
    }
    for (i, outcome) in report.outcomes.iter().enumerate() {
        let state = if outcome.verdict.is_failure() { "not ok" } else { "ok" };
        let directive = match (outcome.verdict, known.reason(&outcome.id)) {
            (Verdict::NotApplicable, _) => format!(" # SKIP {}", outcome.reason.as_deref().unwrap_or_default()),
            (verdict, Some(reason)) if verdict.is_failure() => format!(" # TODO {reason}"),
            (verdict, _) => format!(" # {verdict}"),
        };
        text.push_str(&format!("{state} {} - {}{}\n", i + 1, outcome.id, directive.replace('\n', " ")));
    }
    text
}

/// Returns a badge as SVG, with the share of cases that passed.
pub fn to_badge(report: &Report) -> String {
    let score = total(report);
    let colour = match (score.passed(), score.applicable()) {
        (_, 0) => "#777",
        (passed, all) if passed == all => "#2e9e5b",
        (passed, all) if passed * 10 >= all * 8 => "#b08a00",
        _ => "#d1443c",
    };
    let share = share(score);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"158\" height=\"20\" role=\"img\" aria-label=\"InfluxDB 1.2 API: {share}\">\
         <rect width=\"108\" height=\"20\" fill=\"#444\"/><rect x=\"108\" width=\"50\" height=\"20\" fill=\"{colour}\"/>\
         <g fill=\"#fff\" font-family=\"Verdana,sans-serif\" font-size=\"11\" text-anchor=\"middle\">\
         <text x=\"54\" y=\"14\">InfluxDB 1.2 API</text><text x=\"133\" y=\"14\">{share}</text></g></svg>\n"
    )
}

fn total(report: &Report) -> Score {
    report.scores().into_values().fold(Score::default(), |mut total, score| {
        total += score;
        total
    })
}

/// Returns the share of cases that passed, rounded down, so that only a whole success is 100 %.
fn share(score: Score) -> String {
    match score.applicable() {
        0 => "-".to_owned(),
        applicable => format!("{} %", score.passed() * 100 / applicable),
    }
}

/// Returns the heading of a table of scores.
fn heading(first: &str) -> String {
    let verdicts: Vec<&str> = Verdict::ALL.into_iter().map(Verdict::as_str).collect();
    format!("\n| {first} | passed | {} |\n|---|{}\n", verdicts.join(" | "), "---:|".repeat(verdicts.len() + 1))
}

fn row(area: &str, score: Score) -> String {
    let mut row = format!("| {area} | {} |", share(score));
    for verdict in Verdict::ALL {
        row.push_str(&format!(" {} |", score.of(verdict)));
    }
    row + "\n"
}

fn escaped(text: &str) -> String {
    text.replace(['\n', '|'], " ").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_summary_has_scores_and_causes() {
        let text = to_markdown(&report(), &Known::default());
        assert!(text.contains("| a | 50 % | 0 | 1 | 0 | 0 | 1 | 0 |"), "{text}");
        assert!(text.contains("- 1 × status 404 instead of 200: `a.bad`"), "{text}");
        let known = Known::parse("k", "[[known]]\nreason = 'old'\ncases = ['a.bad']").unwrap();
        assert!(!to_markdown(&report(), &known).contains("a.bad"));
    }

    #[test]
    fn tap_has_a_line_for_each_case() {
        let known = Known::parse("k", "[[known]]\nreason = 'old'\ncases = ['a.bad']").unwrap();
        let text = to_tap(&report(), &known);
        assert_eq!(text, "TAP version 14\n1..2\nok 1 - a.good # exact\nnot ok 2 - a.bad # TODO old\n");
    }

    #[test]
    fn the_badge_rounds_down() {
        assert!(to_badge(&report()).contains(">50 %</text>"));
    }
}
