//! The series that a query reads, in groups: one for each measurement and each combination of values of the grouped tags.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::{SeriesPredicate, SeriesRef, Source};
use fluxstone_influxql::ast::Limits;
use fluxstone_model::{Clause, TagSet, Text};

use super::budget::Reservation;
use super::conditions::Residual;
use super::error::QueryError;
use super::execution::Execution;
use super::field_cursor::{FieldCursor, FieldRead};
use super::first_groups::FirstGroups;
use super::plan::Plan;
use super::schema::Input;

/// The memory of a series in a group of its own, without the values of the grouped tags.
const MEMBER_BYTES: usize = size_of::<Group>() + size_of::<Member>() + 96;
/// The memory of one term of the condition of a series.
const CONDITION_NODE_BYTES: usize = 128;

/// For SLIMIT, at least this many groups are looked for at once.
const GROUPS_AT_ONCE: usize = 64;
/// If too few groups have values, this many times as many are looked for next.
const GROUPS_FACTOR: usize = 16;

/// The series whose points make one series of the answer.
pub(super) struct Group {
    pub(super) measurement: Text,
    /// The values of the grouped tags, in the order of their keys; an absent tag has the empty value.
    pub(super) values: Arc<[Text]>,
    /// The series, in the order of their keys.
    pub(super) series: Vec<Member>,
}

/// The groups of a query, and their memory.
pub(super) struct Groups {
    pub(super) groups: Vec<Group>,
    memory: Reservation,
}

impl Groups {
    /// Reverses the order of the groups.
    pub(super) fn reverse(&mut self) {
        self.groups.reverse();
    }

    /// Separates the groups from the reservation of their memory.
    pub(super) fn into_parts(self) -> (Vec<Group>, Reservation) {
        (self.groups, self.memory)
    }
}

/// One series of a group.
pub(super) struct Member {
    pub(super) source: Arc<dyn Source>,
    pub(super) series: SeriesRef,
    /// Whether its rows precede those of later members at equal times, instead of coming in heap order.
    pub(super) ordered: bool,
    /// The part of the condition that its points must still satisfy.
    pub(super) residual: Residual,
}

impl Group {
    /// A group of series of one measurement.
    fn new(inputs: &[Input], values: Arc<[Text]>, mut series: Vec<Member>) -> Group {
        // One source lists its series in order; those of several sources may interleave.
        series.sort_by(|a, b| a.series.key.cmp(&b.series.key));
        let measurement = inputs.first().map(|input| input.measurement.clone()).unwrap_or_default();
        Group { measurement, values, series }
    }

    /// Splits the group into one group for each series.
    fn apart(self) -> impl Iterator<Item = Group> {
        let Group { measurement, values, series } = self;
        let group =
            move |member| Group { measurement: measurement.clone(), values: values.clone(), series: vec![member] };
        series.into_iter().map(group)
    }
}

/// Returns the groups that the query reads, in ascending order. SLIMIT and SOFFSET count the groups of each measurement that have
/// values of the selected fields in the range of the query.
pub(super) fn groups(plan: &Plan, execution: &Execution<'_>) -> Result<Groups, QueryError> {
    let max = execution.context.limits.series_max;
    let mut memory = execution.reserve();
    let mut groups = Vec::new();
    let mut series_count = 0;
    for inputs in plan.inputs.chunk_by(|a, b| a.measurement == b.measurement) {
        let mut of_measurement = groups_of(plan, inputs, execution, &mut memory)?;
        if max > 0 {
            series_count += distinct_series(&of_measurement);
        }
        if plan.series_apart {
            of_measurement = of_measurement.into_iter().flat_map(Group::apart).collect();
        }
        groups.append(&mut of_measurement);
    }
    if max > 0 && series_count > max {
        return Err(QueryError::Limit(
            Clause::new("select.limit.series.1"),
            format!("max-select-series limit exceeded: ({series_count}/{max})"),
        ));
    }
    Ok(Groups { groups, memory })
}

