//! The series that a query reads, in groups: one for each measurement and each combination of values of the grouped tags.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::{SeriesPredicate, SeriesRef, Source};
use fluxstone_model::Text;

use super::budget::Reservation;
use super::conditions::Residual;
use super::error::QueryError;
use super::execution::Execution;
use super::field_cursor::{FieldCursor, FieldRead};
use super::plan::Plan;
use super::schema::Input;

/// The memory of a series in a group of its own, without the values of the grouped tags.
const MEMBER_BYTES: usize = size_of::<Group>() + size_of::<Member>() + 96;
/// The memory of one term of the condition of a series.
const CONDITION_NODE_BYTES: usize = 128;

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
    let predicate = plan.condition.index_predicate();
    let max = execution.context.limits.series_max;
    let mut memory = execution.reserve();
    let member_bytes = MEMBER_BYTES + plan.dimensions.len() * size_of::<Text>();
    let condition_bytes = plan.condition.size() * CONDITION_NODE_BYTES;
    let no_value = Text::default();
    let mut groups = Vec::new();
    let mut series_count = 0;
    for inputs in plan.inputs.chunk_by(|a, b| a.measurement == b.measurement) {
        let mut by_tags: BTreeMap<Arc<[Text]>, Vec<Member>> = BTreeMap::new();
        for input in inputs {
            for series in series_of(input, &predicate, execution, &mut memory)? {
                execution.go_on()?;
                let residual = plan.condition.for_series(&series.key);
                if matches!(residual, Residual::Never) {
                    continue;
                }
                memory.grow(member_bytes + residual_bytes(&residual, condition_bytes))?;
                let value = |key: &Text| series.key.tags.get(key).unwrap_or(&no_value).clone();
                let values = plan.dimensions.iter().map(value).collect();
                by_tags.entry(values).or_default().push(Member {
                    source: input.source.clone(),
                    series,
                    ordered: input.ordered,
                    residual,
                });
            }
        }
        let mut of_measurement: Vec<Group> = by_tags
            .into_iter()
            .map(|(values, mut series)| {
                // One source lists its series in order; those of several sources may interleave.
                series.sort_by(|a, b| a.series.key.cmp(&b.series.key));
                Group { measurement: inputs[0].measurement.clone(), values, series }
            })
            .collect();
        limit_groups(plan, &mut of_measurement, execution)?;
        if max > 0 {
            series_count += distinct_series(&of_measurement);
        }
        if plan.series_apart {
            of_measurement = of_measurement.into_iter().flat_map(Group::apart).collect();
        }
        groups.append(&mut of_measurement);
    }
    if max > 0 && series_count > max {
        return Err(QueryError::Limit(format!("max-select-series limit exceeded: ({series_count}/{max})")));
    }
    Ok(Groups { groups, memory })
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

fn limit_groups(plan: &Plan, groups: &mut Vec<Group>, execution: &Execution<'_>) -> Result<(), QueryError> {
    let limits = plan.limits;
    if limits.soffset > 0 && limits.slimit == 0 && execution.context.semantics.soffset_alone {
        groups.clear();
    }
    if limits.slimit == 0 && limits.soffset == 0 {
        return Ok(());
    }
    let fields = plan.selected_fields();
    let mut counted = Vec::new();
    for group in std::mem::take(groups) {
        if group_has_values(plan, &group, &fields, execution)? {
            counted.push(group);
        }
    }
    let joins_with_bars = execution.context.semantics.slimit_order;
    let mut memory = execution.reserve();
    if joins_with_bars {
        let values = counted.iter().flat_map(|group| group.values.iter());
        memory.grow(values.map(|value| value.len() + 1).sum())?;
        counted.sort_by_cached_key(|group| joined_values(group, b'|'));
    }
    let skip = usize::try_from(limits.soffset).unwrap_or(usize::MAX).min(counted.len());
    counted.drain(..skip);
    if limits.slimit > 0 {
        counted.truncate(usize::try_from(limits.slimit).unwrap_or(usize::MAX));
    }
    if joins_with_bars {
        counted.sort_by_cached_key(|group| joined_values(group, 0));
    }
    *groups = counted;
    Ok(())
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
