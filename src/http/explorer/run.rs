//! Runs statements for a page, through the gates of `/query` and on a thread of their own, and stops them when the client leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use fluxstone_engine::{Principal, QueryRequest};
use fluxstone_explorer::Cost;
use fluxstone_query::ReadCounts;

use super::collect::{Collected, Collector, Part};
use super::visitor::Visitor;
use crate::api::Api;
use crate::body::BodyError;
use crate::context::ServerContext;
use crate::query::{FORM_COPIES, FREE_QUERY_BYTES, slots_for};
use crate::refusal::Refusal;
use crate::socket::Peer;

/// Rows of a series in one piece. Few, since a page shows few.
const CHUNK_ROWS: usize = 1_000;

/// A query of a page.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) principal: Principal,
    pub(super) text: String,
    pub(super) database: String,
    /// Whether it may change something.
    pub(super) may_change: bool,
    pub(super) part: Part,
}

impl Statements {
    /// Statements that change nothing and have no database of their own.
    pub(super) fn reading(visitor: &Visitor, text: String, part: Part) -> Statements {
        Statements { principal: visitor.principal(), text, database: String::new(), may_change: false, part }
    }
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Ran {
    /// `None` if it would change something, and may not.
    pub(super) collected: Option<Collected>,
    /// What it took, from its acceptance to its last row.
    pub(super) cost: Cost,
}

/// Runs a query.
pub(super) async fn run<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    statements: Statements,
) -> Result<Ran, Refusal> {
    // For the text and what it is parsed into, until the job ends: the form that it came in may be gone before.
    let mut memory = context.body_memory.reservation();
    if statements.text.len() > FREE_QUERY_BYTES {
        memory.grow_by(FORM_COPIES * statements.text.len()).await.map_err(BodyError::Memory)?;
    }
    let slots = tokio::select! {
        slots = slots_for(context, &statements.text, client) => slots,
        () = client.gone() => return Err(Refusal::ClientGone),
    };
    let stop = StopOnDrop(Arc::default());
    let cancelled = Arc::clone(&stop.0);
    let api = Arc::clone(&context.api);
    let running = tokio::task::spawn_blocking(move || {
        // They end with the job, whatever becomes of the client.
        let (_slots, _memory) = (slots, memory);
        let begun = Instant::now();
        let parameters = fluxstone_influxql::Parameters::default();
        let prepared = api.prepare(QueryRequest {
            principal: &statements.principal,
            text: &statements.text,
            parameters: &parameters,
            database: &statements.database,
            read_only: false,
            chunk_rows: CHUNK_ROWS,
        })?;
        let only_reads = A::only_reads(&prepared);
        let reads = A::read_counter(&prepared);
        let collected = (only_reads || statements.may_change).then(|| {
            let mut collector = Collector::new(statements.part, only_reads);
            api.execute(prepared, &cancelled, &mut |piece| collector.add(piece));
            collector.finish()
        });
        let took = begun.elapsed();
        let ReadCounts { points, blocks_decoded, blocks_summarized } = reads.counts();
        Ok(Ran { collected, cost: Cost { took, points, blocks_decoded, blocks_summarized } })
    });
    tokio::select! {
        ran = running => ran.unwrap_or_else(|_| {
            context.counters.panics.add(1);
            Err(Refusal::Panicked)
        }),
        () = client.gone() => Err(Refusal::ClientGone),
    }
}

/// Stops a query that nobody waits for.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
