//! SELECT from a sub-query: the inner answer becomes a [`Source`] in memory that the outer query reads like any other.
//!
//! The groups, windows and times of the outer query are passed to the inner one first, so that it computes no more than is
//! needed. An inner query of points keeps its series apart, so that the outer query merges them as if it read them itself. An
//! inner query that only names fields is not run at all: its answer is the stored blocks, which the outer query decodes as it
//! needs them. The rows of other inner queries of points are made by `inner_rows`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::Source;
use fluxstone_influxql::ast::{Dimension, Fill, Select};
use fluxstone_model::{Text, TimeRange};

use super::answer_rows::AnswerRows;
use super::answer_source::{AnswerBlock, AnswerSource, Blocks};
use super::budget::Reservation;
use super::conditions::Residual;
use super::context::{Context, Sources};
use super::error::QueryError;
use super::evaluate::{evaluate, groups_in_order};
use super::execution::{Emit, Execution};
use super::field_cursor::{FieldCursor, FieldRead};
use super::groups::Group;
use super::inner_rows::{InnerRows, Slicer};
use super::plan::Plan;
use super::planner::{self, Around, Outer, SubqueryInputs};
use super::schema::Input;

/// Plans `select`, which may be part of the query `around`. Runs its sub-queries; meanwhile `emit` is asked whether
/// to go on.
pub(super) fn plan(
    select: &Select,
    sources: &dyn Sources,
    context: &Context,
    around: Around,
    emit: &mut Emit<'_>,
) -> Result<Plan, QueryError> {
    let emit = RefCell::new(emit);
    let go_on = || match (emit.borrow_mut())(None) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(QueryError::Interrupted),
    };
    let subquery_inputs: &mut SubqueryInputs<'_> =
        &mut |inner, outer| inputs(inner, outer, sources, context, &mut **emit.borrow_mut());
    planner::plan(select, sources, context, around, subquery_inputs, &go_on)
}

/// Runs `inner` for the query around it and returns its measurements.
fn inputs(
    inner: &Select,
    outer: &Outer<'_>,
    sources: &dyn Sources,
    context: &Context,
    emit: &mut Emit<'_>,
) -> Result<Vec<Input>, QueryError> {
    let own_dimensions = inner.group_by.dimensions.len();
    let inner = adapted(inner, outer);
    let dimensions = inner.group_by.dimensions.len() - own_dimensions;
    let mut plan = plan(&inner, sources, context, Around { bounds: outer.bounds, dimensions }, emit)?;
    plan.keep_series_apart();
    let tag_columns = plan.tag_columns();
    let mut source = AnswerSource::new(context.memory.reserve(), plan.own_dimensions.clone());
    plan.is_inner = true;
    if plan.series_apart {
        // Rows of points keep the order that they have in storage; other rows come in the order of the answer.
        source.shard_starts.clone_from(&plan.shard_starts);
        let descending = plan.descending;
        if !plan.range.is_empty() {
            add_points(&mut source, plan, context, emit)?;
        }
        return Ok(inputs_of(source, InnerOrder::Series { descending }, &tag_columns));
    }
    let mut answer = AnswerRows::new(source, context.memory.reserve());
    let mut refused = None;
    let result = evaluate(&plan, context, &mut |piece| match piece.map_or(Ok(()), |piece| answer.add(piece)) {
        // Only the rows of the outer query are emitted, but a kill must be noticed here too.
        Ok(()) => emit(None),
        Err(error) => {
            refused = Some(error);
            ControlFlow::Break(())
        }
    });
    refused.map_or(result, Err)?;
    Ok(inputs_of(answer.finish(), InnerOrder::Rows, &tag_columns))
}