/// Returns the groups of one measurement.
fn groups_of(
    plan: &Plan,
    inputs: &[Input],
    execution: &Execution<'_>,
    memory: &mut Reservation,
) -> Result<Vec<Group>, QueryError> {
    let Limits { slimit, soffset, .. } = plan.limits;
    if soffset > 0 && slimit == 0 && execution.context.semantics.soffset_alone {
        return Ok(Vec::new());
    }
    if slimit > 0 {
        return limited_groups(plan, inputs, execution, memory);
    }
    let predicate = plan.condition.index_predicate();
    let member = MemberMaker::new(plan);
    let mut by_tags = GroupsByTags::default();
    for input in inputs {
        for series in series_of(input, &predicate, execution, memory)? {
            execution.go_on()?;
            let key = series.key.clone();
            let Some((member, bytes)) = member.of(input, series) else { continue };
            memory.grow(bytes)?;
            by_tags.push(&plan.dimensions, &key.tags, member);
        }
    }
    let groups = by_tags.into_groups().map(|(values, members)| Group::new(inputs, values, members));
    let mut groups: Vec<Group> = groups.collect();
    if soffset > 0 {
        let fields = plan.selected_fields();
        let mut counted = Vec::new();
        for group in groups {
            if group_has_values(plan, &group, &fields, execution)? {
                counted.push(group);
            }
        }
        sort_for_limits(&mut counted, execution, b'|')?;
        counted.drain(..usize::try_from(soffset).unwrap_or(usize::MAX).min(counted.len()));
        sort_for_limits(&mut counted, execution, 0)?;
        groups = counted;
    }
    Ok(groups)
}

/// Members by the values of their tags. Series come in the order of their keys, so that neighbours mostly belong to one group or to
/// neighbouring ones.
#[derive(Default)]
struct GroupsByTags(Vec<(Arc<[Text]>, Vec<Member>)>);

impl GroupsByTags {
    fn push(&mut self, dimensions: &[Text], tags: &TagSet, member: Member) {
        let values = || dimensions.iter().map(|tag| tags.get(tag));
        let is_same = |last: &[Text]| {
            values().zip(last).all(|(value, last)| value.map_or(&[][..], Text::as_bytes) == last.as_bytes())
        };
        match self.0.last_mut() {
            Some((last, members)) if is_same(last) => members.push(member),
            _ => self.0.push((values().map(|value| value.cloned().unwrap_or_default()).collect(), vec![member])),
        }
    }

    /// Returns the groups in the order of their values.
    fn into_groups(self) -> impl Iterator<Item = (Arc<[Text]>, Vec<Member>)> {
        let mut groups = self.0;
        if !groups.is_sorted_by(|a, b| a.0 < b.0) {
            // The sort is stable, so members stay in order.
            groups.sort_by(|a, b| a.0.cmp(&b.0));
            groups.dedup_by(|later, first| {
                let is_same = later.0 == first.0;
                if is_same {
                    first.1.append(&mut later.1);
                }
                is_same
            });
        }
        groups.into_iter()
    }
}

/// The first groups with values, as many as SLIMIT and SOFFSET ask for. Others are not made.
fn limited_groups(
    plan: &Plan,
    inputs: &[Input],
    execution: &Execution<'_>,
    memory: &mut Reservation,
) -> Result<Vec<Group>, QueryError> {
    let at_most = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let Limits { slimit, soffset, .. } = plan.limits;
    let wanted = at_most(slimit.saturating_add(soffset));
    let (fields, member) = (plan.selected_fields(), MemberMaker::new(plan));
    let (mut count_max, mut after) = (wanted.max(GROUPS_AT_ONCE), None);
    let mut counted = Vec::new();
    while counted.len() < wanted {
        let mut first = FirstGroups::new(plan, execution.context.semantics.slimit_order, after.take(), count_max);
        for input in inputs {
            first.add(input, execution, memory, &|series| {
                let series_bytes = series.memory();
                member.of(input, series).map(|(member, bytes)| (member, series_bytes + bytes))
            })?;
        }
        let has_more = first.has_more;
        for (rank, members) in first.into_groups() {
            let group = Group::new(inputs, rank.values.clone(), members);
            after = Some(rank);
            if group_has_values(plan, &group, &fields, execution)? {
                counted.push(group);
                if counted.len() == wanted {
                    break;
                }
            }
        }
        if !has_more {
            break;
        }
        // Few groups have values, if this is not enough.
        count_max = count_max.saturating_mul(GROUPS_FACTOR);
    }
    counted.drain(..at_most(soffset).min(counted.len()));
    sort_for_limits(&mut counted, execution, 0)?;
    Ok(counted)
}

