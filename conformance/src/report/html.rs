//! The matrix of clauses and servers: one static page, made from the JSON reports in a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Outcome, Report, Score};
use crate::case::ClauseId;
use crate::clauses::Clause;
use crate::verdict::Verdict;

/// Why the page cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum HtmlError {
    /// A file or the folder cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// A JSON file in the folder is not a report.
    #[error("{0} is not a report: {1}")]
    NoReport(PathBuf, serde_json::Error),
}

/// Adds a report to the folder and writes the matrix of all reports in it to `index.html`.
pub fn write_matrix(folder: &Path, report: &Report, clauses: &BTreeMap<ClauseId, Clause>) -> Result<(), HtmlError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| HtmlError::File(path, error)
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let own = folder.join(format!("{}.json", file_name(report)));
    let json = serde_json::to_vec_pretty(report).map_err(|error| HtmlError::NoReport(own.clone(), error))?;
    std::fs::write(&own, json).map_err(failed(&own))?;

    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        paths.push(entry.map_err(failed(folder))?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|e| e == "json"));
    paths.sort();
    let mut reports = Vec::new();
    for path in paths {
        let json = std::fs::read(&path).map_err(failed(&path))?;
        reports.push(serde_json::from_slice(&json).map_err(|error| HtmlError::NoReport(path, error))?);
    }
    let index = folder.join("index.html");
    std::fs::write(&index, page(&reports, clauses)).map_err(failed(&index))
}

