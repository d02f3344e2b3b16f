//! `/write`: takes line protocol, and answers 204 or a refusal. The order of the checks is part of the API. Parsing and storing
//! are left to the engine.

use std::sync::Arc;
use std::time::Instant;

use fluxstone_engine::{Principal, WriteRequest};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use tokio::runtime::Handle;

use super::api::Api;
use super::body::{BodyError, RequestBody};
use super::body_memory::Reservation;
use super::context::ServerContext;
use super::control::StorePart;
use super::credentials::authenticate;
use super::gate::Turn;
use super::gzip;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::reply::{Reply, ReplyStyle};
use super::socket::Peer;
use super::units;

/// Answers a request to `/write`.
pub(super) async fn answer<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &Parts,
    client: &Peer,
    query: &Parameters,
    style: &ReplyStyle,
    body: &mut RequestBody,
) -> Reply {
    let begun = Instant::now();
    context.counters.writes.add(1);
    let _active = context.counters.writes_active.while_held();
    let result = write(context, parts, client, query, body).await;
    context.counters.write_ns.add_time(begun.elapsed());
    match result {
        Ok(()) => style.no_content(),
        Err(refusal) => refusal.reply(style, &context.challenge),
    }
}

async fn write<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &Parts,
    client: &Peer,
    query: &Parameters,
    body: &mut RequestBody,
) -> Result<(), Refusal> {
    let principal = authenticate(context, parts, client, query).await?;
    if query.get("db").is_empty() {
        return Err(Refusal::NoDatabase);
    }
    context.api.authorize_write(&principal, query.get("db"))?;

    let mut memory = context.body_memory.reservation();
    let received = body.read(context.body_limits(), &mut memory).await?;
    let gzip = parts.headers.get(header::CONTENT_ENCODING).is_some_and(|value: &HeaderValue| value == "gzip");
    let part = parts.extensions.get().copied();
    store(context, client, WriteJob { part, principal, query: query.clone(), gzip, received, memory }).await
}

/// Stores what has been received, when its turn has come.
pub(super) async fn store<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    job: WriteJob,
) -> Result<(), Refusal> {
    let pass = context.writes.pass(Turn::of(client.address, 0)).await;
    let thread_context = Arc::clone(context);
    let done = pass.run(move || job.run(&thread_context)).await;
    done.unwrap_or_else(|_| {
        context.counters.panics.add(1);
        Err(Refusal::Panicked)
    })
}

/// A write that is ready to run on a blocking thread.
pub(super) struct WriteJob {
    /// If only a part is to be stored.
    pub(super) part: Option<StorePart>,
    pub(super) principal: Principal,
    /// `db`, `rp`, `precision` and `consistency`.
    pub(super) query: Parameters,
    pub(super) gzip: bool,
    pub(super) received: Vec<u8>,
    pub(super) memory: Reservation,
}

impl WriteJob {
    fn run<A: Api>(mut self, context: &ServerContext<A>) -> Result<(), Refusal> {
        let runtime = Handle::current();
        let mut body = self.received;
        if self.gzip {
            let packed_bytes = body.len();
            let mut reserve = |bytes: usize| runtime.block_on(self.memory.grow_to(packed_bytes.saturating_add(bytes)));
            body = gzip::unpack(&body, context.body_limits().bytes_max, &mut reserve)?;
        }
        let parsed_bytes = fluxstone_line_protocol::parsed_bytes_max(&body);
        let needed = body.capacity().saturating_add(parsed_bytes);
        runtime.block_on(self.memory.grow_to(needed)).map_err(BodyError::Memory)?;
        context.counters.write_bytes.add(body.len() as u64);
        if context.options.write_tracing {
            tracing::info!(target: "fluxstone::write", body = in_one_line(&body));
        }
        let (body, dropped) = match self.part {
            None => (&body[..], 0),
            Some(part) => first_lines(&body, part),
        };
        context.api.write(WriteRequest {
            principal: &self.principal,
            database: self.query.get("db"),
            policy: self.query.get("rp"),
            precision: units::precision(self.query.get("precision")),
            consistency: self.query.get("consistency"),
            body,
        })?;
        if dropped > 0 { Err(Refusal::PartStored(dropped)) } else { Ok(()) }
    }
}

/// The first lines of a body, and how many lines are left that may be points.
fn first_lines(body: &[u8], part: StorePart) -> (&[u8], usize) {
    let is_point = |line: &&[u8]| !line.trim_ascii().is_empty() && !line.trim_ascii_start().starts_with(b"#");
    let lines: Vec<&[u8]> = body.split_inclusive(|&byte| byte == b'\n').collect();
    let kept = part.lines.unwrap_or(lines.len() / 2).min(lines.len());
    let bytes: usize = lines[..kept].iter().map(|line| line.len()).sum();
    (&body[..bytes], lines[kept..].iter().copied().filter(|line| is_point(line)).count())
}

/// The text of a body with escapes, so that it cannot pretend to be other lines of the log.
fn in_one_line(body: &[u8]) -> String {
    format!("{:?}", bstr::BStr::new(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: control.faults.2
    #[test]
    fn the_first_lines_of_a_body_are_half_of_them_or_as_many_as_asked() {
        let half = StorePart::default();
        let lines = |lines| StorePart { lines: Some(lines) };
        for (body, part, kept, dropped) in [
            ("a\nb\nc\n", half, "a\n", 2),
            ("a\nb\nc\nd", half, "a\nb\n", 2),
            ("a\nb\n", lines(0), "", 2),
            ("a\n\n# x\n b", lines(1), "a\n", 1),
            ("a\nb", lines(9), "a\nb", 0),
            ("", half, "", 0),
        ] {
            assert_eq!(first_lines(body.as_bytes(), part), (kept.as_bytes(), dropped), "{body:?}");
        }
    }

    // spec: http.log.1
    #[test]
    fn a_body_is_one_line_of_the_log() {
        let shown = in_one_line(b"m v=1\n2026-01-01 INFO \x1b[2J\xff\xc2\x9b");
        assert!(!shown.contains(char::is_control), "{shown}");
        assert!(shown.contains("m v=1\\n2026-01-01 INFO "), "{shown}");
    }
}
