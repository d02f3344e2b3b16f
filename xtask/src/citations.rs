//! Citations of clauses in Rust files: comment lines such as `// spec: write.partial.2, write.partial.3`.
//!
//! A citation in a test is evidence for the clause. A citation in other code refers the reader to the
//! clause, and `Clause::new("write.partial.2")` the client. All must name a clause that exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use fluxstone_conformance::case::ClauseId;

use crate::tree::File;

/// A citation of one clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Citation {
    /// The clause, or the error in its identifier.
    pub(crate) clause: Result<ClauseId, String>,
    /// File and line.
    pub(crate) place: String,
    /// Whether it is in a test.
    pub(crate) is_evidence: bool,
    /// The file, and the test below the comment if there is one: `tests/a.rs::name`.
    pub(crate) test: String,
}

/// Returns the citations in the given files.
pub(crate) fn find(files: &[File]) -> Vec<Citation> {
    files.iter().filter(|file| file.is_rust()).flat_map(of_file).collect()
}

fn of_file(file: &File) -> Vec<Citation> {
    let mut citations = Vec::new();
    let mut in_test = is_test_file(&file.path);
    let lines: Vec<&str> = file.text.lines().collect();
    for (i, line) in lines.iter().enumerate() {
        let line = line.trim_start();
        // Tests come last in a file.
        in_test |= line.starts_with("#[cfg(test)]");
        for id in named_in_code(line) {
            citations.push(Citation {
                clause: ClauseId::try_from(id.to_owned()).map_err(|error| error.to_string()),
                place: format!("{}:{}", file.path, i + 1),
                is_evidence: false,
                test: file.path.clone(),
            });
        }
        let Some(ids) = line.strip_prefix("// spec:") else { continue };
        let test = match function_below(&lines[i..]) {
            Some(name) => format!("{}::{name}", file.path),
            None => file.path.clone(),
        };
        for id in ids.split(',').map(str::trim) {
            citations.push(Citation {
                clause: ClauseId::try_from(id.to_owned()).map_err(|error| error.to_string()),
                place: format!("{}:{}", file.path, i + 1),
                is_evidence: in_test,
                test: test.clone(),
            });
        }
    }
    citations
}

/// The name of the function that comments and attributes are above.
fn function_below<'t>(lines: &[&'t str]) -> Option<&'t str> {
    let mut lines = lines.iter().map(|line| line.trim_start());
    let line = lines.find(|line| !line.starts_with("//") && !line.starts_with("#["))?;
    let (name, _) = line.trim_start_matches("async ").strip_prefix("fn ")?.split_once('(')?;
    Some(name)
}

/// Returns the text of `conformance/citations.txt`: the tests that cite each clause.
pub(crate) fn render(citations: &[Citation]) -> String {
    let mut tests: BTreeMap<&ClauseId, BTreeSet<&str>> = BTreeMap::new();
    for citation in citations.iter().filter(|citation| citation.is_evidence) {
        if let Ok(clause) = &citation.clause {
            tests.entry(clause).or_default().insert(&citation.test);
        }
    }
    let mut text = String::from(
        "# The tests that cite each clause, for `fluxstone-conformance explain`.\n\
         # Written by `cargo xtask spec --bless` from the comments `// spec: CLAUSE`.\n\n",
    );
    for (clause, tests) in tests {
        let _ = writeln!(text, "{clause}: {}", tests.into_iter().collect::<Vec<_>>().join(", "));
    }
    text
}

/// The clauses that errors name: `Clause::new("write.db.1")`.
fn named_in_code(line: &str) -> impl Iterator<Item = &str> {
    let is_code = !line.starts_with("//");
    let named = line.split("Clause::new(\"").skip(usize::from(is_code)).filter(move |_| is_code);
    named.filter_map(|rest| rest.split_once('"')).map(|(id, _)| id)
}

fn is_test_file(path: &str) -> bool {
    let under = |folder: &str| path.starts_with(folder) || path.contains(&format!("/{folder}"));
    under("tests/") || under("fuzz_targets/") || path.ends_with("/tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clauses_that_errors_name_are_citations_but_no_evidence() {
        let text = "#[cfg(test)]\nx(Clause::new(\"a.1\"), Clause::new(\"a.b.2\"), y);\n/// Clause::new(\"c.1\")\n";
        let found = find(&[File::new("src/a.rs", text)]);
        let ids: Vec<_> = found.iter().map(|c| (c.clause.as_ref().unwrap().as_str(), c.is_evidence)).collect();
        assert_eq!(ids, [("a.1", false), ("a.b.2", false)]);
    }

    #[test]
    fn tests_are_listed_by_clause_with_the_name_below_the_comment() {
        let test = "// spec: a.2, a.1\n// Why.\n#[tokio::test]\nasync fn one() {}\n\n// spec: a.2\nmod two {}\n";
        let files = [File::new("tests/t.rs", test), File::new("src/s.rs", "// spec: a.3\nfn not_a_test() {}\n")];
        let text = render(&find(&files));
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(lines, ["a.1: tests/t.rs::one", "a.2: tests/t.rs, tests/t.rs::one"]);
    }

    #[test]
    fn only_citations_in_tests_are_evidence() {
        let text = "// spec: a.1\nfn f() {}\n#[cfg(test)]\nmod tests {\n    // spec: a.2, a.b.3\n    // spec: bad\n}\n";
        let found: Vec<_> = find(&[File::new("src/a.rs", text)])
            .into_iter()
            .map(|c| (c.clause.map(|id| id.to_string()).unwrap_or_default(), c.place, c.is_evidence))
            .collect();
        let expected = [
            ("a.1", "src/a.rs:1", false),
            ("a.2", "src/a.rs:5", true),
            ("a.b.3", "src/a.rs:5", true),
            ("", "src/a.rs:6", true),
        ];
        assert_eq!(found, expected.map(|(id, place, evidence)| (id.to_owned(), place.to_owned(), evidence)));
        for path in ["tests/a.rs", "src/query/tests.rs", "src/query/tests/a.rs", "fuzz/fuzz_targets/a.rs"] {
            assert!(find(&[File::new(path, "// spec: a.1")])[0].is_evidence, "{path}");
        }
    }
}
