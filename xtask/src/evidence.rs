//! Says what the evidence for each clause is worth: which listed faults of the server its cases and tests notice.
//!
//! `conformance/faults/evidence.txt` has a line for each clause with MUST, written by `cargo xtask spec --bless` from the known kills of
//! `cargo xtask mutants` and from what cases and tests cite. It is compared, so that a change of the worth of the evidence is seen. Its
//! second list, of clauses without evidence that is known to notice a fault, can only become shorter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use fluxstone_conformance::case::ClauseId;

use crate::mutants;
use crate::tree::File;

/// The committed matrix.
const FILE: &str = "conformance/faults/evidence.txt";

const HEAD: &str = "\
# What the evidence for the clauses with MUST is worth: which faults of this folder it notices.
# Written by `cargo xtask spec --bless` from `kills.toml`, and from what cases and tests cite.
#
# clause: case or test (faults), ...
";

const WITHOUT: &str = "\n# No case or test that cites these clauses is known to notice a listed fault.\n\n";

/// A clause with MUST, and the kinds of its evidence.
pub(crate) struct Mandatory<'c> {
    pub(crate) id: &'c ClauseId,
    pub(crate) has_cases: bool,
    pub(crate) has_tests: bool,
}

/// Compares the committed matrix with what is known, and writes it if `bless`, unless the second list would get longer. `cases` are all
/// cases, with the clauses they cite.
pub(crate) fn check(
    root: &Path,
    files: &[File],
    clauses: &[Mandatory<'_>],
    cases: &[(String, Vec<ClauseId>)],
    bless: bool,
) -> anyhow::Result<Vec<String>> {
    let noticed = mutants::noticed(root)?;
    let worth = worth(files, cases, &noticed);
    let text = render(clauses, &worth);
    let path = root.join(FILE);
    let mut committed = std::fs::read_to_string(&path).with_context(|| FILE.to_owned())?;
    let unproven = newly_unproven(&committed, clauses, &worth);
    if bless && unproven.is_empty() {
        std::fs::write(&path, &text).with_context(|| FILE.to_owned())?;
        committed.clone_from(&text);
    }
    let proven = clauses.iter().filter(|clause| worth.contains_key(clause.id.as_str())).count();
    println!("\n{proven} of {} clauses with MUST have evidence that notices a listed fault", clauses.len());
    let ids: BTreeSet<&str> = cases.iter().map(|(id, _)| id.as_str()).collect();
    let unknown = noticed.keys().filter(|id| !id.contains("::") && !ids.contains(id.as_str()));
    let mut violations: Vec<String> =
        unknown.map(|id| format!("conformance/faults/kills.toml names {id}, which is not a case")).collect();
    violations.extend(unproven.iter().map(|id| {
        format!("no case or test that cites {id} notices a listed fault: list one that breaks it in conformance/faults")
    }));
    if committed != text {
        violations.push(format!("{FILE} is not what cases, tests and kills say: run `cargo xtask spec --bless`"));
    }
    Ok(violations)
}

/// The clauses without evidence that notices a fault that are not in the second list of the committed matrix.
fn newly_unproven<'c>(committed: &str, clauses: &[Mandatory<'c>], worth: &Worth<'_>) -> Vec<&'c ClauseId> {
    let listed = committed.split_once(WITHOUT).map_or("", |(_, without)| without);
    let listed: BTreeSet<&str> = listed.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    let ids = clauses.iter().map(|clause| clause.id);
    ids.filter(|id| !worth.contains_key(id.as_str()) && !listed.contains(id.as_str())).collect()
}

/// For each clause, the faults that each piece of its evidence notices.
type Worth<'w> = BTreeMap<String, BTreeMap<&'w str, BTreeSet<&'w str>>>;

