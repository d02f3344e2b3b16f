//! The clauses of the specification, read from its pages.
//!
//! A clause is a paragraph that begins with its identifier in bold brackets, `**[write.partial.2]** ...`, and extends to the next
//! clause or heading. Pages are embedded, so that a report can show the clauses of a failed case.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};

use crate::case::{ClauseId, IdError};

static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../spec");

/// One clause of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Its identifier.
    pub id: ClauseId,
    /// Its text, without the identifier, as Markdown.
    pub text: String,
    /// The page that holds it.
    pub page: String,
    /// The line where it begins, from 1.
    pub line: usize,
}

/// A paragraph begins like a clause, but with something other than an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{page}:{line}: {error}")]
pub struct ClauseError {
    /// The page.
    pub page: String,
    /// The line.
    pub line: usize,
    /// What is wrong with the identifier.
    pub error: IdError,
}

impl Clause {
    /// Whether the clause is a requirement.
    pub fn is_mandatory(&self) -> bool {
        self.text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "MUST")
    }
}

/// Returns the clauses of one page, in its order.
pub fn parse_page(page: &str, text: &str) -> Result<Vec<Clause>, ClauseError> {
    let mut clauses: Vec<Clause> = Vec::new();
    let mut open = false;
    let mut fenced = false;
    for (i, line) in text.lines().enumerate() {
        let begins_clause =
            if fenced { None } else { line.strip_prefix("**[").and_then(|rest| rest.split_once("]**")) };
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if let Some((id, rest)) = begins_clause {
            let failed = |error| ClauseError { page: page.to_owned(), line: i + 1, error };
            let id = ClauseId::try_from(id.to_owned()).map_err(failed)?;
            clauses.push(Clause { id, text: rest.trim().to_owned(), page: page.to_owned(), line: i + 1 });
            open = true;
        } else if !fenced && line.starts_with('#') {
            open = false;
        } else if open && let Some(clause) = clauses.last_mut() {
            clause.text.push('\n');
            clause.text.push_str(line);
        }
    }
    for clause in &mut clauses {
        clause.text.truncate(clause.text.trim_end().len());
    }
    Ok(clauses)
}

/// Returns the embedded clauses by identifier, without pages that have mistakes: `cargo xtask spec` reports those.
pub fn embedded() -> BTreeMap<ClauseId, Clause> {
    let pages = PAGES.files().filter(|file| file.path().extension().is_some_and(|e| e == "md"));
    pages
        .filter_map(|file| parse_page(&file.path().display().to_string(), file.contents_utf8()?).ok())
        .flatten()
        .map(|clause| (clause.id.clone(), clause))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Title\nScope.\n\n**[a.b.1]** It MUST:\n\n| x |\n|---|\n\n```\n# no heading\n**[c.1]** no clause\n```\n\n\
                        ## More\nNot of a clause.\n\n**[a.b.2]** It MAY. _Observed._\n";

    #[test]
    fn a_clause_extends_to_the_next_clause_or_heading() {
        let clauses = parse_page("p.md", PAGE).unwrap();
        let found: Vec<_> = clauses.iter().map(|c| (c.id.as_str(), c.line, c.is_mandatory())).collect();
        assert_eq!(found, [("a.b.1", 4, true), ("a.b.2", 17, false)]);
        assert_eq!(clauses[0].text, "It MUST:\n\n| x |\n|---|\n\n```\n# no heading\n**[c.1]** no clause\n```");
        assert_eq!(clauses[1].text, "It MAY. _Observed._");
    }

    #[test]
    fn a_malformed_identifier_is_reported_with_its_line() {
        let error = parse_page("p.md", "x\n**[Bad.1]** It MUST.\n").unwrap_err();
        assert_eq!((error.page.as_str(), error.line), ("p.md", 2));
    }
}
