//! The fields that a query reads of each series.

use std::fmt;
use std::sync::{Arc, OnceLock};

use fluxstone_influxql::ast::Expr;

use super::conditions::Condition;
use super::error::QueryError;
use super::field_cursor::FieldRead;
use super::point_expr::{PointCompiler, PointExpr};

/// The fields that are read of each series: first those that make a row, then those that only the condition needs.
#[derive(Debug, Clone)]
pub(super) struct ReadSet {
    pub(super) fields: Vec<FieldRead>,
    /// How many of `fields` make a row.
    pub(super) selected: usize,
    /// The filter for the points of series whose condition is one of the plan, once it is compiled.
    filter: OnceLock<(Arc<Expr>, Arc<PointExpr>)>,
}

impl ReadSet {
    /// Takes the fields gathered by `compiler` as those that make rows, and appends those of the condition.
    pub(super) fn new(compiler: &mut PointCompiler<'_>, condition: &Condition) -> Result<ReadSet, QueryError> {
        let selected = compiler.reads.len();
        let mut failed = Ok(());
        condition.for_each_point_test(&mut |expr| {
            if let Err(error) = compiler.condition(expr) {
                failed = Err(error);
            }
        });
        failed?;
        Ok(ReadSet { fields: std::mem::take(&mut compiler.reads), selected, filter: OnceLock::new() })
    }
}

impl ReadSet {
    /// Returns the filter for a condition on points, which `compile` makes unless it is that of an earlier series.
    pub(super) fn filter(
        &self,
        condition: &Arc<Expr>,
        compile: impl FnOnce() -> Result<PointExpr, QueryError>,
    ) -> Result<Arc<PointExpr>, QueryError> {
        if let Some((known, filter)) = self.filter.get()
            && Arc::ptr_eq(known, condition)
        {
            return Ok(filter.clone());
        }
        let filter = Arc::new(compile()?);
        // Of several threads the first decides; the filters of others are as good.
        let _ = self.filter.set((condition.clone(), filter.clone()));
        Ok(filter)
    }
}

impl fmt::Display for ReadSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (selected, asked) = self.fields.split_at(self.selected);
        f.write_str(&selected.iter().map(FieldRead::to_string).collect::<Vec<_>>().join(", "))?;
        if !asked.is_empty() {
            write!(f, "; asking {}", asked.iter().map(FieldRead::to_string).collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}