/// Joins clauses and faults. `noticed` has the faults by case, or by test, `file::name`.
fn worth<'w>(
    files: &[File],
    cases: &[(String, Vec<ClauseId>)],
    noticed: &'w BTreeMap<String, BTreeSet<String>>,
) -> Worth<'w> {
    let by_case: BTreeMap<&str, &Vec<ClauseId>> = cases.iter().map(|(id, clauses)| (id.as_str(), clauses)).collect();
    let mut worth = Worth::new();
    for (evidence, faults) in noticed {
        let clauses = match (by_case.get(evidence.as_str()), evidence.split_once("::")) {
            (Some(clauses), _) => clauses.iter().map(ToString::to_string).collect(),
            (None, Some((file, name))) => cited_by_test(files, &format!("tests/{file}.rs"), name),
            (None, None) => Vec::new(),
        };
        for clause in clauses {
            let faults = faults.iter().map(String::as_str);
            worth.entry(clause).or_default().entry(evidence).or_default().extend(faults);
        }
    }
    worth
}

/// The clauses that the comment above a test cites.
fn cited_by_test(files: &[File], path: &str, name: &str) -> Vec<String> {
    let text = files.iter().find(|file| file.path == path).map(|file| file.text.as_str()).unwrap_or_default();
    let begins = |line: &&str| line.trim_start_matches("async ").starts_with(&format!("fn {name}("));
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| begins(&line.trim_start())).unwrap_or_default();
    let above = lines[..at].iter().rev().take_while(|line| line.starts_with("//") || line.starts_with("#["));
    above
        .filter_map(|line| line.strip_prefix("// spec:"))
        .flat_map(|ids| ids.split(','))
        .map(|id| id.trim().to_owned())
        .collect()
}

fn render(clauses: &[Mandatory<'_>], worth: &Worth<'_>) -> String {
    let (mut with, mut without) = (String::from(HEAD), String::from(WITHOUT));
    with.push('\n');
    for Mandatory { id, has_cases, has_tests } in clauses {
        if let Some(evidence) = worth.get(id.as_str()) {
            let shown = |(evidence, faults): (&&str, &BTreeSet<&str>)| {
                format!("{evidence} ({})", faults.iter().copied().collect::<Vec<_>>().join(" "))
            };
            let _ = writeln!(with, "{id}: {}", evidence.iter().map(shown).collect::<Vec<_>>().join(", "));
        } else {
            let kinds = [(*has_cases, "cases"), (*has_tests, "tests")];
            let kinds: Vec<&str> = kinds.iter().filter(|(has, _)| *has).map(|(_, kind)| *kind).collect();
            let _ = writeln!(without, "{id}: {}", kinds.join(" and "));
        }
    }
    with + &without
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: &str) -> ClauseId {
        ClauseId::try_from(id.to_owned()).unwrap()
    }

    #[test]
    fn a_clause_has_the_faults_that_its_cases_and_tests_notice() {
        let test = "// spec: b.2\n#[test]\nfn other() {}\n\n// spec: a.1, b.1\n#[tokio::test]\nasync fn named() {}\n";
        let files = [File::new("tests/t.rs", test)];
        let cases = [("x.y".to_owned(), vec![id("a.1")]), ("x.z".to_owned(), vec![id("b.2")])];
        let faults = |faults: &[&str]| faults.iter().map(ToString::to_string).collect();
        let noticed =
            BTreeMap::from([("x.y".to_owned(), faults(&["f.1", "f.2"])), ("t::named".to_owned(), faults(&["f.3"]))]);
        let worth = worth(&files, &cases, &noticed);
        let ids = ["a.1", "b.1", "b.2"].map(id);
        let clauses: Vec<_> =
            ids.iter().map(|id| Mandatory { id, has_cases: true, has_tests: id.as_str() != "a.1" }).collect();
        let text = render(&clauses, &worth);
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(lines, ["a.1: t::named (f.3), x.y (f.1 f.2)", "b.1: t::named (f.3)", "b.2: cases and tests"]);

        // Another clause needs a fault, also one that had one.
        assert!(newly_unproven(&text, &clauses, &worth).is_empty());
        let nothing = Worth::new();
        let unproven: Vec<&str> = newly_unproven(&text, &clauses, &nothing).into_iter().map(ClauseId::as_str).collect();
        assert_eq!(unproven, ["a.1", "b.1"]);
    }
}
