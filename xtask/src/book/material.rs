//! What the book is made of: the files of the repository, and its clauses with the cases, tests and code that refer to them.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_conformance::case::{Case, ClauseId};
use fluxstone_conformance::clauses::{self, Clause};
use fluxstone_conformance::evidence::{Evidence, Fault};
use fluxstone_conformance::suite::Suite;

use super::markdown::{self, Change, Mention};
use super::place;
use crate::citations::{self, Citation};
use crate::spec;
use crate::tree::File;

/// The files, clauses and evidence.
pub(super) struct Material {
    /// The text files of the repository.
    pub(super) files: Vec<File>,
    /// The clauses. Their pages are paths from the root of the repository.
    pub(super) clauses: BTreeMap<ClauseId, Clause>,
    /// All cases. Their files are paths in the folder of the cases.
    pub(super) cases: Vec<Case>,
    /// The places in Rust files that name clauses.
    pub(super) citations: Vec<Citation>,
    /// The faults that cases and tests notice.
    pub(super) evidence: Evidence,
    /// The address of the repository's files for links, without a slash at its end.
    pub(super) sources: Option<String>,
}

impl Material {
    /// Joins the files with the cases and faults that are embedded in the conformance runner.
    pub(super) fn new(files: Vec<File>, sources: Option<String>) -> anyhow::Result<Material> {
        let mut clauses = BTreeMap::new();
        for page in files.iter().filter(|file| spec::is_page(&file.path)) {
            for clause in clauses::parse_page(&page.path, &page.text)? {
                clauses.insert(clause.id.clone(), clause);
            }
        }
        let citations = citations::find(&files);
        let sources = sources.map(|url| url.trim_end_matches('/').to_owned());
        let (cases, evidence) = (Suite::embedded()?.cases, Evidence::embedded()?);
        Ok(Material { files, clauses, cases, citations, evidence, sources })
    }

    /// Returns a file of the repository.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Returns the text of a file with its links changed into those of the book; what has no page there is linked to the sources, or
    /// not at all. Identifiers of clauses and names of pages in code become links. What cannot be resolved goes into `violations`.
    pub(super) fn linked(&self, file: &File, page: &str, violations: &mut Vec<String>) -> String {
        markdown::rewrite(&file.text, |mention| match mention {
            Mention::Link(address) if address.starts_with('#') || address.contains("://") => Change::Keep,
            Mention::Link(address) => self.relinked(file, page, address).unwrap_or_else(|| {
                violations.push(format!("{}: the link to {address} leads nowhere", file.path));
                Change::Text
            }),
            Mention::Code(code) => self.address_of_code(file, page, code).map_or(Change::Keep, Change::Link),
        })
    }

    fn relinked(&self, file: &File, page: &str, address: &str) -> Option<Change> {
        let (path, fragment) = address.split_once('#').unwrap_or((address, ""));
        let path = place::resolve(&file.path, path)?;
        if !self.files.iter().any(|file| file.path == path || file.path.starts_with(&format!("{path}/"))) {
            return None;
        }
        Some(match (place::page_of(&path), &self.sources) {
            (Some(to), _) => Change::Link(place::link(page, &to, fragment)),
            (None, Some(sources)) => Change::Link(format!("{sources}/{path}")),
            (None, None) => Change::Text,
        })
    }

    /// The address of a clause, of the first of some clauses (`http.limits`), or of a page.
    fn address_of_code(&self, file: &File, page: &str, code: &str) -> Option<String> {
        if let Some(address) = self.address_of_clause(page, code) {
            return Some(address);
        }
        let named = [place::resolve(&file.path, code), Some(code.to_owned())];
        let mut pages = named.into_iter().flatten().filter(|path| self.file(path).is_some());
        let to = pages.find_map(|path| place::page_of(&path)).filter(|to| to != page)?;
        Some(place::link(page, &to, ""))
    }

    /// Returns the address of a clause, or of the first of those whose identifiers begin with these words.
    pub(super) fn address_of_clause(&self, page: &str, id: &str) -> Option<String> {
        let begins = |clause: &&Clause| {
            clause.id.as_str().strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let words = id.split('.').count();
        let clause = self.clauses.values().filter(begins).min_by_key(|clause| clause.line)?;
        let to = place::page_of(&clause.page)?;
        (words > 1).then(|| place::link(page, &to, clause.id.as_str()))
    }

    /// Returns a link to a clause in Markdown.
    pub(super) fn clause_link(&self, page: &str, id: &str) -> String {
        match self.address_of_clause(page, id) {
            Some(address) => format!("[{id}]({address})"),
            None => id.to_owned(),
        }
    }

    /// Returns a file and line in Markdown, linked to the sources if their address is known.
    pub(super) fn source_link(&self, place: &str) -> String {
        match (&self.sources, place.rsplit_once(':')) {
            (Some(sources), Some((path, line))) => format!("[`{place}`]({sources}/{path}#L{line})"),
            _ => format!("`{place}`"),
        }
    }

    /// The cases that cite a clause.
    pub(super) fn cases_of(&self, clause: &ClauseId) -> Vec<&Case> {
        self.cases.iter().filter(|case| case.clauses.contains(clause)).collect()
    }

    /// The places that cite a clause, in tests or in other code.
    pub(super) fn citations_of(&self, clause: &ClauseId, in_tests: bool) -> Vec<&Citation> {
        let cites = |citation: &&Citation| {
            citation.is_evidence == in_tests && citation.clause.as_ref().is_ok_and(|id| id == clause)
        };
        self.citations.iter().filter(cites).collect()
    }

    /// The faults that the evidence for a clause notices, each with the names of what notices it.
    pub(super) fn faults_of(&self, clause: &ClauseId) -> BTreeMap<String, (&Fault, BTreeSet<String>)> {
        let mut faults: BTreeMap<String, (&Fault, BTreeSet<String>)> = BTreeMap::new();
        let of_cases = self.cases_of(clause).into_iter().map(|case| {
            let name = case.id.to_string();
            (name, self.evidence.noticed_by_case(&case.id))
        });
        let of_tests = self.citations_of(clause, true).into_iter().map(|citation| {
            let name = citation.test.rsplit("::").next().unwrap_or_default().to_owned();
            (name, self.evidence.noticed_by_test(&citation.test))
        });
        for (name, noticed) in of_cases.chain(of_tests) {
            for fault in noticed {
                faults.entry(fault.id.clone()).or_insert_with(|| (fault, BTreeSet::new())).1.insert(name.clone());
            }
        }
        faults
    }
}
