//! A planned SELECT: everything that is decided before a single value is read.
//!
//! A [`Plan`] is a plain value. It says which measurements are read, which columns result and how they are computed, which
//! series satisfy the condition, how rows are grouped and windowed, and how many of them are wanted. Its `Display` is for people.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use fluxstone_influxql::ast::{Fill, Limits};
use fluxstone_model::{FieldType, Text, TimeRange, Timestamp};

use super::budget::Reservation;
use super::calls::{CallPlan, Output};
use super::conditions::{Condition, Residual};
use super::error::QueryError;
use super::field_cursor::FieldRead;
use super::point_expr::{PointCompiler, PointExpr};
use super::read_set::ReadSet;
use super::schema::{Input, Schema};
use super::time_bounds::TimeBounds;
use super::windows::Windows;

/// A SELECT that is ready to run.
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own")]
pub(super) struct Plan {
    /// The measurements that are read, by name: the order of the answer when it ascends.
    pub(super) inputs: Vec<Input>,
    pub(super) schema: Schema,
    /// The bounds that the condition sets.
    pub(super) bounds: TimeBounds,
    /// The times that are read.
    pub(super) range: TimeRange,
    pub(super) descending: bool,
    pub(super) condition: Condition,
    /// The tags to group by, in byte order.
    pub(super) dimensions: Vec<Text>,
    /// Those of them that the statement names itself, rather than the query around it.
    pub(super) own_dimensions: Vec<Text>,
    pub(super) windows: Option<Windows>,
    pub(super) fill: Fill,
    pub(super) limits: Limits,
    /// The result columns, the time first.
    pub(super) columns: Arc<[Text]>,
    pub(super) projection: Projection,
    /// The error of the query if any series belongs to it: a function does not accept the type of its field.
    pub(super) type_error: Option<QueryError>,
    /// Whether each series makes a series of the answer, whatever its tags.
    pub(super) series_apart: bool,
    /// Whether another query reads the answer.
    pub(super) is_inner: bool,
    /// When the shards of the sources begin, in order.
    pub(super) shard_starts: Vec<Timestamp>,
    /// Whether AND and OR are false beside a comparison with an absent field.
    pub(super) null_spoils: bool,
    /// The memory of the plan itself.
    pub(super) _memory: Reservation,
}

/// The contents of the rows.
pub(super) enum Projection {
    /// Columns of points.
    Points(PointPlan),
    /// Results of functions.
    Calls(CallPlan),
}

/// Rows that are points.
pub(super) struct PointPlan {
    pub(super) reads: ReadSet,
    pub(super) outputs: Vec<PointExpr>,
}

impl Plan {
    /// The fields whose values make rows.
    pub(super) fn selected_fields(&self) -> Vec<&FieldRead> {
        match &self.projection {
            Projection::Points(points) => points.reads.fields[..points.reads.selected].iter().collect(),
            Projection::Calls(calls) => calls.selected_fields(),
        }
    }

    /// The fields of the columns, if rows are points of single series and each column is a field without arithmetic.
    pub(super) fn stored_fields(&self) -> Option<Vec<&FieldRead>> {
        let Projection::Points(points) = &self.projection else { return None };
        if !self.series_apart || points.outputs.is_empty() {
            return None;
        }
        let field = |output: &PointExpr| match output {
            PointExpr::Column(column) => points.reads.fields.get(*column),
            _ => None,
        };
        points.outputs.iter().map(field).collect()
    }

    /// The columns that show tags.
    pub(super) fn tag_columns(&self) -> BTreeSet<Text> {
        let names = self.columns.iter().skip(1);
        let is_tag: Vec<bool> = match &self.projection {
            Projection::Points(points) => {
                points.outputs.iter().map(|output| self.shows_tag(output, &points.reads.fields)).collect()
            }
            Projection::Calls(calls) => {
                let shows_tag = |output: &Output| match output {
                    Output::Companion(value) => self.shows_tag(value, &calls.companion_reads),
                    Output::Stream(_) => false,
                };
                calls.outputs.iter().map(shows_tag).collect()
            }
        };
        names.zip(is_tag).filter(|(_, is_tag)| *is_tag).map(|(name, _)| name.clone()).collect()
    }

