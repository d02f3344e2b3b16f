//! What is known about clauses and cases beside the cases themselves: the tests that cite a clause, the listed faults that a case or test
//! notices, and the version of the suite in which a case appeared.
//!
//! All of it is embedded. `cargo xtask spec` keeps `citations.txt` and `ids.lock`, and `cargo xtask mutants` keeps `faults/kills.toml`.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use serde::Deserialize;

use crate::case::{CaseId, ClauseId};

static FAULTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/faults");
const CITATIONS: &str = include_str!("../citations.txt");
const IDS: &str = include_str!("../ids.lock");

/// The version that identifiers without a version in `ids.lock` appeared in.
const FIRST_VERSION: &str = "0.1.0";

/// Tests and faults.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The tests that cite each clause, as `PATH::NAME`, or `PATH` for a citation that is not above a function.
    tests: BTreeMap<String, Vec<String>>,
    /// The faults that each case, or test, is known to notice. A test is written `FILE::NAME`, without folder.
    noticed: BTreeMap<String, Vec<Fault>>,
}

/// A fault of this repository's server that is listed in `faults/`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// Its name.
    pub id: String,
    /// What the server does wrong.
    pub what: String,
    /// The integration test that notices it.
    test: Option<String>,
}

#[derive(Debug, Deserialize)]
struct FaultFile {
    fault: Vec<Fault>,
}

impl Evidence {
    /// Returns what is embedded in the binary.
    pub fn embedded() -> Result<Evidence, toml::de::Error> {
        let mut faults = Vec::new();
        let mut kills = BTreeMap::new();
        for file in FAULTS.files().filter(|file| file.path().extension().is_some_and(|e| e == "toml")) {
            let text = file.contents_utf8().unwrap_or_default();
            if file.path().ends_with("kills.toml") {
                kills = toml::from_str(text)?;
            } else {
                faults.extend(toml::from_str::<FaultFile>(text)?.fault);
            }
        }
        Ok(Evidence { tests: parse_citations(CITATIONS), noticed: join(faults, &kills) })
    }

    /// The tests that cite a clause.
    pub fn tests(&self, clause: &ClauseId) -> &[String] {
        self.tests.get(clause.as_str()).map_or(&[], Vec::as_slice)
    }

    /// The faults that a case is known to notice.
    pub fn noticed_by_case(&self, case: &CaseId) -> &[Fault] {
        self.noticed(case.as_str())
    }

    /// The faults that a test, `PATH::NAME`, is known to notice.
    pub fn noticed_by_test(&self, test: &str) -> &[Fault] {
        let name = test.strip_prefix("tests/").and_then(|test| test.split_once(".rs::"));
        name.map_or(&[], |(file, name)| self.noticed(&format!("{file}::{name}")))
    }

    fn noticed(&self, evidence: &str) -> &[Fault] {
        self.noticed.get(evidence).map_or(&[], Vec::as_slice)
    }
}

/// Returns the version of the suite in which a case appeared, or `None` if the case is not one of the suite.
pub fn since(case: &CaseId) -> Option<&'static str> {
    since_in(IDS, case)
}

fn since_in<'t>(ids: &'t str, case: &CaseId) -> Option<&'t str> {
    ids.lines().find_map(|line| {
        let (id, version) =
            line.strip_prefix("case ").map(|rest| rest.split_once(' ').unwrap_or((rest, FIRST_VERSION)))?;
        (id == case.as_str()).then_some(version)
    })
}

fn parse_citations(text: &str) -> BTreeMap<String, Vec<String>> {
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "));
    lines.map(|(clause, tests)| (clause.to_owned(), tests.split(", ").map(str::to_owned).collect())).collect()
}

/// The faults by what notices them. `kills` has the cases that notice each fault.
fn join(faults: Vec<Fault>, kills: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<Fault>> {
    let mut noticed: BTreeMap<String, Vec<Fault>> = BTreeMap::new();
    for fault in faults {
        let cases = kills.get(&fault.id).into_iter().flatten();
        for evidence in cases.chain(&fault.test) {
            noticed.entry(evidence.clone()).or_default().push(fault.clone());
        }
    }
    noticed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Suite;

    fn case(id: &str) -> CaseId {
        CaseId::try_from(id.to_owned()).unwrap()
    }

    #[test]
    fn faults_are_found_by_the_case_or_test_that_notices_them() {
        let fault = |id: &str, test: Option<&str>| Fault {
            id: id.to_owned(),
            what: "x".to_owned(),
            test: test.map(str::to_owned),
        };
        let kills = BTreeMap::from([("f.1".to_owned(), vec!["a.b".to_owned(), "a.c".to_owned()])]);
        let noticed = join(vec![fault("f.1", None), fault("f.2", Some("t::name"))], &kills);
        let evidence = Evidence { tests: BTreeMap::new(), noticed };
        let ids = |faults: &[Fault]| faults.iter().map(|fault| fault.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(evidence.noticed_by_case(&case("a.c"))), ["f.1"]);
        assert_eq!(ids(evidence.noticed_by_test("tests/t.rs::name")), ["f.2"]);
        assert!(evidence.noticed_by_test("tests/t.rs").is_empty());
        assert!(evidence.noticed_by_case(&case("a.d")).is_empty());
    }

    #[test]
    fn citations_are_read_by_clause() {
        let tests = parse_citations("# Head: x\n\na.1: tests/t.rs::one, src/b.rs\na.2: src/b.rs::two\n");
        assert_eq!(tests["a.1"], ["tests/t.rs::one", "src/b.rs"]);
        assert_eq!(tests.len(), 2);
    }

    #[test]
    fn a_case_has_the_version_that_the_lock_names() {
        let ids = "# case a.a\ncase a.b\ncase a.bc 0.3.0\nclause a.d.1\n";
        assert_eq!(since_in(ids, &case("a.b")), Some("0.1.0"));
        assert_eq!(since_in(ids, &case("a.bc")), Some("0.3.0"));
        assert_eq!(since_in(ids, &case("a.d")), None);
    }

    #[test]
    fn what_is_embedded_can_be_read() {
        let evidence = Evidence::embedded().unwrap();
        let suite = Suite::embedded().unwrap();
        assert!(suite.cases.iter().any(|case| !evidence.noticed_by_case(&case.id).is_empty()));
        let cited = evidence.tests.values().flatten();
        assert!(cited.filter(|test| !evidence.noticed_by_test(test).is_empty()).count() > 5);
    }
}
