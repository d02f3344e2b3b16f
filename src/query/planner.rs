//! Planning: from a SELECT and its sources to a [`Plan`], before a single value is read.
//!
//! The caller supplies the inputs that sub-queries make, so this file does not know how they are run.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use fluxstone_influxql::ast::{self, Expr, ExprKind, Fill, Order, Select, SelectClauses, SelectField, VarRef};
use fluxstone_model::{Clause, Text, TimeRange};

use super::calls::{CallCompiler, CallPlan};
use super::conditions::Condition;
use super::context::{Context, Sources};
use super::error::QueryError;
use super::expand;
use super::field_cursor::FieldRead;
use super::fold::fold;
use super::names::{self, ColumnName};
use super::plan::{Plan, PointPlan, Projection};
use super::planning::Costs;
use super::point_expr::{PointCompiler, PointExpr};
use super::projections::point_projection;
use super::read_set::ReadSet;
use super::schema::{Input, Resolver, Schema};
use super::time_bounds::TimeBounds;
use super::windows::Windows;

/// The memory of a term of the condition in the plan of a call, which reads the fields of the condition too.
const CALL_TERM_BYTES: usize = 40;

/// What a sub-query needs to know of the query around it.
pub(super) struct Outer<'a> {
    pub(super) select: &'a Select,
    pub(super) bounds: TimeBounds,
}

/// What the query around a query adds to it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Around {
    pub(super) bounds: TimeBounds,
    /// How many of the dimensions, the last ones, are those of the query around.
    pub(super) dimensions: usize,
}

/// Returns the measurements that a sub-query makes for the query around it.
pub(super) type SubqueryInputs<'s> = dyn FnMut(&Select, &Outer<'_>) -> Result<Vec<Input>, QueryError> + 's;

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

impl Scope {
    /// `outer` are the bounds of the query around this one.
    fn new(
        select: &Select,
        sources: &dyn Sources,
        context: &Context,
        outer: TimeBounds,
        subquery_inputs: &mut SubqueryInputs<'_>,
        costs: &mut Costs<'_>,
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
        let mut resolver = Resolver::new(sources);
        for source in &select.sources {
            match source {
                ast::Source::Measurement(measurement) => resolver.resolve(measurement, &mut inputs, costs)?,
                ast::Source::Subquery(inner) => {
                    let max = bounds.max.or(windows.map(|_| range.max));
                    let outer = Outer { select, bounds: TimeBounds { max, ..bounds } };
                    inputs.extend(subquery_inputs(inner, &outer)?);
                }
            }
        }
        inputs.sort_by(|a, b| a.measurement.cmp(&b.measurement));
        let schema = Schema::gather(&inputs, range, costs)?;
        Ok(Scope { condition, bounds, range, windows, inputs, schema })
    }
}

/// Returns the same SELECT with wildcards and regular expressions written out and the type of each column appended: the form in
/// which InfluxDB prints a statement in warnings.
///
/// # Errors
/// Those of [`run`](super::run()) that are found before any value is read.
pub fn annotate_types(select: &Select, sources: &dyn Sources, context: &Context) -> Result<SelectClauses, QueryError> {
    // Sub-queries are not run, and contribute no columns.
    let mut costs = Costs::new(context.memory.reserve(), &|| Ok(()));
    let no_inputs: &mut SubqueryInputs<'_> = &mut |_, _| Ok(Vec::new());
    let Scope { schema, .. } = Scope::new(select, sources, context, TimeBounds::default(), no_inputs, &mut costs)?;
    let mut annotated = SelectClauses::clone(select);
    annotated.fields = expand::fields(select, &select.group_by.dimensions, &schema, &mut costs)?;
    annotated.condition = select.condition.as_ref().map(|condition| expand::typed(condition, &schema));
    annotated.group_by.dimensions = expand::named_dimensions(select, &schema);
    Ok(annotated)
}

