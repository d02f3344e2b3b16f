//! Queries whose rows are results of functions.

use std::fmt;

use crate::influxql::ast::Field;
use crate::model::Text;

use super::QueryError;
use super::conditions::Condition;
use super::execution::{Execution, SeriesWriter};
use super::groups::Group;
use super::names::Wish;
use super::plan::Plan;
use super::point_expr::PointCompiler;
use super::points::FieldRead;

/// What the columns compute.
pub(super) struct CallPlan {}

impl CallPlan {
    pub(super) fn new(
        _fields: &[Field],
        _windowed: bool,
        _condition: &Condition,
        _compiler: &mut PointCompiler<'_>,
    ) -> Result<(CallPlan, Vec<Wish>), QueryError> {
        Err(QueryError::Unsupported("a function".into()))
    }

    pub(super) fn describe(&self, _columns: &[Text], _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    pub(super) fn selected_fields(&self) -> Vec<&FieldRead> {
        Vec::new()
    }

    pub(super) fn reverses_groups(&self) -> bool {
        false
    }
}

pub(super) fn write(
    _plan: &Plan,
    _calls: &CallPlan,
    _group: &Group,
    _execution: &Execution<'_>,
    _writer: SeriesWriter<'_, '_>,
) -> Result<(), QueryError> {
    Ok(())
}
