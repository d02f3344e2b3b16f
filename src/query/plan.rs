//! Planning: what a SELECT means over the sources that it names, decided before a single value is read.
//!
//! A [`Plan`] is a plain value. It holds which measurements are read, which columns come out and how they are computed, which
//! series a condition leaves, how rows are grouped and windowed, and how much of them is wanted. Its text is for people.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_influxql::ast::{self, Expr, ExprKind, Field, Fill, Limits, Order, Select, SelectClauses, VarRef};
use fluxstone_model::{Text, TimeRange, Timestamp};

use super::calls::{CallCompiler, CallPlan};
use super::conditions::{Condition, Residual};
use super::fold::fold;
use super::names::{self, Wish};
use super::point_expr::{PointCompiler, PointExpr};
use super::points::FieldRead;
use super::projections::point_projection;
use super::schema::{Input, Schema, resolve};
use super::time_bounds::TimeBounds;
use super::windows::Windows;
use super::{Context, QueryError, SeriesRows, Sources, expand, subquery};

/// A SELECT, ready to run.
pub(super) struct Plan {
    /// What is read, by measurement, in the order of the answer when it ascends.
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
    pub(super) windows: Option<Windows>,
    pub(super) fill: Fill,
    pub(super) limits: Limits,
    /// The result columns, the time first.
    pub(super) columns: Arc<[Text]>,
    pub(super) projection: Projection,
    /// Whether each series makes a series of the answer, whatever its tags.
    pub(super) series_apart: bool,
    /// When shards of the sources begin, in order.
    pub(super) shard_starts: Vec<Timestamp>,
    null_spoils: bool,
}

/// What the rows are made of.
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

/// The fields that are read of each series: first those that make a row, then those that only the condition asks for.
#[derive(Debug, Clone)]
pub(super) struct ReadSet {
    pub(super) fields: Vec<FieldRead>,
    /// How many of `fields` make a row.
    pub(super) selected: usize,
}

/// What a SELECT reads: the first step of planning it.
struct Scope {
    /// The condition, folded.
    condition: Option<Expr>,
    bounds: TimeBounds,
    range: TimeRange,
    windows: Option<Windows>,
    inputs: Vec<Input>,
    schema: Schema,
}

/// What a sub-query is told of the query that it stands in.
pub(super) struct Outer<'a> {
    pub(super) select: &'a Select,
    pub(super) bounds: TimeBounds,
}

/// Where the rows of a query go, and who is asked whether to go on.
type Emit<'e> = dyn FnMut(Option<SeriesRows>) -> ControlFlow<()> + 'e;

impl Scope {
    /// `outer` are the bounds of the query that this one stands in. Without `emit` sub-queries are not run, and add nothing.
    fn new(
        select: &Select,
        sources: &dyn Sources,
        context: &Context,
        outer: TimeBounds,
        mut emit: Option<&mut Emit<'_>>,
    ) -> Result<Scope, QueryError> {
        let condition = select.condition.as_ref().map(|condition| fold(condition, Some(context.now)));
        let bounds = condition.as_ref().map_or(Ok(TimeBounds::default()), |c| TimeBounds::of(c, context.semantics))?;
        let bounds = bounds.intersect(outer);
        let windows = select.group_by.window().map(|window| Windows::new(window, context.now));
        let mut range = bounds.range();
        if windows.is_some() && bounds.max.is_none() {
            range.max = context.now;
        }
        let mut inputs = Vec::new();
        for source in &select.sources {
            match source {
                ast::Source::Measurement(measurement) => inputs.extend(resolve(measurement, sources)?),
                ast::Source::Subquery(inner) => {
                    if let Some(emit) = &mut emit {
                        let max = bounds.max.or(windows.map(|_| range.max));
                        let outer = Outer { select, bounds: TimeBounds { max, ..bounds } };
                        inputs.extend(subquery::inputs(inner, &outer, sources, context, *emit)?);
                    }
                }
            }
        }
        inputs.sort_by(|a, b| a.measurement.cmp(&b.measurement));
        let schema = Schema::gather(&inputs, range);
        Ok(Scope { condition, bounds, range, windows, inputs, schema })
    }
}

