//! One statement: the part of the engine that runs it.
//!
//! The matches are complete: a new statement compiles only when it has a meaning here.

use fluxstone_influxql::ast::{Show, Statement};
use fluxstone_model::Clause;
use fluxstone_query::SeriesRows;

use super::Core;
use super::execute::{Output, StatementContext};
use super::listing;
use super::names::database_or;
use super::session::read_only_warning;
use super::statement_error::StatementError;

impl Core {
    /// Runs one statement and returns the messages of its result.
    pub(super) fn run_statement(
        &self,
        id: usize,
        statement: Statement,
        context: &StatementContext<'_>,
        output: &mut Output<'_, '_>,
    ) -> Result<Vec<String>, StatementError> {
        let normal_form = match statement {
            Statement::Select(select) => return self.select(*select, context, output),
            Statement::Delete(clauses) => {
                self.delete(&clauses, context)?;
                return Ok(Vec::new());
            }
            Statement::Show(show) => {
                self.show(&show, context, output)?;
                return Ok(Vec::new());
            }
            Statement::Define(definition) => self.define(id, definition, context)?,
            Statement::Kill(kill) => {
                if !self.queries.kill(kill.id) {
                    return Err(StatementError::running(
                        Clause::new("statements.query.2"),
                        format!("no such query id: {}", kill.id),
                    ));
                }
                kill.to_string()
            }
        };
        Ok(if context.session.read_only { vec![read_only_warning(&normal_form)] } else { Vec::new() })
    }

    fn show(
        &self,
        show: &Show,
        context: &StatementContext<'_>,
        output: &mut Output<'_, '_>,
    ) -> Result<(), StatementError> {
        let chunks = chunks_of(show);
        let unannounced = self.options.semantics.listings.chunks;
        for series in self.listing(show, context)? {
            let flow = match chunks {
                ListingChunks::OfRows => output.in_chunks(series, context.session.chunk_rows),
                ListingChunks::OfSeries if unannounced => output.alone(series),
                ListingChunks::OfSeries => output.series(series),
                ListingChunks::One => output.together(series),
            };
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn listing(&self, show: &Show, context: &StatementContext<'_>) -> Result<Vec<SeriesRows>, StatementError> {
        let catalog = self.catalog.visible();
        let session = context.session;
        let default = session.database.as_str();
        match show {
            Show::ContinuousQueries => Ok(listing::continuous_queries(&catalog, &session.principal)),
            Show::Databases => Ok(vec![listing::databases(&catalog)]),
            Show::Diagnostics { module } => Ok(self.diagnostics(module.as_deref())),
            Show::FieldKeys(clauses) => self.show_field_keys(&catalog, clauses, context),
            Show::Grants { user } => Ok(vec![listing::grants(&catalog, user)?]),
            Show::Measurements { clauses, with } => self.show_measurements(&catalog, clauses, with.as_ref(), context),
            Show::Queries => Ok(vec![self.show_queries(&catalog, &session.principal)]),
            Show::RetentionPolicies { database } => {
                Ok(vec![listing::retention_policies(&catalog, database_or(database.as_deref(), default))?])
            }
            Show::Series(clauses) => self.show_series(&catalog, clauses, context),
            Show::ShardGroups => Ok(vec![listing::shard_groups(&catalog)]),
            Show::Shards => Ok(listing::shards(&catalog)),
            Show::Stats { module } => Ok(self.stats(module.as_deref())),
            Show::Subscriptions => Ok(listing::subscriptions(&catalog)),
            Show::TagKeys(clauses) => self.show_tag_keys(&catalog, clauses, context),
            Show::TagValues { clauses, keys } => self.show_tag_values(&catalog, clauses, keys, context),
            Show::Users => Ok(vec![listing::users(&catalog)]),
        }
    }
}

/// The chunks that a listing is sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListingChunks {
    /// Of a series, or some of its rows.
    OfRows,
    /// Of a series.
    OfSeries,
    /// Of everything.
    One,
}

fn chunks_of(show: &Show) -> ListingChunks {
    match show {
        Show::Series(_) | Show::TagKeys(_) | Show::FieldKeys(_) => ListingChunks::OfRows,
        Show::Measurements { .. } | Show::TagValues { .. } => ListingChunks::OfSeries,
        Show::ContinuousQueries
        | Show::Databases
        | Show::Diagnostics { .. }
        | Show::Grants { .. }
        | Show::Queries
        | Show::RetentionPolicies { .. }
        | Show::ShardGroups
        | Show::Shards
        | Show::Stats { .. }
        | Show::Subscriptions
        | Show::Users => ListingChunks::One,
    }
}
