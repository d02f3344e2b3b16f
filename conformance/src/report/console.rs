//! The report for a terminal: the failed cases, grouped by area and clause, and a score for each area.

use std::collections::BTreeMap;
use std::io::{self, Write};

use similar::TextDiff;

use super::causes::causes;
use super::{Outcome, Report, Score, StepOutcome};
use crate::case::ClauseId;
use crate::clauses::Clause;
use crate::content::documents;
use crate::known::Known;
use crate::verdict::{Difference, Verdict};

/// From how many failures on they are folded by cause first.
const FOLDED_MIN: usize = 5;

/// The longest command that is printed; the JSON report has them all.
const CURL_BYTES_MAX: usize = 1000;

/// The most causes that are printed.
const CAUSES_MAX: usize = 20;

/// Prints the report; if `verbose`, with the differences of equivalent answers.
pub fn print(
    out: &mut impl Write,
    report: &Report,
    known: &Known,
    clauses: &BTreeMap<ClauseId, Clause>,
    verbose: bool,
) -> io::Result<()> {
    let shown =
        |outcome: &&Outcome| outcome.verdict.is_failure() || (verbose && outcome.verdict == Verdict::Equivalent);
    let mut groups: BTreeMap<(&str, Option<&ClauseId>), Vec<&Outcome>> = BTreeMap::new();
    for outcome in report.outcomes.iter().filter(shown) {
        groups.entry((outcome.id.area(), outcome.clauses.first())).or_default().push(outcome);
    }
    print_causes(out, report)?;
    let mut area = "";
    for ((of, clause), outcomes) in groups {
        if of != area {
            writeln!(out, "\n══ {of} {}", "═".repeat(96_usize.saturating_sub(of.len())))?;
            area = of;
        }
        if let Some(id) = clause {
            let text = clauses.get(id).map_or("(no such clause)", |clause| clause.text.as_str());
            writeln!(out, "\n[{id}] {text}")?;
        }
        for outcome in outcomes {
            print_outcome(out, outcome, known)?;
        }
    }
    print_scores(out, report)?;
    Ok(())
}

/// Prints the failures by their likely cause, if there are more than a screen takes.
fn print_causes(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let causes = causes(report);
    if causes.iter().map(|cause| cause.outcomes.len()).sum::<usize>() < FOLDED_MIN {
        return Ok(());
    }
    writeln!(out, "failures by likely cause")?;
    for cause in causes.iter().take(CAUSES_MAX) {
        let first = cause.outcomes.first().map(|outcome| outcome.id.as_str()).unwrap_or_default();
        let what: String = cause.what.chars().take(90).collect();
        writeln!(out, "{:>6}  {what} (such as {first})", cause.outcomes.len())?;
    }
    let rest: usize = causes.iter().skip(CAUSES_MAX).map(|cause| cause.outcomes.len()).sum();
    if rest > 0 { writeln!(out, "{rest:>6}  of {} more causes", causes.len() - CAUSES_MAX) } else { Ok(()) }
}

fn print_outcome(out: &mut impl Write, outcome: &Outcome, known: &Known) -> io::Result<()> {
    let mark = if outcome.verdict.is_failure() { '✗' } else { '≈' };
    writeln!(out, "\n  {mark} {} {} ({})", outcome.id, outcome.verdict, outcome.place)?;
    writeln!(out, "    {}", outcome.about)?;
    if let Some(entry) = known.entry(&outcome.id) {
        writeln!(out, "    known: {}", entry.reason)?;
        if let Some(link) = &entry.link {
            writeln!(out, "    see {link}")?;
        }
    }
    if let Some(reason) = &outcome.reason {
        writeln!(out, "    {reason}")?;
    }
    let inexact: Vec<&StepOutcome> = outcome.steps.iter().filter(|step| step.verdict == outcome.verdict).collect();
    if let Some(first) = inexact.first() {
        print_step(out, first)?;
    }
    if inexact.len() > 1 {
        writeln!(out, "    and {} more of {} steps", inexact.len() - 1, outcome.steps.len())?;
    }
    Ok(())
}

fn print_step(out: &mut impl Write, step: &StepOutcome) -> io::Result<()> {
    if let Some(restart) = step.restart {
        writeln!(out, "    # {restart}")?;
    }
    for line in step.request.lines() {
        writeln!(out, "    > {line}")?;
    }
    if !step.curl.contains('\n') && step.curl.len() < CURL_BYTES_MAX {
        writeln!(out, "    $ {}", step.curl)?;
    }
    if let Some(profile) = step.answered_as {
        writeln!(out, "    this is the answer of the profile {profile}")?;
    }
    if let Some(error) = &step.error {
        writeln!(out, "    {error}")?;
    }
    for difference in &step.differences {
        print_difference(out, difference)?;
    }
    Ok(())
}

