//! SELECT: fills in names, takes snapshots, runs the evaluator, and sends its pieces on or writes them to a measurement.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_catalog::Catalog;
use fluxstone_columns::Source;
use fluxstone_influxql::ast::{Fill, Measurement, Select};
use fluxstone_model::{Clause, Timestamp};
use fluxstone_query::{Context, QueryError, Sources, Value};

use super::Core;
use super::execute::{Output, StatementContext};
use super::into::Writer;
use super::listing::listing;
use super::names::{fill_in_select, measurements_of, refuse_system_sources};
use super::session::read_only_warning;
use super::statement_error::StatementError;

impl Core {
    /// Runs a SELECT and returns the messages of its result.
    pub(super) fn select(
        &self,
        mut select: Select,
        context: &StatementContext<'_>,
        output: &mut Output<'_, '_>,
    ) -> Result<Vec<String>, StatementError> {
        refuse_system_sources(&select)?;
        let catalog = self.catalog.visible();
        fill_in_select(&catalog, &context.session.database, &mut select)?;
        let sources = self.snapshots(&catalog, &select)?;
        let query_context = Context {
            now: self.clock.now(),
            chunk_rows: context.session.chunk_rows,
            limits: self.options.select_limits,
            memory: context.session.memory.clone(),
            reads: context.session.reads.clone(),
            plain_rows: select.into.is_none(),
            window_values_max: fluxstone_query::WINDOW_VALUES_MAX,
            workers: self.query_workers.clone(),
            semantics: self.options.semantics.select,
        };
        let Some(target) = select.into.clone() else {
            evaluate(&select, &sources, &query_context, context, &mut |piece| Ok(output.series(piece)))?;
            return Ok(Vec::new());
        };
        let mut messages = Vec::new();
        if context.session.read_only {
            let annotated = fluxstone_query::annotate_types(&select, &sources, &query_context)?;
            messages.push(read_only_warning(&annotated.to_string()));
        }
        if matches!(select.fill, None | Some(Fill::Null)) {
            // Null becomes no point, but the count of an empty window, 0, would become one.
            select = select.with_fill(Fill::None);
        }
        let mut writer = Writer::new(self, target);
        evaluate(&select, &sources, &query_context, context, &mut |piece| {
            writer.add(piece)?;
            Ok(ControlFlow::Continue(()))
        })?;
        let written = writer.finish()?;
        let mut series = listing("result", &["time", "written"]);
        series.cells = vec![Value::Time(Timestamp::EPOCH), Value::Integer(written)];
        // The points are written even if the receiver is gone.
        let _ = output.series(series);
        Ok(messages)
    }

    /// A snapshot of each policy that `select` names, so that all its parts see the same state of each policy.
    fn snapshots(&self, catalog: &Catalog, select: &Select) -> Result<Snapshots, StatementError> {
        let mut snapshots = BTreeMap::new();
        for measurement in measurements_of(select) {
            let Measurement { database, policy, .. } = measurement;
            let key = (database.clone(), policy.clone());
            if snapshots.contains_key(&key) {
                continue;
            }
            let Some(found) = catalog.database(database) else { continue };
            let groups = &found.policy_or_default(policy)?.groups;
            snapshots.insert(key, self.store.snapshot(found.id, groups.stretches()));
        }
        Ok(Snapshots(snapshots))
    }
}

/// Runs the evaluator until it is done, `take` fails or breaks, or the query must stop.
fn evaluate(
    select: &Select,
    sources: &Snapshots,
    query_context: &Context,
    context: &StatementContext<'_>,
    take: &mut dyn FnMut(fluxstone_query::SeriesRows) -> Result<ControlFlow<()>, StatementError>,
) -> Result<(), StatementError> {
    let mut stopped = None;
    let result = fluxstone_query::run(select, sources, query_context, &mut |piece| {
        let step = context.check().and_then(|()| piece.map_or(Ok(ControlFlow::Continue(())), &mut *take));
        step.unwrap_or_else(|error| {
            stopped = Some(error);
            ControlFlow::Break(())
        })
    });
    match (stopped, result) {
        (Some(error), _) => Err(error),
        // `take` broke.
        (None, Err(QueryError::Interrupted)) => Ok(()),
        (None, result) => Ok(result?),
    }
}

/// Snapshots by database and policy.
struct Snapshots(BTreeMap<(String, String), Arc<dyn Source>>);

impl Sources for Snapshots {
    fn source(&self, measurement: &Measurement) -> Result<Arc<dyn Source>, QueryError> {
        let key = (measurement.database.clone(), measurement.policy.clone());
        self.0.get(&key).cloned().ok_or_else(|| {
            QueryError::Unresolved(
                Clause::new("statements.name.3"),
                format!("database not found: {}", measurement.database),
            )
        })
    }
}
