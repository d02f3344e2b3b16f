//! DELETE and DROP SERIES: the series and the time range that a condition selects.

use fluxstone_catalog::CatalogError;
use fluxstone_columns::SeriesId;
use fluxstone_compat::StatementSemantics;
use fluxstone_influxql::ast::{BinaryOp, DeleteClauses, Expr, ExprKind};
use fluxstone_model::{Clause, TimeRange, Timestamp};
use fluxstone_query::TimeBounds;

use super::Core;
use super::execute::StatementContext;
use super::found_series::find_series;
use super::schema::{all_shards, is_named};
use super::schema_condition::refuse_time;
use super::statement_error::StatementError;

/// A deletion of more series than this is several changes, so that nobody waits for all of them at once.
const SERIES_PER_CHANGE: usize = 10_000;

impl Core {
    /// DELETE.
    pub(super) fn delete(&self, clauses: &DeleteClauses, context: &StatementContext<'_>) -> Result<(), StatementError> {
        let DeleteClauses { sources, condition } = clauses;
        let condition = condition.as_ref();
        let database = &context.session.database;
        let catalog = self.catalog.visible();
        let found = catalog.database(database).ok_or_else(|| CatalogError::DatabaseNotFound(database.clone()))?;
        if !self.options.semantics.statements.delete_time_conditions {
            require_one_range(condition)?;
        }
        // Even if there is nothing to delete.
        TimeBounds::of_deletion(condition, self.clock.now(), self.options.semantics.select)?;
        let source = self.source_of(found);
        let mut series: Vec<SeriesId> = Vec::new();
        let mut range = TimeRange::ALL;
        for measurement in source.measurements() {
            if !sources.is_empty() && !sources.iter().any(|s| is_named(&s.name, &measurement)) {
                continue;
            }
            let filter = self.filter(&*source, &measurement, condition)?;
            if filter.mentions_field {
                return Err(StatementError::running(
                    Clause::new("statements.delete.2"),
                    "fields not supported in WHERE clause during deletion",
                ));
            }
            range = deleted_range(filter.bounds, self.clock.now(), self.options.semantics.statements);
            let candidates = find_series(&*source, &measurement, &filter.predicate(), context)?.series;
            context.charge(candidates.len() * size_of::<SeriesId>() * 2)?;
            series.extend(candidates.iter().filter(|s| filter.holds(&s.key)).map(|s| s.id));
        }
        if !self.options.semantics.statements.other_delete_conditions {
            require_comparisons(condition)?;
        }
        if series.is_empty() || range.is_empty() {
            return Ok(());
        }
        let id = found.id;
        series.chunks(SERIES_PER_CHANGE).try_for_each(|some| {
            self.change(|catalog, transaction| {
                // If the database has been dropped since, there is nothing left to delete.
                if let Some(database) = catalog.databases().find(|d| d.id == id) {
                    transaction.delete(id, &all_shards(database), some, range);
                }
                Ok(Vec::new())
            })
        })
    }

    /// DROP SERIES: DELETE without conditions on time.
    pub(super) fn drop_series(
        &self,
        clauses: &DeleteClauses,
        context: &StatementContext<'_>,
    ) -> Result<(), StatementError> {
        let database = &context.session.database;
        if self.catalog.visible().database(database).is_none() {
            return Err(CatalogError::DatabaseNotFound(database.clone()).into());
        }
        refuse_time("DROP SERIES", clauses.condition.as_ref(), self.options.semantics.listings)
            .map_err(StatementError::while_running)?;
        self.delete(clauses, context)
    }
}

/// The range to delete. An open end means everything; InfluxDB 1.2.4 keeps the future.
fn deleted_range(bounds: TimeBounds, now: Timestamp, semantics: StatementSemantics) -> TimeRange {
    let open_end = if semantics.deletes_up_to_now { now } else { Timestamp::MAX };
    TimeRange { min: bounds.min.unwrap_or(Timestamp::MIN), max: bounds.max.unwrap_or(open_end) }
}

/// Refuses comparisons with time that do not bound one range. They would delete more than they say: the range of a condition is
/// the intersection of all its comparisons with time, without those by `!=`.
fn require_one_range(condition: Option<&Expr>) -> Result<(), StatementError> {
    let Some(condition) = condition else { return Ok(()) };
    match &condition.kind {
        ExprKind::Paren(inner) => require_one_range(Some(inner)),
        ExprKind::Binary { op: BinaryOp::Or, lhs, rhs } if mentions_time(lhs) || mentions_time(rhs) => {
            Err(StatementError::running(
                Clause::new("statements.delete.3"),
                "time may not be part of OR in the WHERE clause of a deletion",
            ))
        }
        ExprKind::Binary { op, lhs, rhs } if op.is_logical() => {
            require_one_range(Some(lhs))?;
            require_one_range(Some(rhs))
        }
        ExprKind::Binary { op, lhs, rhs } if (lhs.is_time() || rhs.is_time()) && is_not_a_bound(*op) => {
            Err(StatementError::running(
                Clause::new("statements.delete.3"),
                format!("invalid time comparison operator: {}", op.symbol()),
            ))
        }
        _ => Ok(()),
    }
}

/// Refuses conditions that compare neither names with literals nor time: whoever writes them means something else than what a
/// deletion would make of them.
fn require_comparisons(condition: Option<&Expr>) -> Result<(), StatementError> {
    let Some(condition) = condition else { return Ok(()) };
    match &condition.kind {
        ExprKind::Paren(inner) => require_comparisons(Some(inner)),
        ExprKind::Binary { op, lhs, rhs } if op.is_logical() => {
            require_comparisons(Some(lhs))?;
            require_comparisons(Some(rhs))
        }
        ExprKind::Binary { op, lhs, rhs } if lhs.is_time() || rhs.is_time() || compares_name(*op, lhs, rhs) => Ok(()),
        _ => {
            Err(StatementError::running(Clause::new("statements.delete.6"), format!("invalid expression: {condition}")))
        }
    }
}

/// Whether this compares a name with a name or a literal. Fields are refused elsewhere; a name that nothing has is equal to nothing.
fn compares_name(op: BinaryOp, lhs: &Expr, rhs: &Expr) -> bool {
    let (name, other) = if matches!(lhs.kind, ExprKind::Var(_)) { (lhs, rhs) } else { (rhs, lhs) };
    let is_known = match &other.kind {
        ExprKind::Regex(_) => matches!(op, BinaryOp::Match | BinaryOp::NotMatch),
        ExprKind::Var(_) | ExprKind::String(_) | ExprKind::Boolean(_) => {
            matches!(op, BinaryOp::Equal | BinaryOp::NotEqual)
        }
        ExprKind::Integer(_) | ExprKind::Number(_) => op.is_comparison(),
        _ => false,
    };
    is_known && matches!(name.kind, ExprKind::Var(_))
}

fn is_not_a_bound(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::NotEqual | BinaryOp::Match | BinaryOp::NotMatch)
}

fn mentions_time(condition: &Expr) -> bool {
    match &condition.kind {
        ExprKind::Paren(inner) => mentions_time(inner),
        ExprKind::Binary { lhs, rhs, .. } => mentions_time(lhs) || mentions_time(rhs),
        _ => condition.is_time(),
    }
}
