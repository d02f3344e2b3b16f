//! `/write`: takes line protocol, and answers 204 or a refusal. The order of the checks is part of the API. Parsing and storing
//! are left to the engine.

use std::sync::Arc;
use std::time::Instant;

use fluxstone_engine::{Principal, WriteRequest};
use hyper::HeaderMap;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;

use super::api::Api;
use super::body::{RequestBody, Reservation};
use super::context::ServerContext;
use super::credentials::authenticate;
use super::gzip;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::reply::{Reply, ReplyStyle};
use super::units;

/// Answers a request to `/write`.
pub(super) async fn answer<A: Api>(
    context: &Arc<ServerContext<A>>,
    parts: &Parts,
    query: &Parameters,
    style: &ReplyStyle,
    body: &mut RequestBody,
) -> Reply {
    let begun = Instant::now();
    context.counters.writes.add(1);
    let _active = context.counters.writes_active.while_held();
    let result = write(context, &parts.headers, query, body).await;
    context.counters.write_ns.add_time(begun.elapsed());
    match result {
        Ok(()) => style.no_content(),
        Err(refusal) => refusal.reply(style, &context.challenge),
    }
}

async fn write<A: Api>(
    context: &Arc<ServerContext<A>>,
    headers: &HeaderMap,
    query: &Parameters,
    body: &mut RequestBody,
) -> Result<(), Refusal> {
    let principal = authenticate(context, headers, query).await?;
    if query.get("db").is_empty() {
        return Err(Refusal::NoDatabase);
    }
    context.api.authorize_write(&principal, query.get("db"))?;

    let mut memory = context.body_memory.reservation();
    let received = body.read(context.body_bytes_max(), &mut memory).await?;
    let gzip = headers.get(header::CONTENT_ENCODING).is_some_and(|value: &HeaderValue| value == "gzip");
    let _turn = context.writes.acquire().await;
    let job = WriteJob { principal, query: query.clone(), gzip, received, memory };
    let thread_context = Arc::clone(context);
    let done = tokio::task::spawn_blocking(move || job.run(&thread_context)).await;
    done.unwrap_or_else(|_| {
        context.counters.panics.add(1);
        Err(Refusal::Panicked)
    })
}

/// A write that is ready to run on a blocking thread.
struct WriteJob {
    principal: Principal,
    query: Parameters,
    gzip: bool,
    received: Vec<u8>,
    memory: Reservation,
}

impl WriteJob {
    fn run<A: Api>(mut self, context: &ServerContext<A>) -> Result<(), Refusal> {
        let body = if self.gzip {
            let packed_bytes = self.received.len();
            let mut reserve = |bytes: usize| self.memory.grow_to(packed_bytes.saturating_add(bytes));
            gzip::unpack(&self.received, context.body_bytes_max(), &mut reserve)?
        } else {
            self.received
        };
        context.counters.write_bytes.add(body.len() as u64);
        if context.options.write_tracing {
            tracing::info!(target: "fluxstone::write", body = %bstr::BStr::new(&body));
        }
        context.api.write(WriteRequest {
            principal: &self.principal,
            database: self.query.get("db"),
            policy: self.query.get("rp"),
            precision: units::precision(self.query.get("precision")),
            consistency: self.query.get("consistency"),
            body: &body,
        })?;
        Ok(())
    }
}