fn print_difference(out: &mut impl Write, difference: &Difference) -> io::Result<()> {
    if difference.at != "body" {
        return writeln!(out, "    {}: expected {}, got {}", difference.at, difference.expected, difference.actual);
    }
    writeln!(out, "    body: - expected, + got")?;
    let (expected, actual) = comparable(&difference.expected, &difference.actual);
    let diff = TextDiff::from_lines(&expected, &actual);
    for change in diff.iter_all_changes() {
        let line = change.value().trim_end_matches('\n');
        let end = if change.missing_newline() { "⏎̸" } else { "" };
        writeln!(out, "    {} {line}{end}", change.tag())?;
    }
    Ok(())
}

/// JSON bodies with different content are compared line by line in indented form, other bodies as they are.
fn comparable(expected: &str, actual: &str) -> (String, String) {
    let indented = |text: &str| -> Option<String> {
        let documents = documents(text.as_bytes())?;
        let lines: Vec<_> = documents.iter().filter_map(|d| serde_json::to_string_pretty(d).ok()).collect();
        Some(lines.join("\n") + "\n")
    };
    match (indented(expected), indented(actual)) {
        (Some(a), Some(b)) if a != b => (a, b),
        _ => (expected.to_owned(), actual.to_owned()),
    }
}

fn print_scores(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let scores = report.scores();
    let mut total = Score::default();
    writeln!(out, "\n{} (version {}), expected: {} answers\n", report.target, report.server, report.profile)?;
    write!(out, "{:<14} {:>7}", "area", "passed")?;
    for verdict in Verdict::ALL {
        write!(out, " {:>14}", verdict.as_str())?;
    }
    writeln!(out)?;
    for (area, score) in &scores {
        print_score(out, area, *score)?;
        total += *score;
    }
    print_score(out, "all", total)?;
    writeln!(out, "\nclaim")?;
    for (claim, score) in report.claims() {
        print_score(out, claim.as_str(), score)?;
    }
    let expected = report.expected();
    if !expected.is_empty() {
        writeln!(out, "\nas the expectations say: {expected}")?;
    }
    if let Some(selection) = &report.selection {
        writeln!(out, "\n{selection}")?;
    }
    let relaxations = report.relaxations();
    if !relaxations.is_empty() {
        let used = relaxations.iter().map(|(relaxation, cases)| format!("{} ({cases})", relaxation.as_str()));
        writeln!(out, "\noverlooked in cases that passed: {}", used.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

fn print_score(out: &mut impl Write, name: &str, score: Score) -> io::Result<()> {
    let passed = if score.applicable() == 0 {
        "-".to_owned()
    } else {
        format!("{:.0} %", 100.0 * score.passed() as f64 / score.applicable() as f64)
    };
    write!(out, "{name:<14} {passed:>7}")?;
    for verdict in Verdict::ALL {
        write!(out, " {:>14}", score.of(verdict))?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    fn printed(known: &Known) -> String {
        let mut out = Vec::new();
        let clause = Clause {
            id: ClauseId::try_from("a.rule.1".to_owned()).unwrap(),
            text: "It MUST.".to_owned(),
            page: "a.md".to_owned(),
            line: 1,
        };
        print(&mut out, &report(), known, &BTreeMap::from([(clause.id.clone(), clause)]), false).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_failure_shows_clause_request_and_difference() {
        let text = printed(&Known::default());
        for part in [
            "══ a ═",
            "[a.rule.1] It MUST.",
            "✗ a.bad differs (f.toml:9)",
            "> GET /x",
            "$ curl -i -X GET 'http://localhost:1/x'",
            "status: expected 200, got 404",
            "    -   \"x\": 1\n    +   \"x\": 2\n",
        ] {
            assert!(text.contains(part), "{part} in:\n{text}");
        }
        assert!(!text.contains("✗ a.good"));
    }

    #[test]
    fn each_claim_has_a_score() {
        let text = printed(&Known::default());
        let line = text.lines().find(|line| line.starts_with("query-core ")).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>()[1..3], ["50", "%"]);
    }

    #[test]
    fn each_area_has_a_score() {
        let text = printed(&Known::default());
        let line = text.lines().find(|line| line.starts_with("a ")).unwrap();
        let numbers: Vec<_> = line.split_whitespace().collect();
        assert_eq!(numbers, ["a", "50", "%", "0", "1", "0", "0", "1", "0"]);
    }
}
