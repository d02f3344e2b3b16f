//! Finding the series that a statement lists or deletes: each is charged to the memory of the request before the next is found, and
//! the statement can be stopped in between.

use std::ops::ControlFlow;

use fluxstone_columns::{SeriesPredicate, SeriesRef, Source};
use fluxstone_model::Text;
use fluxstone_query::Reservation;

use super::execute::StatementContext;
use super::statement_error::StatementError;

/// The number of series after which a listing asks again whether to go on.
const CHECK_EVERY: usize = 256;

/// Series, and their memory as long as they are there.
pub(super) struct FoundSeries {
    pub(super) series: Vec<SeriesRef>,
    _memory: Reservation,
}

/// Finds the series of a measurement for which `predicate` holds.
pub(super) fn find_series(
    source: &dyn Source,
    measurement: &[u8],
    predicate: &SeriesPredicate,
    context: &StatementContext<'_>,
) -> Result<FoundSeries, StatementError> {
    let mut memory = context.session.memory.reserve();
    let mut turns = 0;
    let mut stopped = Ok(());
    let found = source.series_while(measurement, predicate, &mut |bytes| {
        // What takes no memory takes time.
        let check = if bytes == 0 { context.check() } else { check_sometimes(turns, context) };
        turns += 1;
        stopped = check.and_then(|()| Ok(memory.grow(bytes)?));
        if stopped.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    stopped?;
    Ok(FoundSeries { series: found.unwrap_or_default(), _memory: memory })
}

/// Passes the series of a measurement for which `predicate` holds to `visit`, in the order of their keys, until it breaks or fails.
pub(super) fn for_each_series(
    source: &dyn Source,
    measurement: &[u8],
    predicate: &SeriesPredicate,
    context: &StatementContext<'_>,
    visit: &mut dyn FnMut(SeriesRef) -> Result<ControlFlow<()>, StatementError>,
) -> Result<(), StatementError> {
    let mut turns = 0;
    let mut failed = Ok(());
    let _ = source.for_each_series(measurement, predicate, &mut |series| {
        // What finds nothing takes time.
        let check = if series.is_none() { context.check() } else { check_sometimes(turns, context) };
        turns += 1;
        match check.and_then(|()| series.map_or(Ok(ControlFlow::Continue(())), &mut *visit)) {
            Ok(flow) => flow,
            Err(error) => {
                failed = Err(error);
                ControlFlow::Break(())
            }
        }
    });
    failed
}

/// Returns the wanted tag keys with their values in the series of a measurement for which `predicate` holds, in byte order. Charges
/// `tag_bytes` and its own bytes for each to the statement.
pub(super) fn find_tag_values(
    source: &dyn Source,
    measurement: &[u8],
    predicate: &SeriesPredicate,
    is_wanted: &dyn Fn(&Text) -> bool,
    tag_bytes: usize,
    context: &StatementContext<'_>,
) -> Result<Vec<(Text, Text)>, StatementError> {
    let mut turns = 0;
    let mut stopped = Ok(());
    let found = source.tag_values_while(measurement, predicate, is_wanted, &mut |bytes| {
        turns += 1;
        stopped = check_sometimes(turns, context);
        if bytes > 0 && stopped.is_ok() {
            stopped = context.charge(tag_bytes + bytes);
        }
        if stopped.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    stopped?;
    Ok(found.unwrap_or_default())
}

/// Checks in a loop over series whether the statement must stop, rarely enough to cost nothing. `n` counts the turns.
pub(super) fn check_sometimes(n: usize, context: &StatementContext<'_>) -> Result<(), StatementError> {
    if n.is_multiple_of(CHECK_EVERY) { context.check() } else { Ok(()) }
}
