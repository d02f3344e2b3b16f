//! Clauses with the cases that are evidence for them.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::bail;

use crate::case::{Case, ClauseId};
use crate::clauses::{self, Clause};
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
    for clause in named.into_iter().filter_map(|id| clauses.get(id)) {
        write_clause(out, clause, &suite.cases)?;
    }
    Ok(())
}

fn write_clause(out: &mut impl Write, clause: &Clause, cases: &[Case]) -> std::io::Result<()> {
    writeln!(out, "{} (spec/{}:{})\n{}\n", clause.id, clause.page, clause.line, clause.text)?;
    let evidence: Vec<&Case> = cases.iter().filter(|case| case.clauses.contains(&clause.id)).collect();
    if evidence.is_empty() {
        writeln!(
            out,
            "No case is about it: a server cannot be asked, or only with a setting, a clock or a restart.\n"
        )?;
        return Ok(());
    }
    for case in evidence {
        writeln!(out, "  {:<48} {}", case.id, case.about)?;
    }
    writeln!(out)
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
}