    /// Whether a column is a tag, or a column of a sub-query that shows one.
    fn shows_tag(&self, output: &PointExpr, reads: &[FieldRead]) -> bool {
        match output {
            PointExpr::Column(column) => {
                reads.get(*column).is_some_and(|read| self.schema.tag_columns.contains(&read.name))
            }
            other => other.is_tag(),
        }
    }

    /// Whether cells of the answer may be strings.
    pub(super) fn shows_text(&self) -> bool {
        match &self.projection {
            Projection::Points(points) => {
                let is_text = |read: &FieldRead| read.read_as == FieldType::String;
                points.reads.fields.iter().any(is_text) || points.outputs.iter().any(PointExpr::is_tag)
            }
            Projection::Calls(_) => true,
        }
    }

    /// The grouped tags of a group with their values.
    pub(super) fn tags_of(&self, values: &[Text]) -> Arc<[(Text, Text)]> {
        self.dimensions.iter().cloned().zip(values.iter().cloned()).collect()
    }

    /// Makes each series of the input a series of the answer, if rows are points and all rows of each group are wanted.
    pub(super) fn keep_series_apart(&mut self) {
        let Limits { limit, offset, .. } = self.limits;
        self.series_apart = matches!(self.projection, Projection::Points(_)) && limit == 0 && offset == 0;
    }

    /// Whether descending times also reverse the order of the groups. They do not where each group is a single row with a time
    /// of its own.
    pub(super) fn reverses_groups(&self) -> bool {
        match &self.projection {
            Projection::Points(_) => true,
            Projection::Calls(calls) => self.windows.is_some() || calls.streams_points(),
        }
    }

    /// The filter for the points of one series, if there is one. Series with the same condition share it.
    pub(super) fn point_filter(
        &self,
        reads: &ReadSet,
        residual: &Residual,
    ) -> Result<Option<Arc<PointExpr>>, QueryError> {
        let Residual::When(expr) = residual else { return Ok(None) };
        let compile = || {
            let mut compiler = PointCompiler {
                kind_of: &|var| self.schema.kind(var),
                reads: reads.fields.clone(),
                numbers: HashMap::new(),
                null_spoils: self.null_spoils,
            };
            compiler.condition(expr)
        };
        reads.filter(expr, compile).map(Some)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = |texts: &[Text]| texts.iter().map(Text::to_string).collect::<Vec<_>>().join(", ");
        let measurements: Vec<_> = self.inputs.iter().map(|input| input.measurement.clone()).collect();
        writeln!(f, "read {}", texts(&measurements))?;
        let order = if self.descending { "descending" } else { "ascending" };
        writeln!(f, "times {} to {}, {order}", self.range.min, self.range.max)?;
        writeln!(f, "points where {}", self.condition)?;
        if !self.dimensions.is_empty() {
            writeln!(f, "group by {}", texts(&self.dimensions))?;
        }
        if let Some(windows) = &self.windows {
            let fill = match self.fill {
                Fill::Null => "null".to_owned(),
                Fill::None => "none".to_owned(),
                Fill::Previous => "previous".to_owned(),
                Fill::Linear => "linear".to_owned(),
                Fill::Integer(number) => number.to_string(),
                Fill::Number(number) => number.to_string(),
            };
            writeln!(f, "{windows}, fill {fill}")?;
        }
        match &self.projection {
            Projection::Points(points) => {
                writeln!(f, "rows of {}", points.reads)?;
                for (name, output) in self.columns[1..].iter().zip(&points.outputs) {
                    writeln!(f, "column {name}: {}", output.shown(&points.reads.fields))?;
                }
            }
            Projection::Calls(calls) => calls.describe(&self.columns[1..], f)?,
        }
        let Limits { limit, offset, slimit, soffset } = self.limits;
        if self.limits != Limits::default() {
            writeln!(f, "limit {limit} offset {offset} slimit {slimit} soffset {soffset}")?;
        }
        Ok(())
    }
}