/// Returns the inner query with the groups of the outer one, and with its windows if it has none. Windows without a value are
/// left out unless a fill gives them one.
fn adapted(inner: &Select, outer: &Outer<'_>) -> Select {
    let mut inner = inner.clone().without_target();
    let has_windows = inner.group_by.window().is_some();
    for dimension in &outer.select.group_by.dimensions {
        // Patterns match the tags that the inner query shows, so they mean nothing inside it.
        let goes_inside = match dimension {
            Dimension::Time(_) => !has_windows,
            Dimension::Tag(_) => true,
            Dimension::Wildcard | Dimension::Regex(_) => false,
        };
        if goes_inside {
            inner = inner.grouped_by_also(dimension.clone());
        }
    }
    if matches!(inner.fill, None | Some(Fill::Null)) { inner.with_fill(Fill::None) } else { inner }
}

/// How the rows of an inner query come.
#[derive(Clone, Copy)]
enum InnerOrder {
    /// In the order of the answer.
    Rows,
    /// The series are apart. Their rows come in heap order at equal times.
    Series { descending: bool },
}

/// The measurements of an answer.
fn inputs_of(source: AnswerSource, order: InnerOrder, tag_columns: &BTreeSet<Text>) -> Vec<Input> {
    let source: Arc<dyn Source> = Arc::new(source);
    let ordered = matches!(order, InnerOrder::Rows);
    let has_ascending_points = matches!(order, InnerOrder::Series { descending: false });
    let input = |measurement| {
        let (source, tag_columns) = (source.clone(), tag_columns.clone());
        Input { measurement, source, ordered, tag_columns, has_ascending_points }
    };
    source.measurements().into_iter().map(input).collect()
}

/// Adds the rows of a plan that keeps series apart: the stored blocks if it selects bare fields and filters no points, otherwise
/// what is computed from them.
fn add_points(source: &mut AnswerSource, plan: Plan, context: &Context, emit: &mut Emit<'_>) -> Result<(), QueryError> {
    let execution = Execution::new(context, emit);
    let (groups, memory) = groups_in_order(&plan, &execution)?.into_parts();
    let filters = |group: &Group| group.series.iter().any(|member| !matches!(member.residual, Residual::Always));
    if let Some(reads) = plan.stored_fields().filter(|_| !groups.iter().any(filters)) {
        for group in &groups {
            let memory = &mut source.memory;
            let mut stored = |read: &&FieldRead| stored_blocks(group, read, plan.range, &execution, memory);
            let columns = reads.iter().map(&mut stored).collect::<Result<Vec<Blocks>, _>>()?;
            if columns.iter().any(|blocks| !blocks.is_empty()) {
                source.push(&group.measurement, &plan.tags_of(&group.values), &plan.columns, columns)?;
            }
        }
        return Ok(());
    }
    let mut slicer = Slicer::new(InnerRows { plan, groups, context: context.clone(), _memory: memory });
    for number in 0..slicer.rows().groups.len() {
        let Some(columns) = slicer.blocks(number, &execution, &mut source.memory)? else { continue };
        let InnerRows { plan, groups, .. } = &**slicer.rows();
        let Group { measurement, values, .. } = &groups[number];
        source.push(measurement, &plan.tags_of(values), &plan.columns, columns)?;
    }
    Ok(())
}

/// Returns the blocks of a field of a series that have values in `range`. Decodes those that reach beyond it or have another
/// type than the one asked for.
fn stored_blocks(
    group: &Group,
    field: &FieldRead,
    range: TimeRange,
    execution: &Execution<'_>,
    memory: &mut Reservation,
) -> Result<Blocks, QueryError> {
    let mut blocks = Blocks::new();
    let Some(member) = group.series.first() else { return Ok(blocks) };
    let mut cursor = FieldCursor::new(&*member.source, member.series.id, field, range, false);
    while let Some(block) = cursor.next_column() {
        let summary = block.summary();
        let is_inside = range.contains(summary.range.min) && range.contains(summary.range.max);
        if is_inside && summary.field_type == field.read_as {
            blocks.push(block);
        } else if cursor.take_apart(&*block)? {
            // The parts follow.
        } else if let Some(part) = cursor.decode(&*block, execution)? {
            memory.grow(part.bytes())?;
            blocks.push(Arc::new(AnswerBlock(Arc::new(part.to_batch()))));
        }
    }
    execution.go_on()?;
    Ok(blocks)
}
