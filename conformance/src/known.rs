//! Expectation files: what a target is known to do otherwise, by case or pattern, with the reason.
//!
//! ```toml
//! [[known]]
//! expect = "differs"             # or "unsupported", "skip", "flaky"
//! reason = "version 1.6 words this error differently"
//! link = "https://example.com/changelog"        # optional
//! version = "1.6"                # optional: only for servers whose version begins like this
//! cases = ["query.example", "select.fill.*"]
//! ```
//!
//! A run that does not go as expected fails: a failure that is not listed, a listed case that passes, and a pattern that is of no case.

use std::path::Path;

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Serialize};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table};

use crate::case::{Case, CaseId};
use crate::report::Outcome;

/// The reason of entries that [`Known::updated`] writes.
const UNJUDGED: &str = "not judged yet";

/// What a target is known to do otherwise.
#[derive(Debug, Clone, Default)]
pub struct Known(Vec<Entry>);

/// Cases that do not go as they should, for one reason.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What is expected of the cases.
    pub expect: Expected,
    /// Why.
    pub reason: String,
    /// Where to read more.
    pub link: Option<String>,
    version: Option<String>,
    cases: Vec<GlobMatcher>,
}

/// What is expected of a case that does not pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// The answer differs.
    #[default]
    Differs,
    /// The target lacks what the case is about.
    Unsupported,
    /// The case is not run.
    Skip,
    /// The case passes or fails.
    Flaky,
}

/// An error in an expectation file.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// The file cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(String, std::io::Error),
    /// The file has a mistake.
    #[error("{0}: {1}")]
    Syntax(String, String),
    /// The file lists a case twice.
    #[error("{0}: `{1}` is listed twice")]
    Twice(String, String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(default)]
    known: Vec<EntryText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryText {
    #[serde(default)]
    expect: Expected,
    reason: String,
    link: Option<String>,
    version: Option<String>,
    cases: Vec<String>,
}

impl Known {
    /// Reads an expectation file.
    pub fn read(path: &Path) -> Result<Known, KnownError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| KnownError::Read(name.clone(), error))?;
        Known::parse(&name, &text)
    }

    /// Reads the text of an expectation file, which messages call `name`.
    pub fn parse(name: &str, text: &str) -> Result<Known, KnownError> {
        let failed = |error: &dyn std::fmt::Display| KnownError::Syntax(name.to_owned(), error.to_string());
        let file: FileText = toml::from_str(text).map_err(|error| failed(&error))?;
        let mut seen: Vec<(&Option<String>, &String)> = Vec::new();
        let mut entries = Vec::new();
        for entry in &file.known {
            let mut cases = Vec::new();
            for case in &entry.cases {
                if seen.contains(&(&entry.version, case)) {
                    return Err(KnownError::Twice(name.to_owned(), case.clone()));
                }
                seen.push((&entry.version, case));
                cases.push(Glob::new(case).map_err(|error| failed(&error))?.compile_matcher());
            }
            entries.push(Entry {
                expect: entry.expect,
                reason: entry.reason.clone(),
                link: entry.link.clone(),
                version: entry.version.clone(),
                cases,
            });
        }
        Ok(Known(entries))
    }

    /// Keeps the entries that are about a version of the server.
    #[must_use]
    pub fn of_version(mut self, version: &str) -> Known {
        self.0.retain(|entry| entry.version.as_ref().is_none_or(|wanted| version.starts_with(wanted.as_str())));
        self
    }

    /// Returns the entry of a case.
    pub fn entry(&self, case: &CaseId) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.cases.iter().any(|glob| glob.is_match(case.as_str())))
    }

    /// Returns why a case is expected not to pass, if it is.
    pub fn reason(&self, case: &CaseId) -> Option<&str> {
        self.entry(case).map(|entry| entry.reason.as_str())
    }

    /// Returns why a case is not to be run, if it is not.
    pub fn skips(&self, case: &CaseId) -> Option<&str> {
        self.entry(case).filter(|entry| entry.expect == Expected::Skip).map(|entry| entry.reason.as_str())
    }

    /// Returns everything about a run that is not as expected: one line each.
    pub fn surprises(&self, outcomes: &[Outcome], cases: &[Case]) -> Vec<String> {
        let mut surprises = Vec::new();
        for outcome in outcomes {
            let (id, verdict) = (&outcome.id, outcome.verdict);
            match self.entry(id).map(|entry| entry.expect) {
                None if verdict.is_failure() => surprises.push(format!("{id} {verdict}")),
                Some(Expected::Differs | Expected::Unsupported) if verdict.was_passed() => {
                    surprises.push(format!(
                        "{id} is {verdict}, although it is listed as a failure: remove it from the list"
                    ));
                }
                _ => {}
            }
        }
        for glob in self.0.iter().flat_map(|entry| &entry.cases) {
            if !cases.iter().any(|case| glob.is_match(case.id.as_str())) {
                surprises.push(format!("`{}` is listed, but is of no case", glob.glob()));
            }
        }
        surprises
    }

    /// Returns an expectation file with what a run has shown: failures that are not listed are added, and listed cases that pass removed.
    pub fn updated(&self, text: &str, outcomes: &[Outcome]) -> Result<String, toml_edit::TomlError> {
        let mut document: DocumentMut = text.parse()?;
        let passed = |pattern: &str| {
            let mut matched = outcomes.iter().filter(|o| is_match(pattern, o.id.as_str())).peekable();
            matched.peek().is_some() && matched.all(|outcome| outcome.verdict.was_passed())
        };
        let added: Vec<String> = outcomes
            .iter()
            .filter(|outcome| outcome.verdict.is_failure() && self.entry(&outcome.id).is_none())
            .map(|outcome| outcome.id.to_string())
            .collect();
        let known = document.entry("known").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        let Some(known) = known.as_array_of_tables_mut() else { return Ok(document.to_string()) };
        for entry in known.iter_mut() {
            let is_open = entry.get("expect").and_then(Item::as_str).is_some_and(|e| e == "flaky" || e == "skip");
            if let Some(cases) = entry.get_mut("cases").and_then(Item::as_array_mut)
                && !is_open
            {
                cases.retain(|case| !case.as_str().is_some_and(passed));
            }
        }
        known.retain(|entry| entry.get("cases").and_then(Item::as_array).is_none_or(|cases| !cases.is_empty()));
        if !added.is_empty() {
            let mut cases: Array = added.iter().map(String::as_str).collect();
            for case in cases.iter_mut() {
                case.decor_mut().set_prefix("\n    ");
            }
            cases.set_trailing("\n");
            cases.set_trailing_comma(true);
            let mut entry = Table::new();
            entry.insert("reason", toml_edit::value(UNJUDGED));
            entry.insert("cases", toml_edit::value(cases));
            known.push(entry);
        }
        Ok(document.to_string())
    }
}

