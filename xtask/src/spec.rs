//! Checks the specification against its evidence: identifiers are unique, each clause states its basis, each clause with MUST is cited by a
//! case or a test, each citation names a clause that exists, and no identifier is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use anyhow::Context as _;
use fluxstone_conformance::case::ClauseId;
use fluxstone_conformance::clauses::{self, Clause};
use fluxstone_conformance::suite::Suite;
use regex::Regex;

use crate::citations::{self, Citation};
use crate::evidence::{self, Mandatory};
use crate::lock::{self, Lock};
use crate::privileges;
use crate::tree::{self, File};

/// The end of a clause: its basis, in italics.
static BASIS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s)(?:^|\s)_(?:Documented|Observed|Design)\b.{0,400}_\s*$")
        .unwrap_or_else(|e| unreachable!("a constant pattern: {e}"))
});

/// The tests that cite each clause, for the runner.
const CITATIONS: &str = "conformance/citations.txt";

/// The clauses with their evidence.
struct Matrix {
    rows: BTreeMap<ClauseId, Row>,
}

struct Row {
    clause: Clause,
    cases: Vec<String>,
    tests: Vec<String>,
}

/// Checks the specification, prints a summary (and each clause with its evidence if `full`), and returns the violations.
pub(crate) fn check(root: &Path, full: bool, bless: bool) -> anyhow::Result<Vec<String>> {
    let drifted = privileges::check(root, bless)?;
    let files = tree::read(root)?;
    let suite = Suite::read(&root.join("conformance/cases"))?;
    let cases: Vec<(String, Vec<ClauseId>)> =
        suite.cases.iter().map(|case| (case.id.to_string(), case.clauses.clone())).collect();
    let citations = citations::find(&files);
    let (matrix, mut violations) = Matrix::build(&files, &cases, &citations);
    violations.extend(drifted);
    violations.extend(matrix.violations());
    violations.extend(matrix.points(&files));
    if full {
        matrix.print();
    }
    matrix.print_summary();
    violations.extend(evidence::check(root, &files, &matrix.mandatory(), &cases, bless)?);

    let path = root.join(CITATIONS);
    let cited = citations::render(&citations);
    if bless {
        std::fs::write(&path, &cited).with_context(|| path.display().to_string())?;
    }
    if std::fs::read_to_string(&path).unwrap_or_default() != cited {
        violations.push(format!("{CITATIONS} is not what the tests cite: run `cargo xtask spec --bless`"));
    }

    let path = root.join("conformance/ids.lock");
    let mut recorded = Lock::parse(&std::fs::read_to_string(&path).unwrap_or_default());
    let used = lock::in_use(cases.into_iter().map(|(id, _)| id), matrix.rows.keys().map(ToString::to_string));
    if bless {
        recorded.add(&used, env!("CARGO_PKG_VERSION"));
        std::fs::write(&path, recorded.render()).with_context(|| path.display().to_string())?;
    }
    violations.extend(recorded.violations(&used));
    Ok(violations)
}

impl Matrix {
    /// Joins clauses and evidence, and returns violations for those that do not match.
    fn build(files: &[File], cases: &[(String, Vec<ClauseId>)], citations: &[Citation]) -> (Matrix, Vec<String>) {
        let mut violations = Vec::new();
        let mut rows: BTreeMap<ClauseId, Row> = BTreeMap::new();
        for page in files.iter().filter(|file| is_page(&file.path)) {
            let clauses = clauses::parse_page(&page.path, &page.text).unwrap_or_else(|error| {
                violations.push(error.to_string());
                Vec::new()
            });
            for clause in clauses {
                let place = format!("{}:{}", clause.page, clause.line);
                if let Some(other) = rows.get(&clause.id) {
                    let (id, page, line) = (&clause.id, &other.clause.page, other.clause.line);
                    violations.push(format!("{place}: `{id}` is already the identifier of a clause at {page}:{line}"));
                    continue;
                }
                rows.insert(clause.id.clone(), Row { clause, cases: Vec::new(), tests: Vec::new() });
            }
        }
        for (case, cited) in cases {
            for id in cited {
                match rows.get_mut(id) {
                    Some(row) => row.cases.push(case.clone()),
                    None => violations.push(format!("the case {case} cites `{id}`, which is not a clause")),
                }
            }
        }
        for citation in citations {
            let place = &citation.place;
            match &citation.clause {
                Err(error) => violations.push(format!("{place}: {error}")),
                Ok(id) => match rows.get_mut(id) {
                    Some(row) if citation.is_evidence => row.tests.push(place.clone()),
                    Some(_) => {}
                    None => violations.push(format!("{place}: cites `{id}`, which is not a clause")),
                },
            }
        }
        (Matrix { rows }, violations)
    }

