//! Finding the series that a statement lists or deletes: each is charged to the memory of the request before the next is found, and
//! the statement can be stopped in between.

use std::ops::ControlFlow;

use fluxstone_columns::{SeriesPredicate, SeriesRef, Source};
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

/// Checks in a loop over series whether the statement must stop, rarely enough to cost nothing. `n` counts the turns.
pub(super) fn check_sometimes(n: usize, context: &StatementContext<'_>) -> Result<(), StatementError> {
    if n.is_multiple_of(CHECK_EVERY) { context.check() } else { Ok(()) }
}