fn is_match(pattern: &str, id: &str) -> bool {
    Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    fn case(id: &str) -> Case {
        let text = format!(
            "about = 'x'\nlevel = 'observed'\n[[case]]\nid = '{id}'\nabout = 'y'\nclauses = ['a.1']\n\
             [[case.step]]\nrequest = 'GET /ping'\nresponse.status = 204\n"
        );
        crate::case::parse_file("f.toml", &text).unwrap().remove(0)
    }

    fn outcome(id: &str, verdict: Verdict) -> Outcome {
        Outcome { verdict, ..Outcome::new(&case(id)) }
    }

    const FILE: &str = "[[known]]\nreason = 'old'\ncases = ['a.b', 'x.*']\n\n\
                        [[known]]\nexpect = 'flaky'\nversion = '1.6'\nreason = 'slow'\ncases = ['a.c']\n";

    #[test]
    fn each_case_is_listed_once_with_a_reason() {
        let known = Known::parse("k.toml", FILE).unwrap();
        assert_eq!(known.reason(&case("x.any").id), Some("old"));
        assert_eq!(known.reason(&case("a.d").id), None);
        assert_eq!(known.clone().of_version("1.2.4").reason(&case("a.c").id), None);
        assert_eq!(known.of_version("1.6.7").reason(&case("a.c").id), Some("slow"));
        assert!(matches!(Known::parse("k.toml", &FILE.replace("x.*", "a.b")), Err(KnownError::Twice(..))));
        for bad in ["reason = 'old'", "cases = ['a.b', 'x.*']"] {
            assert!(matches!(Known::parse("k.toml", &FILE.replace(bad, "")), Err(KnownError::Syntax(..))), "{bad}");
        }
    }

    #[test]
    fn everything_that_is_not_as_expected_is_a_surprise() {
        let known = Known::parse("k.toml", FILE).unwrap();
        let outcomes = [
            outcome("a.b", Verdict::Differs),
            outcome("a.c", Verdict::Exact),
            outcome("a.new", Verdict::NoAnswer),
            outcome("x.good", Verdict::OwnWords),
        ];
        let all = ["a.b", "a.c", "a.new", "x.good"].map(case);
        assert_eq!(
            known.surprises(&outcomes, &all),
            ["a.new no answer", "x.good is own words, although it is listed as a failure: remove it from the list"]
        );
        assert_eq!(known.surprises(&[], &all[..2]), ["`x.*` is listed, but is of no case"]);
    }

    #[test]
    fn an_update_is_what_the_run_has_shown() {
        let known = Known::parse("k.toml", FILE).unwrap();
        let outcomes =
            [outcome("a.b", Verdict::Exact), outcome("a.new", Verdict::Differs), outcome("x.bad", Verdict::Differs)];
        let text = known.updated(FILE, &outcomes).unwrap();
        assert!(text.contains("cases = [ 'x.*']") || text.contains("cases = ['x.*']"), "{text}");
        let updated = Known::parse("k.toml", &text).unwrap();
        assert_eq!(updated.reason(&case("a.new").id), Some(UNJUDGED));
        assert_eq!(updated.reason(&case("a.b").id), None);
        let all = ["a.b", "a.new", "a.c", "x.bad"].map(case);
        assert!(updated.surprises(&outcomes, &all).is_empty());
    }
}