    /// The clauses with MUST.
    fn mandatory(&self) -> Vec<Mandatory<'_>> {
        let rows = self.rows.iter().filter(|(_, row)| row.clause.is_mandatory());
        rows.map(|(id, row)| Mandatory { id, has_cases: !row.cases.is_empty(), has_tests: !row.tests.is_empty() })
            .collect()
    }

    /// Returns a violation for each clause without the evidence that it needs, or without a basis.
    fn violations(&self) -> Vec<String> {
        let mut violations = Vec::new();
        for (id, row) in &self.rows {
            let place = format!("{}:{}", row.clause.page, row.clause.line);
            if row.clause.is_mandatory() && !row.has_evidence() {
                violations.push(format!("{place}: `{id}` says MUST, but no case or test cites it"));
            }
            if !BASIS.is_match(&row.clause.text) {
                violations.push(format!(
                    "{place}: `{id}` does not end in its basis (`_Documented: ..._`, `_Observed._`, `_Design._`)"
                ));
            }
        }
        violations
    }

    /// Returns a violation for each compatibility point without a clause on the compatibility page, and for each clause there without a point.
    fn points(&self, files: &[File]) -> Vec<String> {
        let list = files.iter().find(|file| file.path == "src/compat/lib.rs").map(|file| file.text.as_str());
        let points: BTreeSet<&str> = list
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.trim().strip_prefix("/// `")?.split_once("`: "))
            .map(|(name, _)| name)
            .filter(|name| name.starts_with("compat."))
            .collect();
        let name_of = |id: &ClauseId| id.as_str().rsplit_once('.').map(|(name, _)| name.to_owned()).unwrap_or_default();
        let names: BTreeSet<String> = self.rows.keys().filter(|id| id.subject() == "compat").map(name_of).collect();
        let without_clause = points.iter().filter(|&&point| !names.contains(point));
        let without_point = names.iter().filter(|name| !points.contains(name.as_str()));
        without_clause
            .map(|point| format!("src/compat/lib.rs: `{point}` has no clause on the compatibility page"))
            .chain(
                without_point
                    .map(|name| format!("spec/compatibility.md: `{name}` is not a point of src/compat/lib.rs")),
            )
            .collect()
    }

    fn print(&self) {
        for (id, row) in &self.rows {
            let evidence: Vec<&str> = row.cases.iter().chain(&row.tests).map(String::as_str).collect();
            let evidence = if evidence.is_empty() { "-".to_owned() } else { evidence.join(", ") };
            println!("{id:<36} {evidence}");
        }
        println!();
    }

    fn print_summary(&self) {
        let mut pages: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
        for row in self.rows.values() {
            let counts = pages.entry(&row.clause.page).or_default();
            let kinds =
                [true, row.clause.is_mandatory(), !row.cases.is_empty(), !row.tests.is_empty(), !row.has_evidence()];
            for (count, holds) in counts.iter_mut().zip(kinds) {
                *count += usize::from(holds);
            }
        }
        println!(
            "{:<28} {:>8} {:>8} {:>10} {:>10} {:>10}",
            "page", "clauses", "MUST", "by cases", "by tests", "uncovered"
        );
        let mut total = [0; 5];
        for (page, counts) in &pages {
            print_counts(page, counts);
            for (sum, count) in total.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        print_counts("all", &total);
        let uncovered: Vec<&str> =
            self.rows.iter().filter(|(_, row)| !row.has_evidence()).map(|(id, _)| id.as_str()).collect();
        if !uncovered.is_empty() {
            println!("\nnot covered: {}", uncovered.join(", "));
        }
    }
}