/// The same SELECT with wildcards and regular expressions written out and the type of each column behind it: the form in which
/// InfluxDB names a statement in warnings.
///
/// # Errors
/// As [`super::run`], for what is found before any value is read.
pub fn annotate_types(select: &Select, sources: &dyn Sources, context: &Context) -> Result<SelectClauses, QueryError> {
    let Scope { schema, .. } = Scope::new(select, sources, context, TimeBounds::default(), None)?;
    let mut annotated = SelectClauses::clone(select);
    annotated.fields = expand::fields(select, &schema)?;
    annotated.condition = select.condition.as_ref().map(|condition| expand::typed(condition, &schema));
    annotated.group_by.dimensions = expand::named_dimensions(select, &schema);
    Ok(annotated)
}

/// Plans `select`, which may stand in a query with the bounds `outer`. Sub-queries in it are run; meanwhile `emit` is asked
/// whether to go on.
pub(super) fn plan(
    select: &Select,
    sources: &dyn Sources,
    context: &Context,
    outer: TimeBounds,
    emit: &mut Emit<'_>,
) -> Result<Plan, QueryError> {
    let scope = Scope::new(select, sources, context, outer, Some(emit))?;
    let Scope { condition, bounds, range, windows, inputs, schema } = scope;
    let condition = condition.as_ref().map_or(Ok(Condition::Always), |condition| {
        let condition = expand::typed(condition, &schema);
        Condition::compile(&condition, context.semantics, &|name| schema.is_field(name))
    })?;
    let fields = folded_fields(expand::fields(select, &schema)?);
    let (time_name, fields) = without_time(fields, context.semantics.time_twice);
    let null_spoils = context.semantics.absent_operand;
    let kind_of = |var: &VarRef| schema.kind(var);
    let (projection, mut wishes) = if fields.iter().any(|field| has_call(&field.expr)) {
        let interval = windows.map(Windows::interval);
        let compiler = CallCompiler { kind_of: &kind_of, condition: &condition, interval, null_spoils };
        let (calls, wishes) = CallPlan::new(&fields, &compiler)?;
        (Projection::Calls(calls), wishes)
    } else {
        let mut compiler = PointCompiler { kind_of: &kind_of, reads: Vec::new(), null_spoils };
        let outputs = fields.iter().map(|field| point_projection(&field.expr, &mut compiler));
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        let is_answer = |source: &ast::Source| matches!(source, ast::Source::Subquery(_));
        if compiler.reads.is_empty() && select.sources.iter().all(is_answer) && outputs.iter().any(PointExpr::is_tag) {
            // Rows of an answer are there whether they have stored values or not.
            let all = schema.fields.iter();
            compiler.reads.extend(all.map(|(name, read_as)| FieldRead { name: name.clone(), read_as: *read_as }));
        }
        let reads = ReadSet::new(&mut compiler, &condition)?;
        (Projection::Points(PointPlan { reads, outputs }), fields.iter().map(wish).collect())
    };
    wishes.insert(0, Wish::Alias(time_name));
    let shard_starts: BTreeSet<_> = inputs.iter().flat_map(|input| input.source.shard_starts()).collect();
    Ok(Plan {
        inputs,
        bounds,
        range,
        descending: select.order == Some(Order::Descending),
        condition,
        dimensions: expand::dimensions(select, &schema),
        windows,
        fill: select.fill.unwrap_or(Fill::Null),
        limits: select.limits,
        columns: column_names(wishes),
        projection,
        series_apart: false,
        shard_starts: shard_starts.into_iter().collect(),
        null_spoils,
        schema,
    })
}

