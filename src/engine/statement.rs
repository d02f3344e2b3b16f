//! One statement: which part of the engine runs it, and the warning when it writes in a request that should only read.

use fluxstone_influxql::ast::Statement;
use fluxstone_query::SeriesRows;

use super::Core;
use super::execute::{Output, Run};
use super::statement_error::StatementError;

impl Core {
    /// Runs one statement; gives the messages of its result.
    pub(super) fn run_statement(
        &self,
        id: usize,
        statement: Statement,
        run: &Run<'_>,
        output: &mut Output<'_, '_>,
    ) -> Result<Vec<String>, StatementError> {
        match statement {
            Statement::Select(select) => self.select(*select, run, output),
            Statement::Delete { sources, condition } => {
                self.delete(&sources, condition.as_ref(), run)?;
                Ok(Vec::new())
            }
            statement if is_listing(&statement) => {
                let whole = listed_whole(&statement);
                let unannounced = self.options.semantics.listings.chunks;
                for series in self.listing(&statement, run)? {
                    let flow = match (whole, unannounced) {
                        (false, _) => output.in_chunks(series, run.session.chunk_rows),
                        (true, true) => output.alone(series),
                        (true, false) => output.series(series),
                    };
                    if flow.is_break() {
                        break;
                    }
                }
                Ok(Vec::new())
            }
            statement => {
                let normal = self.define(id, statement, run)?;
                Ok(if run.session.read_only { vec![read_only_warning(&normal)] } else { Vec::new() })
            }
        }
    }

    fn listing(&self, statement: &Statement, run: &Run<'_>) -> Result<Vec<SeriesRows>, StatementError> {
        let catalog = self.catalog.visible();
        let default = run.session.database.as_str();
        Ok(match statement {
            Statement::ShowSeries(show) => self.show_series(&catalog, show, default)?,
            Statement::ShowTagKeys(show) => self.show_tag_keys(&catalog, show, default)?,
            Statement::ShowFieldKeys(show) => self.show_field_keys(&catalog, show, default)?,
            Statement::ShowMeasurements { show, with } => {
                self.show_measurements(&catalog, show, with.as_ref(), default)?
            }
            Statement::ShowTagValues { show, keys } => self.show_tag_values(&catalog, show, keys, default)?,
            Statement::ShowStats { module } => self.stats(module.as_deref()),
            Statement::ShowDiagnostics { module } => self.diagnostics(module.as_deref()),
            Statement::ShowQueries => vec![self.show_queries(&catalog, &run.session.principal)],
            other => super::listing::of_catalog(&catalog, other, run.session)?,
        })
    }
}

/// The warning for a statement that writes in a request that should only read.
pub(super) fn read_only_warning(normal_form: &str) -> String {
    format!("deprecated use of '{normal_form}' in a read only context, please use a POST request instead")
}

fn is_listing(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::ShowContinuousQueries
            | Statement::ShowDatabases
            | Statement::ShowDiagnostics { .. }
            | Statement::ShowFieldKeys(_)
            | Statement::ShowGrants { .. }
            | Statement::ShowMeasurements { .. }
            | Statement::ShowQueries
            | Statement::ShowRetentionPolicies { .. }
            | Statement::ShowSeries(_)
            | Statement::ShowShardGroups
            | Statement::ShowShards
            | Statement::ShowStats { .. }
            | Statement::ShowSubscriptions
            | Statement::ShowTagKeys(_)
            | Statement::ShowTagValues { .. }
            | Statement::ShowUsers
    )
}

/// Whether a listing comes as one piece whatever the size of chunks.
fn listed_whole(statement: &Statement) -> bool {
    !matches!(statement, Statement::ShowSeries(_) | Statement::ShowTagKeys(_) | Statement::ShowFieldKeys(_))
}