/// Plans `select`, which may be part of the query `around`. Meanwhile `go_on` is asked whether to.
pub(super) fn plan(
    select: &Select,
    sources: &dyn Sources,
    context: &Context,
    around: Around,
    subquery_inputs: &mut SubqueryInputs<'_>,
    go_on: &dyn Fn() -> Result<(), QueryError>,
) -> Result<Plan, QueryError> {
    let mut costs = Costs::new(context.memory.reserve(), go_on);
    let scope = Scope::new(select, sources, context, around.bounds, subquery_inputs, &mut costs)?;
    let Scope { condition, bounds, range, windows, inputs, schema } = scope;
    let condition = condition.as_ref().map_or(Ok(Condition::Always), |condition| {
        let condition = expand::typed(condition, &schema);
        Condition::compile(&condition, context.semantics, &|name| schema.is_field(name))
    })?;
    if context.semantics.distinct_word {
        refuse_distinct_inside(select)?;
    }
    let dimensions = &select.group_by.dimensions;
    let own_dimensions = &dimensions[..dimensions.len().saturating_sub(around.dimensions)];
    let fields = folded_fields(expand::fields(select, own_dimensions, &schema, &mut costs)?);
    let (time_name, fields) = without_time(fields, context.semantics.time_twice);
    let null_spoils = context.semantics.absent_operand;
    let mut type_error = None;
    let (projection, names) = if fields.iter().any(|field| has_call(&field.expr)) {
        let interval = windows.map(Windows::interval);
        let kind_of = |var: &VarRef| schema.kind(var);
        let compiler = CallCompiler {
            kind_of: &kind_of,
            condition: &condition,
            interval,
            null_spoils,
            type_error: RefCell::default(),
        };
        costs.grow(fields.len().saturating_mul(condition.size()).saturating_mul(CALL_TERM_BYTES))?;
        let (calls, names) = CallPlan::new(&fields, &compiler)?;
        type_error = compiler.type_error.take();
        (Projection::Calls(calls), names)
    } else {
        let points = point_plan(select, &fields, &schema, &condition, null_spoils)?;
        (Projection::Points(points), fields.iter().map(names::requested).collect())
    };
    let shard_starts: BTreeSet<_> = inputs.iter().flat_map(|input| input.source.shard_starts()).collect();
    Ok(Plan {
        inputs,
        bounds,
        range,
        descending: select.order == Some(Order::Descending),
        condition,
        dimensions: expand::dimensions(dimensions, &schema),
        own_dimensions: expand::dimensions(own_dimensions, &schema),
        windows,
        fill: select.fill.unwrap_or(Fill::Null),
        limits: select.limits,
        columns: column_names(time_name, names),
        projection,
        type_error,
        series_apart: false,
        is_inner: false,
        shard_starts: shard_starts.into_iter().collect(),
        null_spoils,
        schema,
        _memory: costs.into_memory(),
    })
}

/// The plan of rows that are points.
fn point_plan(
    select: &Select,
    fields: &[SelectField],
    schema: &Schema,
    condition: &Condition,
    null_spoils: bool,
) -> Result<PointPlan, QueryError> {
    let kind_of = |var: &VarRef| schema.kind(var);
    let mut compiler = PointCompiler { kind_of: &kind_of, reads: Vec::new(), numbers: HashMap::new(), null_spoils };
    let outputs = fields.iter().map(|field| point_projection(&field.expr, &mut compiler));
    let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
    let is_subquery = |source: &ast::Source| matches!(source, ast::Source::Subquery(_));
    let has_column = !compiler.reads.is_empty() || outputs.iter().any(PointExpr::is_tag);
    let has_no_field = compiler.reads.iter().all(|read| !schema.fields.contains_key(&read.name));
    if has_no_field && has_column && select.sources.iter().all(is_subquery) {
        // The rows of a sub-query exist whether any of their values are selected or not.
        let all = schema.fields.iter();
        compiler.reads.extend(all.map(|(name, read_as)| FieldRead { name: name.clone(), read_as: *read_as }));
    }
    let reads = ReadSet::new(&mut compiler, condition)?;
    Ok(PointPlan { reads, outputs })
}

/// The names of the result columns. The name of the time column is not reserved: another column may have it too.
fn column_names(time_name: String, names: Vec<ColumnName>) -> Arc<[Text]> {
    let mut columns = vec![Text::from(time_name)];
    columns.extend(names::unique(names).into_iter().map(Text::from));
    columns.into()
}

fn folded_fields(fields: Vec<SelectField>) -> Vec<SelectField> {
    fields.into_iter().map(|field| SelectField { expr: fold(&field.expr, None), alias: field.alias }).collect()
}

/// Refuses DISTINCT as a word in parentheses or arithmetic, as 1.2.4 does.
fn refuse_distinct_inside(select: &Select) -> Result<(), QueryError> {
    fn has_word(expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Distinct(_) => true,
            ExprKind::Paren(inner) => has_word(inner),
            ExprKind::Binary { lhs, rhs, .. } => has_word(lhs) || has_word(rhs),
            // As an argument it is fine.
            _ => false,
        }
    }
    let is_word = |expr: &Expr| matches!(expr.kind, ExprKind::Distinct(_));
    if select.fields.iter().any(|field| !is_word(&field.expr) && has_word(&field.expr)) {
        return Err(QueryError::Invalid(
            Clause::new("select.arithmetic.5"),
            "invalid expression type: *influxql.Distinct".to_owned(),
        ));
    }
    Ok(())
}

/// Removes the projections of `time` and returns the name of the time column, which is the alias of the first of them. If
/// `spares_second`, as in 1.2.4, the projection after a removed one is kept, whatever it is.
fn without_time(fields: Vec<SelectField>, spares_second: bool) -> (String, Vec<SelectField>) {
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
