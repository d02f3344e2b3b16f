//! `fill(...)` over the results of all groups in one stream, as InfluxDB 1.2.4 does it (`compat.select.batches`): where the group
//! changes, the windows that are left are filled and those of the next group begin anew; a line is drawn to the next result,
//! whichever group it belongs to.

use fluxstone_influxql::ast::Fill;
use fluxstone_model::{TimeRange, Timestamp};

use super::budget::Reservation;
use super::calls::CallNode;
use super::error::QueryError;
use super::fill::{filler, on_line};
use super::functions::{Collection, Function, TimedValue};
use super::plan::Plan;
use super::value::Value;
use super::windows::Windows;

/// A result of a function for one of several groups.
#[derive(Debug, Clone)]
pub(super) struct Batched {
    /// The place of its group in ascending order.
    pub(super) rank: usize,
    /// The time of the point that was chosen.
    pub(super) shown_time: Option<i64>,
    pub(super) point: TimedValue,
}

impl Batched {
    /// A result that is not a point of the input.
    pub(super) fn new(rank: usize, time: i64, value: Value) -> Batched {
        Batched { rank, shown_time: None, point: TimedValue { time, value, origin: None } }
    }
}

/// Adds a result for every window of `range` that has none, for each stretch of results of one group.
pub(super) fn filled(
    results: Vec<Batched>,
    call: &CallNode,
    plan: &Plan,
    range: TimeRange,
    memory: &mut Reservation,
) -> Result<Vec<Batched>, QueryError> {
    let never = matches!(call.function, Function::Collect(Collection::Distinct | Collection::Sample { .. }));
    let Some(windows) = plan.windows.filter(|_| !never && plan.fill != Fill::None) else { return Ok(results) };
    let starts = Starts::new(windows, range, plan.descending);
    let mut filled: Vec<Batched> = Vec::new();
    let mut results = results.into_iter().peekable();
    while let Some(first) = results.peek() {
        let rank = first.rank;
        let mut expected = Some(starts.first.unwrap_or(first.point.time));
        let mut previous: Option<TimedValue> = None;
        while let Some(start) = expected {
            let of_group = results.peek().filter(|head| head.rank == rank).map(|head| head.point.time);
            // A result of an earlier window than the one expected is taken as it is.
            if of_group.is_some_and(|time| !starts.is_before(start, time))
                && let Some(result) = results.next()
            {
                expected = starts.after(result.point.time);
                previous = Some(result.point.clone());
                filled.push(result);
                continue;
            }
            if of_group.is_none() && starts.is_before(starts.last, start) {
                break;
            }
            let value = match (plan.fill, &previous, results.peek()) {
                (Fill::Previous, Some(previous), _) => previous.value.clone(),
                (Fill::Linear, Some(previous), Some(next)) => {
                    on_line(previous, &next.point, start, windows).unwrap_or(Value::Null)
                }
                (fill, _, _) => filler(fill, call.counts(), call.result_type),
            };
            memory.grow(size_of::<Batched>() + value.text_bytes())?;
            filled.push(Batched::new(rank, start, value));
            expected = starts.after(start);
        }
    }
    Ok(filled)
}

/// The windows of a range in the order of the query.
struct Starts {
    windows: Windows,
    descending: bool,
    /// The window to start at; `None` means that of the first result.
    first: Option<i64>,
    last: i64,
}

impl Starts {
    fn new(windows: Windows, range: TimeRange, descending: bool) -> Starts {
        let is_open = range.min <= Timestamp::MIN;
        let (low, high) = (windows.start(range.min.0), windows.start(range.max.0));
        let (first, last) = if descending {
            (Some(high), if is_open { i64::MAX } else { low })
        } else {
            ((!is_open).then_some(low), high)
        };
        Starts { windows, descending, first, last }
    }

    fn is_before(&self, a: i64, b: i64) -> bool {
        if self.descending { a > b } else { a < b }
    }

    fn after(&self, start: i64) -> Option<i64> {
        let interval = self.windows.interval();
        if self.descending { start.checked_sub(interval) } else { start.checked_add(interval) }
    }
}