/// Returns a file name for a report: the server's name and profile in safe characters.
fn file_name(report: &Report) -> String {
    let name = format!("{}-{}", report.server, report.profile);
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

/// The outcomes that are evidence for each clause, for each server, by area.
type Matrix<'a> = BTreeMap<&'a str, BTreeMap<&'a ClauseId, Vec<Vec<&'a Outcome>>>>;

fn page(reports: &[Report], clauses: &BTreeMap<ClauseId, Clause>) -> String {
    let mut matrix: Matrix<'_> = BTreeMap::new();
    for (server, report) in reports.iter().enumerate() {
        for outcome in &report.outcomes {
            for clause in &outcome.clauses {
                let cells = matrix.entry(outcome.id.area()).or_default().entry(clause);
                cells.or_insert_with(|| vec![Vec::new(); reports.len()])[server].push(outcome);
            }
        }
    }
    let mut html = String::from(HEAD);
    html.push_str("<table><thead><tr><th>clause</th>");
    for report in reports {
        let profile = report.profile;
        html.push_str(&format!("<th>{}<small>{profile} answers</small></th>", escape(&report.server)));
    }
    html.push_str("</tr></thead>\n");
    for (area, rows) in &matrix {
        area_rows(&mut html, area, rows, reports, clauses);
    }
    html.push_str("</table>\n");
    for report in reports {
        failures(&mut html, report);
    }
    html.push_str("</main></body></html>\n");
    html
}

fn area_rows(
    html: &mut String,
    area: &str,
    rows: &BTreeMap<&ClauseId, Vec<Vec<&Outcome>>>,
    reports: &[Report],
    clauses: &BTreeMap<ClauseId, Clause>,
) {
    html.push_str(&format!("<tbody><tr class=area><th>{}</th>", escape(area)));
    for report in reports {
        let score = report.scores().get(area).copied().unwrap_or_default();
        html.push_str(&format!("<td>{} of {}</td>", score.passed(), score.applicable()));
    }
    html.push_str("</tr>\n");
    for (id, cells) in rows {
        let text = clauses.get(*id).map_or("(no such clause)", |clause| clause.text.as_str());
        html.push_str(&format!("<tr><td><details><summary>{id}</summary><pre>{}</pre></details></td>", escape(text)));
        for outcomes in cells {
            cell(html, outcomes);
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n");
}

fn cell(html: &mut String, outcomes: &[&Outcome]) {
    let Some(worst) = outcomes.iter().map(|outcome| outcome.verdict).max() else {
        html.push_str("<td class=none>–</td>");
        return;
    };
    let mut score = Score::default();
    for outcome in outcomes {
        score.add(outcome.verdict);
    }
    let cases: BTreeSet<String> = outcomes.iter().map(|o| format!("{}: {}", o.id, o.verdict)).collect();
    let title = cases.into_iter().collect::<Vec<_>>().join("\n");
    let count = if outcomes.len() == 1 || worst == Verdict::NotApplicable {
        String::new()
    } else {
        format!(" {}/{}", score.passed(), score.applicable())
    };
    let class = worst.as_str().replace(' ', "-");
    html.push_str(&format!("<td class={class} title=\"{}\">{worst}{count}</td>", escape(&title)));
}

fn failures(html: &mut String, report: &Report) {
    let failed: Vec<_> = report.outcomes.iter().filter(|outcome| outcome.verdict.is_failure()).collect();
    if failed.is_empty() {
        return;
    }
    html.push_str(&format!("<h2>Differences of {}</h2>\n", escape(&report.server)));
    for outcome in failed {
        let (id, about) = (&outcome.id, escape(&outcome.about));
        html.push_str(&format!("<details><summary>{id} <small>{about}</small></summary><pre>"));
        html.push_str(&escape(outcome.reason.as_deref().unwrap_or_default()));
        for step in outcome.steps.iter().filter(|step| step.verdict.is_failure()) {
            html.push_str(&format!("{}\n\n$ {}\n", escape(&step.request), escape(&step.curl)));
            html.push_str(&escape(step.error.as_deref().unwrap_or_default()));
            for d in &step.differences {
                let (at, expected, actual) = (escape(&d.at), escape(&d.expected), escape(&d.actual));
                html.push_str(&format!("\n<b>{at}</b>\n<del>{expected}</del>\n<ins>{actual}</ins>\n"));
            }
            if let Some(wire) = &step.wire {
                html.push_str(&format!("\n<b>the whole answer</b>\n{}\n", escape(wire)));
            }
        }
        html.push_str("</pre></details>\n");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>InfluxDB 1.2 HTTP API: conformance</title>
<style>
:root { color-scheme: light dark; --line: #8884; --good: #2e9e5b; --near: #c99700; --bad: #d1443c; --none: #8888 }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.5rem 4rem }
h1 { font-weight: 650; letter-spacing: -.02em; margin: 0 0 .25rem } h2 { margin-top: 2.5rem } p { opacity: .8; margin: 0 0 1.5rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .75rem; border-bottom: 1px solid var(--line); vertical-align: top }
thead th { position: sticky; top: 0; background: Canvas } th small { display: block; font-weight: 400; opacity: .7 }
td:not(:first-child), th:not(:first-child) { width: 9rem; font-variant-numeric: tabular-nums }
tr.area th, tr.area td { padding-top: 1.5rem; font-weight: 650; border-bottom-width: 2px }
td.exact, td.equivalent, td.own-words, td.differs, td.no-answer, td.not-applicable { border-left: .35rem solid var(--none) }
td.exact { border-left-color: var(--good) } td.equivalent, td.own-words { border-left-color: var(--near) }
td.differs, td.no-answer { border-left-color: var(--bad); font-weight: 600 } td.none, td.not-applicable { opacity: .6 }
summary { cursor: pointer; font-family: ui-monospace, monospace; font-size: .9em } summary small { font-family: system-ui, sans-serif; opacity: .8 }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85em; max-width: 60rem; opacity: .9 }
del { color: var(--bad); text-decoration: none } ins { color: var(--good); text-decoration: none }
del::before { content: "expected  " } ins::before { content: "got       " }
</style></head><body><main>
<h1>InfluxDB 1.2 HTTP API: conformance</h1>
<p>Each cell is the worst verdict of the cases that are evidence for the clause, with how many of them were passed.
<b>Exact</b> is to the byte, <b>equivalent</b> is the same status and content.</p>
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_matrix_includes_every_report_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        write_matrix(folder.path(), &report(), &BTreeMap::new()).unwrap();
        let other = Report { server: "other <server>".to_owned(), ..report() };
        write_matrix(folder.path(), &other, &BTreeMap::new()).unwrap();
        let html = std::fs::read_to_string(folder.path().join("index.html")).unwrap();
        assert!(html.contains("<th>1.0<small>") && html.contains("<th>other &lt;server&gt;<small>"), "{html}");
        assert_eq!(html.matches("<td class=differs").count(), 2);
        assert!(html.contains("About a.bad &amp; &lt;more&gt;"));
    }
}