/// Sorts groups by their values joined with `separator`, if that is their order.
fn sort_for_limits(groups: &mut [Group], execution: &Execution<'_>, separator: u8) -> Result<(), QueryError> {
    if execution.context.semantics.slimit_order {
        let mut memory = execution.reserve();
        let values = groups.iter().flat_map(|group| group.values.iter());
        memory.grow(values.map(|value| value.len() + 1).sum())?;
        groups.sort_by_cached_key(|group| joined_values(group, separator));
    }
    Ok(())
}

/// Makes members of groups.
struct MemberMaker<'p> {
    plan: &'p Plan,
    member_bytes: usize,
    condition_bytes: usize,
}

impl<'p> MemberMaker<'p> {
    fn new(plan: &'p Plan) -> MemberMaker<'p> {
        let member_bytes = MEMBER_BYTES + plan.dimensions.len() * size_of::<Text>();
        MemberMaker { plan, member_bytes, condition_bytes: plan.condition.size() * CONDITION_NODE_BYTES }
    }

    /// Returns the member for a series and its memory, unless no point of the series can satisfy the condition.
    fn of(&self, input: &Input, series: SeriesRef) -> Option<(Member, usize)> {
        let residual = self.plan.condition.for_series(&series.key);
        if matches!(residual, Residual::Never) {
            return None;
        }
        let bytes = self.member_bytes + residual_bytes(&residual, self.condition_bytes);
        Some((Member { source: input.source.clone(), series, ordered: input.ordered, residual }, bytes))
    }
}

/// Finds series, and charges each one before the next is found.
fn series_of(
    input: &Input,
    predicate: &SeriesPredicate,
    execution: &Execution<'_>,
    memory: &mut Reservation,
) -> Result<Vec<SeriesRef>, QueryError> {
    let mut refused = Ok(());
    let found = input.source.series_while(&input.measurement, predicate, &mut |bytes| {
        refused = execution.go_on().and_then(|()| memory.grow(bytes));
        if refused.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    refused?;
    found.ok_or(QueryError::Interrupted)
}

/// The memory of the condition of a series, unless it is that of the plan.
fn residual_bytes(residual: &Residual, condition_bytes: usize) -> usize {
    match residual {
        Residual::When(expr) if Arc::strong_count(expr) == 1 => condition_bytes,
        Residual::When(_) | Residual::Always | Residual::Never => 0,
    }
}

/// Counts the series that are read. A series that FROM names several times counts once.
fn distinct_series(groups: &[Group]) -> u64 {
    let members = groups.iter().flat_map(|group| &group.series);
    let identities: HashSet<_> = members.map(|m| (Arc::as_ptr(&m.source).cast::<()>(), m.series.id)).collect();
    identities.len() as u64
}

/// Joins the values of the grouped tags with `separator`.
fn joined_values(group: &Group, separator: u8) -> Vec<u8> {
    group.values.iter().map(Text::as_bytes).collect::<Vec<_>>().join(&separator)
}

fn group_has_values(
    plan: &Plan,
    group: &Group,
    fields: &[&FieldRead],
    execution: &Execution<'_>,
) -> Result<bool, QueryError> {
    if plan.type_error.is_some() {
        // The query fails before values are read.
        return Ok(true);
    }
    for member in &group.series {
        execution.go_on()?;
        for field in fields {
            let mut cursor = FieldCursor::new(&*member.source, member.series.id, field, plan.range, false);
            if cursor.has_values(execution)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
