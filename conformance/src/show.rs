//! Cases as text: what the command `show` prints, and what the book of the specification has about each case.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::LazyLock;

use crate::case::{Answer, Case, ClauseId};
use crate::clauses::Clause;
use crate::known::{Known, KnownError};
use crate::{curl, evidence};

/// The versions of InfluxDB whose answers are recorded, apart from those that the cases hold.
pub(crate) const RECORDED: [(&str, &str); 1] = [("1.6.7", include_str!("../known/influxdb-1.6.7.toml"))];

/// What is known of each of these versions, or why its file cannot be read.
static KNOWN: LazyLock<Vec<(&str, Result<Known, KnownError>)>> =
    LazyLock::new(|| RECORDED.map(|(version, text)| (version, Known::parse(version, text))).into());

/// The server that the commands address.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8086";

/// Writes a case: where it is, its rule, its clauses, and its requests and answers.
pub(crate) fn write_case(out: &mut impl Write, case: &Case, clauses: &BTreeMap<ClauseId, Clause>) -> io::Result<()> {
    writeln!(out, "{} ({}:{})\n{}", case.id, case.file, case.line, case.about)?;
    if let Some(source) = &case.source {
        writeln!(out, "{source}")?;
    }
    for id in &case.clauses {
        writeln!(out, "\n[{id}] {}", clauses.get(id).map_or("(no such clause)", |clause| &clause.text))?;
    }
    write_exchanges(out, case)
}

/// Writes the requests of a case as curl commands, each after an empty line, and the answers that they are expected to have.
///
/// # Errors
///
/// Those of `out`.
pub fn write_exchanges(out: &mut impl Write, case: &Case) -> io::Result<()> {
    for request in &case.preparation {
        writeln!(out, "\n# preparation\n{}", curl::command(request, DEFAULT_SERVER))?;
    }
    for step in &case.steps {
        if let Some(restart) = step.restart {
            writeln!(out, "\n# {restart}")?;
        }
        writeln!(out, "\n{}", curl::command(&step.request, DEFAULT_SERVER))?;
        write_answer(out, &step.expected)?;
        if let Some(alternative) = &step.alternative {
            writeln!(out, "\n# or, in the profile {}: {}", alternative.profile, alternative.because)?;
            write_answer(out, &alternative.answer)?;
        }
    }
    Ok(())
}

/// Writes since when a case is in the suite, and what versions of InfluxDB are known to answer, between empty lines.
///
/// # Errors
///
/// Those of `out`.
pub fn write_history(out: &mut impl Write, case: &Case) -> io::Result<()> {
    writeln!(out)?;
    match evidence::since(&case.id) {
        Some(version) => writeln!(out, "# in the suite since version {version}")?,
        None => writeln!(out, "# not in the suite")?,
    }
    let is_labelled = case.steps.iter().any(|step| step.alternative.is_some());
    let answer = if is_labelled { "the answer of the profile 1.2.4" } else { "no difference is recorded" };
    writeln!(out, "# InfluxDB 1.2.4: {answer}")?;
    for (version, known) in &*KNOWN {
        let known = known.as_ref().map_err(|error| io::Error::other(error.to_string()))?;
        match known.entry(&case.id) {
            Some(entry) => writeln!(out, "# InfluxDB {version}: {}: {}", entry.expect.as_str(), entry.reason)?,
            None => writeln!(out, "# InfluxDB {version}: no difference is recorded")?,
        }
    }
    writeln!(out)?;
    Ok(())
}

fn write_answer(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    writeln!(out, "HTTP/1.1 {}", answer.status)?;
    for (name, rule) in answer.headers.iter().chain(&answer.common_headers) {
        writeln!(out, "{name}: {rule}")?;
    }
    if let Some(body) = &answer.body {
        writeln!(out, "\n{}", body.to_string().trim_end_matches('\n'))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Suite;

    #[test]
    fn a_case_is_shown_with_its_history() {
        let suite = Suite::embedded().unwrap();
        let history = |id: &str| {
            let case = suite.cases.iter().find(|case| case.id.as_str() == id).unwrap();
            let mut out = Vec::new();
            write_history(&mut out, case).unwrap();
            String::from_utf8(out).unwrap()
        };
        let text = history("query.csv");
        assert!(text.contains("# in the suite since version 0.1.0\n"), "{text}");
        assert!(text.contains("# InfluxDB 1.6.7: differs: since 1.3, a null is an empty cell in CSV\n"), "{text}");
        let text = history("query.select-all");
        assert!(
            text.contains("# InfluxDB 1.2.4: no difference is recorded\n# InfluxDB 1.6.7: no difference is recorded\n"),
            "{text}"
        );
    }
}
