//! Clauses with their evidence: the cases about them, the tests that cite them, and the listed faults that these notice.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::bail;

use crate::case::{Case, ClauseId};
use crate::clauses::{self, Clause};
use crate::evidence::{Evidence, Fault};
use crate::suite::Suite;

/// Prints the clauses that `id` names.
pub(super) fn explain(out: &mut impl Write, id: &str) -> anyhow::Result<()> {
    let (suite, clauses) = (Suite::embedded()?, clauses::embedded());
    let begins = |name: &str| name.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let of_case = suite.cases.iter().find(|case| case.id.as_str() == id);
    let named: BTreeSet<&ClauseId> = match of_case {
        Some(case) => case.clauses.iter().collect(),
        None => clauses.keys().filter(|clause| begins(clause.as_str())).collect(),
    };
    if named.is_empty() {
        bail!("there is no clause or case `{id}`");
    }
    let evidence = Evidence::embedded()?;
    for clause in named.into_iter().filter_map(|id| clauses.get(id)) {
        write_clause(out, clause, &suite.cases, &evidence)?;
    }
    Ok(())
}

fn write_clause(out: &mut impl Write, clause: &Clause, cases: &[Case], evidence: &Evidence) -> std::io::Result<()> {
    writeln!(out, "{} (spec/{}:{})\n{}\n", clause.id, clause.page, clause.line, clause.text)?;
    let cases: Vec<&Case> = cases.iter().filter(|case| case.clauses.contains(&clause.id)).collect();
    if cases.is_empty() {
        writeln!(out, "No case is about it: a server cannot be asked, or only with a setting, a clock or a restart.")?;
    }
    for case in cases {
        writeln!(out, "  {:<48} {}", case.id, case.about)?;
        write_faults(out, evidence.noticed_by_case(&case.id))?;
    }
    let tests = evidence.tests(&clause.id);
    if !tests.is_empty() {
        writeln!(out, "\nTests of this repository's server:")?;
    }
    for test in tests {
        writeln!(out, "  {test}")?;
        write_faults(out, evidence.noticed_by_test(test))?;
    }
    writeln!(out)
}

/// Prints the faults that a piece of evidence is known to notice.
fn write_faults(out: &mut impl Write, faults: &[Fault]) -> std::io::Result<()> {
    faults.iter().try_for_each(|fault| writeln!(out, "      notices {}: {}", fault.id, fault.what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(id: &str) -> Result<String, String> {
        let mut out = Vec::new();
        explain(&mut out, id).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_clause_is_shown_with_its_cases_and_a_case_with_its_clauses() {
        let text = explained("http.ping.1").unwrap();
        assert!(text.starts_with("http.ping.1 (spec/http.md:") && text.contains("\n  ping."), "{text}");
        let suite = Suite::embedded().unwrap();
        let case = suite.cases.iter().find(|case| case.clauses.len() > 1).unwrap();
        let text = explained(case.id.as_str()).unwrap();
        assert!(case.clauses.iter().all(|clause| text.contains(&format!("{clause} (spec/"))), "{text}");
        assert!(explained("http").unwrap().len() > explained("http.ping").unwrap().len());
        assert_eq!(explained("htt").unwrap_err(), "there is no clause or case `htt`");
    }

    #[test]
    fn tests_and_faults_are_part_of_the_evidence() {
        let text = explained("auth.credentials.4").unwrap();
        assert!(text.contains("\n      notices auth.header-first: the header counts before u and p\n"), "{text}");
        let text = explained("auth.bootstrap.1").unwrap();
        let test = "\n  tests/beyond_cases.rs::without_users_only_the_first_administrator_can_be_created\n";
        let (_, faults) = text.split_once(test).unwrap_or_else(|| panic!("{text}"));
        assert!(faults.starts_with("      notices auth.bootstrap-"), "{text}");
    }
}
