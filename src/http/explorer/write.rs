//! The page that writes points: through the path of `/write`, and then with the number of each line that cannot be read.

use std::sync::Arc;

use fluxstone_explorer::{LineProblem, Problem, WriteOutcome, WritePage, quoted_name, write_page};
use fluxstone_line_protocol::parse;
use fluxstone_model::Timestamp;

use super::answers::problem_of;
use super::listing::{Show, databases, first_names, list};
use super::visitor::{Form, Visitor};
use crate::api::Api;
use crate::body::BodyError;
use crate::context::ServerContext;
use crate::parameters::{Parameters, to_text};
use crate::refusal::Refusal;
use crate::socket::Peer;
use crate::units;
use crate::write::{WriteJob, store};

/// The most characters of a line that is shown with its problem.
const LINE_CHARS_MAX: usize = 500;

/// Copies of the lines that the page has, besides the one that is written.
const LINES_COPIES: usize = 3;

/// Returns the page without lines.
pub(super) async fn blank<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    parameters: &Parameters,
) -> Result<String, Refusal> {
    answered(context, client, visitor, parameters, None).await
}

/// Writes the lines of a form, and returns the page with what became of them.
pub(super) async fn write<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    mut form: Form,
) -> Result<String, Refusal> {
    let lines = form.fields.get("lines").len();
    form.memory.grow_by(LINES_COPIES * lines).await.map_err(BodyError::Memory)?;
    let outcome = stored(context, client, visitor, &form.fields).await?;
    answered(context, client, visitor, &form.fields, Some(outcome)).await
}

async fn answered<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    fields: &Parameters,
    outcome: Option<WriteOutcome>,
) -> Result<String, Refusal> {
    let database = fields.text("db");
    let policies = if database.is_empty() {
        Vec::new()
    } else {
        let text = format!("SHOW RETENTION POLICIES ON {}", quoted_name(&database));
        first_names(list(context, client, visitor, Show { database: &database, text, column: 0, part: 0 }).await?)
    };
    let page = WritePage {
        databases: databases(context, client, visitor).await?,
        database,
        policies,
        policy: fields.text("rp"),
        precision: fields.text("precision"),
        // Once they are stored, nobody wants to write them again.
        text: if outcome == Some(WriteOutcome::Stored) { String::new() } else { fields.text("lines") },
        outcome,
    };
    Ok(write_page(&visitor.frame, &page))
}

/// Writes lines. What the server itself lacks, such as memory, refuses the request as a whole.
async fn stored<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    fields: &Parameters,
) -> Result<WriteOutcome, Refusal> {
    let lines = unix_lines(fields.get("lines"));
    let failed = |refusal: Refusal, lines| WriteOutcome::Failed { problem: problem_of(&refusal), lines };
    if fields.get("db").is_empty() {
        return Ok(failed(Refusal::NoDatabase, Vec::new()));
    }
    let principal = visitor.principal();
    if let Err(error) = context.api.authorize_write(&principal, fields.get("db")) {
        return Ok(failed(error.into(), Vec::new()));
    }
    let mut query = Parameters::default();
    for name in ["db", "rp", "precision"] {
        query.push(name.as_bytes(), fields.get(name));
    }
    // Until the job ends: the form may be gone before.
    let mut memory = context.body_memory.reservation();
    memory.grow_by(lines.len()).await.map_err(BodyError::Memory)?;
    let job = WriteJob { part: None, principal, query, gzip: false, received: lines.clone(), memory };
    match store(context, client, job).await {
        Ok(()) => Ok(WriteOutcome::Stored),
        Err(refusal @ Refusal::Write(_)) => Ok(failed(refusal, line_problems(&lines, fields.get("precision")))),
        Err(refusal) => Err(refusal),
    }
}

/// The lines as they were typed: browsers send line ends as CR LF.
fn unix_lines(sent: &[u8]) -> Vec<u8> {
    bstr::ByteSlice::replace(sent, "\r\n", "\n")
}

/// The lines that cannot be read, with their numbers.
fn line_problems(body: &[u8], precision: &[u8]) -> Vec<LineProblem> {
    let parsed = parse(body, units::precision(precision), Timestamp::EPOCH);
    let mut line = 1;
    let mut counted = 0;
    let mut problems = Vec::new();
    for error in parsed.errors {
        line += memchr::memchr_iter(b'\n', body.get(counted..error.at).unwrap_or_default()).count();
        counted = error.at;
        let text = body.get(error.at..).unwrap_or_default().split(|&b| b == b'\n').next().unwrap_or_default();
        let message = to_text(&error.text);
        let reason = message.rsplit_once("': ").map_or(message.as_str(), |(_, reason)| reason);
        problems.push(LineProblem {
            line,
            text: to_text(text).chars().take(LINE_CHARS_MAX).collect(),
            problem: Problem { text: reason.to_owned(), clause: Some(error.clause.id()) },
        });
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: explorer.write.2
    #[test]
    fn lines_that_cannot_be_read_have_their_numbers() {
        let body = unix_lines(b"m v=1\r\n\r\n# comment\r\nm v=x\r\nm s=\"a\r\nb\"\r\n  oops");
        let found: Vec<_> = line_problems(&body, b"s")
            .into_iter()
            .map(|problem| (problem.line, problem.text, problem.problem.text))
            .collect();
        let problem = |line, text: &str, reason: &str| (line, text.to_owned(), reason.to_owned());
        assert_eq!(found, [problem(4, "m v=x", "invalid boolean"), problem(7, "oops", "missing fields")]);
    }
}
