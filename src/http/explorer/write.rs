//! The page that writes points: through the path of `/write`, and then with the number of each line that cannot be read or
//! whose point is not stored.

use std::sync::Arc;

use fluxstone_engine::PartialWrite;
use fluxstone_explorer::{LineProblem, OtherLines, Problem, WriteOutcome, WritePage, quoted_name, write_page};
use fluxstone_line_protocol::{LINE_ERRORS_MAX, ParsedBody, parsed_bytes_max};
use fluxstone_model::Clause;

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

/// The most characters of a line that is shown with its problem, and of the problem.
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
    if fields.get("db").is_empty() {
        return Ok(refused(&Refusal::NoDatabase));
    }
    let principal = visitor.principal();
    if let Err(error) = context.api.authorize_write(&principal, fields.get("db")) {
        return Ok(refused(&error.into()));
    }
    let mut query = Parameters::default();
    for name in ["db", "rp", "precision"] {
        query.push(name.as_bytes(), fields.get(name));
    }
    // Until the job ends: the form may be gone before.
    let mut memory = context.body_memory.reservation();
    memory.grow_by(lines.len()).await.map_err(BodyError::Memory)?;
    let job = WriteJob { part: None, principal, query, gzip: false, received: lines.clone(), memory };
    let refusal = match store(context, client, job).await {
        Ok(()) => return Ok(WriteOutcome::Stored),
        Err(refusal) => refusal,
    };
    let Refusal::Write(error) = &refusal else { return Err(refusal) };
    // The lines are parsed once more. What was written stays written, so without memory for that only the message is shown.
    let mut memory = context.body_memory.reservation();
    if memory.grow_by(parsed_bytes_max(&lines)).await.is_err() {
        return Ok(refused(&refusal));
    }
    let parsed = context.api.parse_lines(&lines, units::precision(fields.get("precision")));
    Ok(outcome(&lines, &parsed, problem_of(&refusal), error.partial.as_deref()))
}

/// The outcome of a write of which no line is known to have a problem of its own.
fn refused(refusal: &Refusal) -> WriteOutcome {
    let (problem, others) = (problem_of(refusal), OtherLines::Refused);
    WriteOutcome::Failed { problem, lines: Vec::new(), has_more: false, others }
}

/// The lines as they were typed: browsers send line ends as CR LF.
fn unix_lines(sent: &[u8]) -> Vec<u8> {
    bstr::ByteSlice::replace(sent, "\r\n", "\n")
}

/// The outcome of a write of `body` that failed, in part or as a whole.
fn outcome(body: &[u8], parsed: &ParsedBody<'_>, problem: Problem, partial: Option<&PartialWrite>) -> WriteOutcome {
    let mut problems = line_problems(body, parsed, partial);
    let has_more =
        problems.len() > LINE_ERRORS_MAX || parsed.more_errors > 0 || partial.is_some_and(|partial| partial.has_more);
    problems.truncate(LINE_ERRORS_MAX);
    let others = match partial {
        Some(partial) if partial.shards_refused => OtherLines::StoredInOtherShards,
        Some(_) => OtherLines::Stored,
        None if parsed.points.is_empty() => OtherLines::None,
        None => OtherLines::Refused,
    };
    WriteOutcome::Failed { problem, lines: numbered(body, &problems), has_more, others }
}

/// A line that is not stored.
struct Found {
    /// Where the line begins.
    at: usize,
    reason: String,
    clause: Clause,
}

/// The lines that cannot be read or whose points are not stored, in their order.
fn line_problems(body: &[u8], parsed: &ParsedBody<'_>, partial: Option<&PartialWrite>) -> Vec<Found> {
    let bad = parsed.errors.iter().map(|error| {
        let message = to_text(&error.text);
        let reason = message.rsplit_once("': ").map_or(message.as_str(), |(_, reason)| reason);
        Found { at: error.at, reason: reason.to_owned(), clause: error.clause }
    });
    let dropped = partial.into_iter().flat_map(|partial| &partial.not_stored).filter_map(|error| {
        let at = parsed.points.get(error.index)?.starts_at(body)?;
        Some(Found { at, reason: to_text(&error.text), clause: error.clause })
    });
    let mut problems: Vec<Found> = bad.chain(dropped).collect();
    problems.sort_by_key(|found| found.at);
    problems
}

