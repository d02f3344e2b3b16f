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
//! A run that does not go as expected fails: a failure that is not listed, a listed case that passes, and a pattern that no case needs. A case
//! that is `flaky` may pass or fail, and one that is `skip` is not run: both are counted in every report.

use std::path::Path;

use globset::{Glob, GlobMatcher};
use serde::Deserialize;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table};

use crate::case::{Case, CaseId};
pub use crate::expectation::{Expectation, Expected};
use crate::report::Outcome;

/// The reason of entries that [`Known::updated`] writes.
const UNJUDGED: &str = "not judged yet";

/// What a target is known to do otherwise.
#[derive(Debug, Clone, Default)]
pub struct Known {
    entries: Vec<Entry>,
    /// The version of the target, if it is known.
    version: Option<String>,
}

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
        Ok(Known { entries, version: None })
    }

    /// Leaves out the entries that are about other versions of the server.
    #[must_use]
    pub fn of_version(self, version: &str) -> Known {
        Known { version: Some(version.to_owned()), ..self }
    }

    /// Whether the version of the server decides which cases are run.
    pub fn skips_by_version(&self) -> bool {
        self.entries.iter().any(|entry| entry.expect == Expected::Skip && entry.version.is_some())
    }

    /// Returns the entry of a case.
    pub fn entry(&self, case: &CaseId) -> Option<&Entry> {
        let version = self.version.as_deref();
        self.entries.iter().find(|entry| entry.is_about(version) && entry.matches(case))
    }

    /// Notes in the outcomes what is expected of them.
    pub fn annotate(&self, outcomes: &mut [Outcome]) {
        for outcome in outcomes {
            outcome.expectation = self.entry(&outcome.id).map(|entry| Expectation {
                expect: entry.expect,
                reason: entry.reason.clone(),
                link: entry.link.clone(),
            });
        }
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
        surprises.extend(self.stale(cases));
        surprises
    }

    /// Returns the patterns that no case needs: those of no case, of whatever version, and those that earlier entries leave nothing to.
    fn stale(&self, cases: &[Case]) -> Vec<String> {
        let mut stale = Vec::new();
        for (i, entry) in self.entries.iter().enumerate() {
            let earlier = |case: &&Case| self.entries[..i].iter().any(|e| e.covers(entry) && e.matches(&case.id));
            for glob in &entry.cases {
                let mut matched = cases.iter().filter(|case| glob.is_match(case.id.as_str())).peekable();
                if matched.peek().is_none() {
                    stale.push(format!("`{}` is listed, but is of no case", glob.glob()));
                } else if matched.all(|case| earlier(&case)) {
                    stale.push(format!("`{}` is listed, but earlier entries have all of its cases", glob.glob()));
                }
            }
        }
        stale
    }

    /// Returns an expectation file with what a run has shown: failures that are not listed are added, and listed cases that pass and
    /// patterns of no case removed. Entries about other versions remain.
    pub fn updated(&self, text: &str, outcomes: &[Outcome], cases: &[Case]) -> Result<String, toml_edit::TomlError> {
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
        let is_of_none = |pattern: &str| !cases.iter().any(|case| is_match(pattern, case.id.as_str()));
        for entry in known.iter_mut() {
            let is_open = entry.get("expect").and_then(Item::as_str).is_some_and(|e| e == "flaky" || e == "skip");
            let version = entry.get("version").and_then(Item::as_str);
            let is_other = version.is_some_and(|wanted| !is_of_version(self.version.as_deref(), wanted));
            if let Some(patterns) = entry.get_mut("cases").and_then(Item::as_array_mut) {
                patterns.retain(|pattern| {
                    !pattern.as_str().is_some_and(|text| is_of_none(text) || (!is_open && !is_other && passed(text)))
                });
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

impl Entry {
    fn matches(&self, case: &CaseId) -> bool {
        self.cases.iter().any(|glob| glob.is_match(case.as_str()))
    }

    /// Whether the entry is about a version of the server. If that is not known, it is.
    fn is_about(&self, version: Option<&str>) -> bool {
        self.version.as_ref().is_none_or(|wanted| is_of_version(version, wanted))
    }

    /// Whether the entry is about every version that another one is about.
    fn covers(&self, other: &Entry) -> bool {
        self.version.as_ref().is_none_or(|own| other.version.as_ref().is_some_and(|version| version.starts_with(own)))
    }
}

fn is_of_version(version: Option<&str>, wanted: &str) -> bool {
    version.is_none_or(|version| version.starts_with(wanted))
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
    fn an_entry_that_no_case_needs_is_a_surprise() {
        let file = "[[known]]\nreason = 'old'\ncases = ['a.*']\n\n[[known]]\nreason = 'new'\ncases = ['a.b', '*.b']\n\n\
                    [[known]]\nversion = '2.'\nreason = 'other'\ncases = ['gone']\n";
        let known = Known::parse("k.toml", file).unwrap().of_version("1.0");
        assert_eq!(
            known.surprises(&[], &["a.b", "x.b"].map(case)),
            ["`a.b` is listed, but earlier entries have all of its cases", "`gone` is listed, but is of no case"]
        );
        let versions = "[[known]]\nversion = '1.'\nreason = 'old'\ncases = ['a.b']\n\n\
                        [[known]]\nversion = '2.'\nreason = 'new'\ncases = ['a.b']\n";
        assert!(Known::parse("k.toml", versions).unwrap().surprises(&[], &[case("a.b")]).is_empty());
    }

    #[test]
    fn an_update_leaves_other_versions_alone() {
        let file = "[[known]]\nversion = '2.'\nreason = 'other'\ncases = ['a.b']\n";
        let known = Known::parse("k.toml", file).unwrap().of_version("1.0");
        let text = known.updated(file, &[outcome("a.b", Verdict::Exact)], &[case("a.b")]).unwrap();
        assert_eq!(text, file);
    }

    #[test]
    fn an_update_is_what_the_run_has_shown() {
        let known = Known::parse("k.toml", FILE).unwrap();
        let outcomes =
            [outcome("a.b", Verdict::Exact), outcome("a.new", Verdict::Differs), outcome("x.bad", Verdict::Differs)];
        let all = ["a.b", "a.new", "a.c", "x.bad"].map(case);
        let text = FILE.replace("'x.*'", "'x.*', 'gone.*'");
        let text = known.updated(&text, &outcomes, &all).unwrap();
        assert!(text.contains("cases = [ 'x.*']") || text.contains("cases = ['x.*']"), "{text}");
        let updated = Known::parse("k.toml", &text).unwrap();
        assert_eq!(updated.reason(&case("a.new").id), Some(UNJUDGED));
        assert_eq!(updated.reason(&case("a.b").id), None);
        assert!(updated.surprises(&outcomes, &all).is_empty());
    }
}