impl Plan {
    /// The fields whose values make rows.
    pub(super) fn selected_fields(&self) -> Vec<&FieldRead> {
        match &self.projection {
            Projection::Points(points) => points.reads.fields[..points.reads.selected].iter().collect(),
            Projection::Calls(calls) => calls.selected_fields(),
        }
    }

    /// The fields behind the columns, if rows are points of single series and each column is a field as it is.
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

    /// Where rows are points, and all of a group's rows are wanted, answers each series on its own.
    pub(super) fn keep_series_apart(&mut self) {
        let Limits { limit, offset, .. } = self.limits;
        self.series_apart = matches!(self.projection, Projection::Points(_)) && limit == 0 && offset == 0;
    }

    /// Whether groups come in reverse order where times descend: not where each group is one row of its own time.
    pub(super) fn reverses_groups(&self) -> bool {
        match &self.projection {
            Projection::Points(_) => true,
            Projection::Calls(calls) => self.windows.is_some() || calls.streams_points(),
        }
    }

    /// The filter for the points of one series, if there is any.
    pub(super) fn point_filter(&self, reads: &ReadSet, residual: &Residual) -> Result<Option<PointExpr>, QueryError> {
        let Residual::When(expr) = residual else { return Ok(None) };
        let mut compiler = PointCompiler {
            kind_of: &|var| self.schema.kind(var),
            reads: reads.fields.clone(),
            null_spoils: self.null_spoils,
        };
        compiler.condition(expr).map(Some)
    }
}

impl ReadSet {
    /// The fields gathered by `compiler` make rows; those of the condition are added behind them.
    pub(super) fn new(compiler: &mut PointCompiler<'_>, condition: &Condition) -> Result<ReadSet, QueryError> {
        let selected = compiler.reads.len();
        let mut failed = Ok(());
        condition.for_each_point_test(&mut |expr| {
            if let Err(error) = compiler.condition(expr) {
                failed = Err(error);
            }
        });
        failed?;
        Ok(ReadSet { fields: std::mem::take(&mut compiler.reads), selected })
    }
}

/// The wish of a projection for its column's name.
pub(super) fn wish(field: &Field) -> Wish {
    if field.alias.is_empty() { Wish::Natural(names::natural(&field.expr)) } else { Wish::Alias(field.alias.clone()) }
}

fn column_names(wishes: Vec<Wish>) -> Arc<[Text]> {
    // The name of the time column is reserved for nobody.
    let mut wishes = wishes.into_iter();
    let time = match wishes.next() {
        Some(Wish::Alias(name) | Wish::Natural(name)) => name,
        None => "time".into(),
    };
    let mut columns = vec![Text::from(time)];
    columns.extend(names::unique(wishes.collect()).into_iter().map(Text::from));
    columns.into()
}

fn folded_fields(fields: Vec<Field>) -> Vec<Field> {
    fields.into_iter().map(|field| Field { expr: fold(&field.expr, None), alias: field.alias }).collect()
}

/// Takes out the projections of `time`; the alias of the first names the time column. Where `spares_second`, as 1.2.4 did, a
/// projection behind one that was taken out stays whatever it is.
fn without_time(fields: Vec<Field>, spares_second: bool) -> (String, Vec<Field>) {
    let mut name = None;
    let mut kept = Vec::with_capacity(fields.len());
    let mut is_spared = false;
    for field in fields {
        let is_time = matches!(&field.expr.kind, ExprKind::Var(var) if var.name == "time");
        if is_time && !is_spared {
            is_spared = spares_second;
            name = name.or(Some(field.alias));
        } else {
            is_spared = false;
            kept.push(field);
        }
    }
    (name.filter(|name| !name.is_empty()).unwrap_or_else(|| "time".into()), kept)
}

/// Whether an expression calls a function.
fn has_call(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call { .. } | ExprKind::Distinct(_) => true,
        ExprKind::Paren(inner) => has_call(inner),
        ExprKind::Binary { lhs, rhs, .. } => has_call(lhs) || has_call(rhs),
        _ => false,
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