/// The problems with the numbers and the beginnings of their lines.
fn numbered(body: &[u8], problems: &[Found]) -> Vec<LineProblem> {
    let shown = |text: &str| text.chars().take(LINE_CHARS_MAX).collect();
    let (mut line, mut counted) = (1, 0);
    let number = |found: &Found| {
        line += memchr::memchr_iter(b'\n', body.get(counted..found.at).unwrap_or_default()).count();
        counted = found.at;
        let text = body.get(found.at..).unwrap_or_default().split(|&b| b == b'\n').next().unwrap_or_default();
        let problem = Problem { text: shown(&found.reason), clause: Some(found.clause.id()) };
        LineProblem { line, text: shown(&to_text(text)), problem }
    };
    problems.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use fluxstone_engine::PointError;
    use fluxstone_line_protocol::parse;
    use fluxstone_model::Timestamp;

    use super::*;

    fn found(body: &[u8], partial: Option<&PartialWrite>) -> (Vec<(usize, String, String)>, bool, OtherLines) {
        let parsed = parse(body, units::precision(b"s"), Timestamp::EPOCH);
        match outcome(body, &parsed, Problem::default(), partial) {
            WriteOutcome::Stored => panic!("a failure"),
            WriteOutcome::Failed { lines, has_more, others, .. } => {
                let texts = |line: LineProblem| (line.line, line.text, line.problem.text);
                (lines.into_iter().map(texts).collect(), has_more, others)
            }
        }
    }

    fn dropped(indexes: impl IntoIterator<Item = usize>) -> PartialWrite {
        let error =
            |index| PointError { index, text: format!("why {index}").into(), clause: Clause::new("write.shard.2") };
        PartialWrite { not_stored: indexes.into_iter().map(error).collect(), ..PartialWrite::default() }
    }

    fn problem(line: usize, text: &str, reason: &str) -> (usize, String, String) {
        (line, text.to_owned(), reason.to_owned())
    }

    // spec: explorer.write.2
    #[test]
    fn lines_that_cannot_be_read_have_their_numbers() {
        let body = unix_lines(b"m v=1\r\n\r\n# comment\r\nm v=x\r\nm s=\"a\r\nb\"\r\n  oops");
        let bad = [problem(4, "m v=x", "invalid boolean"), problem(7, "oops", "missing fields")];
        assert_eq!(found(&body, Some(&dropped([]))), (bad.to_vec(), false, OtherLines::Stored));
        assert_eq!(found(&body, None), (bad.to_vec(), false, OtherLines::Refused));
        let none = vec![problem(1, "oops", "missing fields")];
        assert_eq!(found(b"oops", None), (none, false, OtherLines::None));
    }

    // spec: explorer.write.2
    #[test]
    fn points_that_are_not_stored_have_the_numbers_of_their_lines() {
        let body = b"# comment\n\nm s=\"a\nb\",v=1 1\noops\n  m v=2 2\nm v=3 3\nm,t=\\\n v=4 4\nm v=4 4";
        let partial = PartialWrite { shards_refused: true, ..dropped([0, 1, 4]) };
        let (lines, has_more, others) = found(body, Some(&partial));
        let expected = [
            problem(3, "m s=\"a", "why 0"),
            problem(5, "oops", "missing fields"),
            problem(6, "m v=2 2", "why 1"),
            problem(10, "m v=4 4", "why 4"),
        ];
        assert_eq!((&lines[..], has_more, others), (&expected[..], false, OtherLines::StoredInOtherShards));
    }

    // spec: explorer.write.2
    #[test]
    fn lines_are_shown_up_to_the_number_that_write_reports() {
        let body = "bad\nm v=1\n".repeat(LINE_ERRORS_MAX);
        let all = dropped(0..LINE_ERRORS_MAX);
        let (lines, has_more, _) = found(body.as_bytes(), Some(&all));
        assert_eq!((lines.len(), has_more), (LINE_ERRORS_MAX, true));
        assert!(lines.iter().map(|line| line.0).eq(1..=LINE_ERRORS_MAX));
        let body = format!("m {}=1\nm v=1", "f".repeat(2 * LINE_CHARS_MAX));
        let (lines, has_more, _) = found(body.as_bytes(), Some(&dropped([0])));
        assert_eq!((lines[0].1.len(), has_more), (LINE_CHARS_MAX, false));
        for more in [PartialWrite { has_more: true, ..dropped([0]) }, dropped([])] {
            let body = "bad\n".repeat(LINE_ERRORS_MAX + usize::from(!more.has_more)) + "m v=1";
            assert!(found(body.as_bytes(), Some(&more)).1);
        }
    }
}
