//! Running queries on a source.

use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone::columns::Source;
use fluxstone::compat::SelectSemantics;
use fluxstone::influxql::ast::{Select, Statement};
use fluxstone::influxql::{Parameters, parse};
use fluxstone::model::Timestamp;
use fluxstone::query::{
    Context, MemoryBudget, ReadCounter, SelectLimits, SeriesRows, WINDOW_VALUES_MAX, WorkerPool, run,
};

/// Parses a query of one SELECT.
pub(crate) fn select(text: &str) -> Select {
    let mut parsed = parse(text, &Parameters::new()).expect("a valid query");
    match parsed.statements.remove(0) {
        Statement::Select(select) => *select,
        other => unreachable!("{other:?}"),
    }
}

/// Runs a query at the time `now` on one thread, and passes each piece of its answer to `receive`.
pub(crate) fn answer(source: &Arc<dyn Source>, select: &Select, now: Timestamp, receive: &mut dyn FnMut(SeriesRows)) {
    let context = Context {
        now,
        chunk_rows: 10_000,
        limits: SelectLimits::default(),
        memory: MemoryBudget::default(),
        reads: ReadCounter::default(),
        plain_rows: false,
        window_values_max: WINDOW_VALUES_MAX,
        workers: WorkerPool::none(),
        semantics: SelectSemantics::DOCUMENTED,
    };
    run(select, source, &context, &mut |piece| {
        if let Some(piece) = piece {
            receive(piece);
        }
        ControlFlow::Continue(())
    })
    .expect("a valid query");
}
