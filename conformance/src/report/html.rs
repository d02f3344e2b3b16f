//! The matrix of clauses and servers, and all cases: one static page, made from the JSON reports in a folder.
//!
//! It can be read without scripts; with them, it can be filtered. It loads nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::cases::{self, class, escape};
use super::{Outcome, Report, Score};
use crate::case::ClauseId;
use crate::claims::Claim;
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
    let mut html = HEAD.replace("STYLE", STYLE);
    servers(&mut html, reports);
    filter(&mut html, &matrix);
    html.push_str("<h2>Clauses</h2>\n<table><thead><tr><th>clause</th>");
    for report in reports {
        let profile = report.profile;
        html.push_str(&format!("<th>{}<small>{profile} answers</small></th>", escape(&report.server)));
    }
    html.push_str("</tr></thead>\n");
    let mut anchors = BTreeSet::new();
    for (area, rows) in &matrix {
        area_rows(&mut html, area, rows, (reports, clauses), &mut anchors);
    }
    html.push_str("</table>\n<h2>Cases</h2>\n");
    for row in cases::rows(reports).values() {
        cases::case(&mut html, row, reports);
    }
    html.push_str(&format!("</main><script>\n{SCRIPT}</script></body></html>\n"));
    html
}

/// Writes what each report is about, with its score for each claim.
fn servers(html: &mut String, reports: &[Report]) {
    html.push_str("<div class=servers>\n");
    for report in reports {
        let (server, target) = (escape(&report.server), escape(&report.target));
        html.push_str(&format!(
            "<section class=server><h3>{server}</h3><p><small>{target}, {} answers",
            report.profile
        ));
        for more in [report.expected(), report.selection.clone().unwrap_or_default()] {
            if !more.is_empty() {
                html.push_str(&format!("<br>{}", escape(&more)));
            }
        }
        html.push_str("</small></p>\n");
        let mut all = Score::default();
        for score in report.scores().into_values() {
            all += score;
        }
        let claims = report.claims().into_iter().map(|(claim, score)| (claim.as_str(), score));
        for (name, score) in claims.chain([("all", all)]) {
            let (passed, applicable) = (score.passed(), score.applicable());
            html.push_str(&format!(
                "<div class=score><span>{name}</span><meter max={} value={passed}></meter><span>{passed} of {applicable}</span></div>\n",
                applicable.max(1)
            ));
        }
        html.push_str("</section>\n");
    }
    html.push_str("</div>\n");
}

/// Writes the controls of the filter, which are hidden unless scripts run.
fn filter(html: &mut String, matrix: &Matrix<'_>) {
    let areas: Vec<(&str, &str)> = matrix.keys().map(|area| (*area, *area)).collect();
    let claims = Claim::ALL.map(|claim| (claim.as_str(), claim.as_str()));
    let mut verdicts =
        vec![("failed", "failed"), ("unexpected", "failed, not expected"), ("expected", "expected to fail")];
    verdicts.extend([("flaky", "flaky"), ("skip", "skipped")]);
    verdicts.extend(Verdict::ALL.map(|verdict| (class(verdict), verdict.as_str())));
    html.push_str("<form id=filter hidden>\n");
    for (name, options) in [("area", areas.as_slice()), ("claim", &claims), ("verdict", &verdicts)] {
        html.push_str(&format!("<label>{name}<select name={name}><option value=\"\">all</option>"));
        for (value, text) in options {
            html.push_str(&format!("<option value=\"{}\">{}</option>", escape(value), escape(text)));
        }
        html.push_str("</select></label>\n");
    }
    html.push_str("<label>text<input name=text type=search></label>\n<output id=count></output></form>\n");
}

fn area_rows<'a>(
    html: &mut String,
    area: &str,
    rows: &BTreeMap<&'a ClauseId, Vec<Vec<&Outcome>>>,
    (reports, clauses): (&[Report], &BTreeMap<ClauseId, Clause>),
    anchors: &mut BTreeSet<&'a ClauseId>,
) {
    html.push_str(&format!("<tbody><tr class=area><th>{}</th>", escape(area)));
    for report in reports {
        let score = report.scores().get(area).copied().unwrap_or_default();
        let (passed, applicable) = (score.passed(), score.applicable());
        html.push_str(&format!("<td data-server=\"{}\">{passed} of {applicable}</td>", escape(&report.server)));
    }
    html.push_str("</tr>\n");
    for (id, cells) in rows {
        let cases: BTreeSet<&str> = cells.iter().flatten().map(|outcome| outcome.id.as_str()).collect();
        // A clause with cases of several areas has a row in each; links lead to the first.
        let anchor = if anchors.insert(id) { format!(" id=\"clause-{id}\"") } else { String::new() };
        let names = cases.iter().copied().collect::<Vec<_>>().join(" ");
        html.push_str(&format!("<tr{anchor} data-cases=\"{names}\"><td><details><summary>{id}</summary>"));
        let text = clauses.get(*id).map_or("(no such clause)", |clause| clause.text.as_str());
        html.push_str(&format!("<pre>{}</pre>", escape(text)));
        for case in cases {
            html.push_str(&format!("<a href=\"#case-{case}\">{case}</a><br>"));
        }
        html.push_str("</details></td>");
        for (report, outcomes) in reports.iter().zip(cells) {
            cell(html, &report.server, outcomes);
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n");
}

fn cell(html: &mut String, server: &str, outcomes: &[&Outcome]) {
    let server = escape(server);
    let Some(worst) = outcomes.iter().map(|outcome| outcome.verdict).max() else {
        html.push_str(&format!("<td class=none data-server=\"{server}\">–</td>"));
        return;
    };
    let mut score = Score::default();
    for outcome in outcomes {
        score.add(outcome.verdict);
    }
    let count = if outcomes.len() == 1 || worst == Verdict::NotApplicable {
        String::new()
    } else {
        format!(" {}/{}", score.passed(), score.applicable())
    };
    html.push_str(&format!("<td class={} data-server=\"{server}\">{worst}{count}</td>", class(worst)));
}

/// The style sheet.
const STYLE: &str = include_str!("page.css");

/// The script of the filters.
const SCRIPT: &str = include_str!("page.js");

/// The beginning of the page. Its policy keeps it from loading anything.
const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>InfluxDB 1.2 HTTP API: conformance</title>
<style>
STYLE</style></head><body><main>
<h1>InfluxDB 1.2 HTTP API: conformance</h1>
<p>Each row is a clause of the specification, and each cell the worst verdict of the cases that are evidence for it, with how many of them were passed.
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
        assert_eq!(html.matches("<td class=differs data-server").count(), 2);
        assert_eq!(html.matches("<details class=case ").count(), 2);
        assert!(html.contains("About a.bad &amp; &lt;more&gt;"));
    }
}