impl Row {
    fn has_evidence(&self) -> bool {
        !self.cases.is_empty() || !self.tests.is_empty()
    }
}

fn print_counts(name: &str, [clauses, must, cases, tests, uncovered]: &[usize; 5]) {
    println!("{name:<28} {clauses:>8} {must:>8} {cases:>10} {tests:>10} {uncovered:>10}");
}

/// Pages are directly in `spec/`. The README there is not one.
pub(crate) fn is_page(path: &str) -> bool {
    let name = path.strip_prefix("spec/").and_then(|name| name.strip_suffix(".md"));
    name.is_some_and(|name| !name.contains('/') && name != "README")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "# Page\n\n**[a.1]** It MUST. _Observed._\n\n**[a.2]** It MAY.\nMore. _Documented: /x, Example._\n";

    fn violations(page: &str, case: &[&str], test: &str) -> Vec<String> {
        let files = [
            File::new("spec/a.md", page),
            File::new("spec/README.md", "**[no.clause]** x"),
            File::new("tests/a.rs", test),
        ];
        let clauses = case.iter().map(|&id| ClauseId::try_from(id.to_owned()).unwrap()).collect();
        let (matrix, mut violations) = Matrix::build(&files, &[("x.y".to_owned(), clauses)], &citations::find(&files));
        violations.extend(matrix.violations());
        violations
    }

    #[test]
    fn a_clause_with_must_is_cited_by_a_case_or_a_test() {
        assert!(violations(PAGE, &["a.1"], "").is_empty());
        assert!(violations(PAGE, &[], "// spec: a.1").is_empty());
        assert_eq!(violations(PAGE, &["a.2"], ""), ["spec/a.md:3: `a.1` says MUST, but no case or test cites it"]);
    }

    #[test]
    fn a_citation_names_a_clause() {
        assert_eq!(violations(PAGE, &["a.1", "b.1"], ""), ["the case x.y cites `b.1`, which is not a clause"]);
        assert_eq!(violations(PAGE, &["a.1"], "// spec: b.1"), ["tests/a.rs:1: cites `b.1`, which is not a clause"]);
        assert_eq!(violations(PAGE, &["a.1"], "// spec: b").len(), 1);
    }

    #[test]
    fn points_and_clauses_of_the_compatibility_page_agree() {
        let violations = |points: &str, page: &str| {
            let files = [File::new("src/compat/lib.rs", points), File::new("spec/compatibility.md", page)];
            Matrix::build(&files, &[], &[]).0.points(&files)
        };
        let (point, clause) = ("    /// `compat.a.b`: text.\n    AB,\n", "**[compat.a.b.1]** It MAY. _Observed._\n");
        assert!(violations(point, clause).is_empty());
        assert_eq!(violations(point, ""), ["src/compat/lib.rs: `compat.a.b` has no clause on the compatibility page"]);
        assert_eq!(violations("", clause), ["spec/compatibility.md: `compat.a.b` is not a point of src/compat/lib.rs"]);
    }

    #[test]
    fn an_identifier_is_used_once_and_a_clause_states_its_basis() {
        let twice = format!("{PAGE}\n**[a.1]** Again. _Observed._\n");
        assert_eq!(
            violations(&twice, &["a.1"], ""),
            ["spec/a.md:8: `a.1` is already the identifier of a clause at spec/a.md:3"]
        );
        let baseless = PAGE.replace(" _Observed._", "");
        assert_eq!(violations(&baseless, &["a.1"], "").len(), 1);
        assert_eq!(violations(&format!("{PAGE}\n**[Bad]** x"), &["a.1"], "").len(), 2);
    }
}
