//! All cases, embedded in the binary or read from a folder, and the selection of some.
//!
//! No two cases have the same identifier.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::case::{self, Case, CaseError, CaseId, Level};
use crate::claims::Claim;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/cases");

/// The cases, in the order of their files' names and then of each file.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The cases. No two have the same identifier.
    pub cases: Vec<Case>,
}

/// A selection of cases. An empty list selects all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Areas, the first word of an identifier.
    pub areas: Vec<String>,
    /// What a server claims to do.
    pub claims: Vec<Claim>,
    /// Levels.
    pub levels: Vec<Level>,
    /// Identifiers, or prefixes of identifiers up to a dot.
    pub ids: Vec<String>,
    /// Identifiers of clauses that a case cites, or prefixes of identifiers up to a dot.
    pub clauses: Vec<String>,
}

/// An error in the cases.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file is not UTF-8.
    #[error("{0} is not UTF-8")]
    NotText(String),
    /// A file has a mistake.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// An identifier is used twice.
    #[error("{file}:{line}: `{id}` is already the identifier of a case in {other}")]
    Taken {
        /// The identifier.
        id: CaseId,
        /// The second file.
        file: String,
        /// The line of the second case.
        line: usize,
        /// The first file.
        other: String,
    },
}

impl Suite {
    /// Returns the cases that are embedded in the binary.
    pub fn embedded() -> Result<Suite, SuiteError> {
        Suite::of(embedded_texts()?)
    }

    /// Reads the cases of a folder and its subfolders.
    pub fn read(folder: &Path) -> Result<Suite, SuiteError> {
        let mut files = Vec::new();
        folder_files(folder, &mut files)?;
        Suite::of(files)
    }

    /// Returns the selected cases.
    pub fn select(&self, selection: &Selection) -> Vec<&Case> {
        self.cases.iter().filter(|case| selection.wants(case)).collect()
    }

    fn of(mut files: Vec<(String, String)>) -> Result<Suite, SuiteError> {
        files.sort();
        let mut seen: HashMap<CaseId, String> = HashMap::new();
        let mut cases = Vec::new();
        for (name, text) in files {
            for case in case::parse_file(&name, &text)? {
                if let Some(other) = seen.insert(case.id.clone(), name.clone()) {
                    return Err(SuiteError::Taken { id: case.id, file: name, line: case.line, other });
                }
                cases.push(case);
            }
        }
        Ok(Suite { cases })
    }
}

impl Selection {
    fn wants(&self, case: &Case) -> bool {
        let begins = |id: &str, prefix: &String| {
            id.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let is_of = |prefix: &String| begins(case.id.as_str(), prefix);
        let cites = |prefix: &String| case.clauses.iter().any(|clause| begins(clause.as_str(), prefix));
        (self.areas.is_empty() || self.areas.iter().any(|area| area == case.id.area()))
            && (self.claims.is_empty() || self.claims.contains(&Claim::of(case)))
            && (self.levels.is_empty() || self.levels.contains(&case.level))
            && (self.ids.is_empty() || self.ids.iter().any(is_of))
            && (self.clauses.is_empty() || self.clauses.iter().any(cites))
    }
}

/// Returns the names and the texts of the files that are embedded in the binary.
pub(crate) fn embedded_texts() -> Result<Vec<(String, String)>, SuiteError> {
    let mut files = Vec::new();
    embedded_files(&EMBEDDED, &mut files)?;
    Ok(files)
}

fn embedded_files(folder: &Dir<'_>, files: &mut Vec<(String, String)>) -> Result<(), SuiteError> {
    for file in folder.files().filter(|file| file.path().extension().is_some_and(|e| e == "toml")) {
        let name = file.path().display().to_string();
        let text = file.contents_utf8().ok_or_else(|| SuiteError::NotText(name.clone()))?;
        files.push((name, text.to_owned()));
    }
    folder.dirs().try_for_each(|dir| embedded_files(dir, files))
}

fn folder_files(folder: &Path, files: &mut Vec<(String, String)>) -> Result<(), SuiteError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SuiteError::Read { path, source }
    };
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path.is_dir() {
            folder_files(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "toml") {
            let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
            files.push((path.display().to_string(), text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(id: &str) -> String {
        format!(
            "about = 'x'\nlevel = 'observed'\n[[case]]\nid = '{id}'\nabout = 'y'\nclauses = ['a.1']\n\
             [[case.step]]\nrequest = 'GET /ping'\nresponse.status = 204\n"
        )
    }

    #[test]
    fn the_embedded_cases_are_valid() {
        assert!(!Suite::embedded().unwrap().cases.is_empty());
    }

    #[test]
    fn an_identifier_is_used_once() {
        let files = [("a.toml", "ping.x"), ("b.toml", "ping.x")].map(|(name, id)| (name.to_owned(), file(id)));
        let error = Suite::of(files.to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "b.toml:3: `ping.x` is already the identifier of a case in a.toml");
    }

    #[test]
    fn cases_are_selected_by_area_level_and_prefix_of_the_identifier() {
        let files = ["ping.x", "query.x.1", "query.xy"].map(|id| (format!("{id}.toml"), file(id)));
        let suite = Suite::of(files.to_vec()).unwrap();
        let chosen = |selection: Selection| -> Vec<String> {
            suite.select(&selection).iter().map(|case| case.id.to_string()).collect()
        };
        let area = Selection { areas: vec!["ping".to_owned()], ..Selection::default() };
        let claim = Selection { claims: vec![Claim::Auth], ..Selection::default() };
        let level = Selection { levels: vec![Level::Quirk], ..Selection::default() };
        let ids = Selection { ids: vec!["query.x".to_owned()], ..Selection::default() };
        assert_eq!(chosen(Selection::default()).len(), 3);
        assert!(chosen(claim).is_empty());
        assert_eq!(chosen(area), ["ping.x"]);
        assert!(chosen(level).is_empty());
        assert_eq!(chosen(ids), ["query.x.1"]);
    }

    #[test]
    fn cases_are_selected_by_the_clauses_that_they_cite() {
        let cites = |id: &str, clauses: &str| (format!("{id}.toml"), file(id).replace("'a.1'", clauses));
        let files = [cites("ping.x", "'a.1', 'b.c.1'"), cites("ping.y", "'a.b.1'"), cites("ping.z", "'ab.1'")];
        let suite = Suite::of(files.to_vec()).unwrap();
        let chosen = |clauses: &[&str]| -> Vec<String> {
            let clauses = clauses.iter().map(ToString::to_string).collect();
            let selection = Selection { clauses, ..Selection::default() };
            suite.select(&selection).iter().map(|case| case.id.to_string()).collect()
        };
        assert_eq!(chosen(&["a"]), ["ping.x", "ping.y"]);
        assert_eq!(chosen(&["a.b", "b"]), ["ping.x", "ping.y"]);
        assert_eq!(chosen(&["ab.1"]), ["ping.z"]);
        assert!(chosen(&["a.10"]).is_empty());
    }
}
