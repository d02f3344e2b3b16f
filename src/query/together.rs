//! Evaluates the reductions of a query together: one series after another rather than one call after another, so that what leads to
//! the blocks of a series is read once, however many of its fields are asked for.

use std::collections::VecDeque;

use super::budget::Reservation;
use super::calls::{CallInput, CallNode, Output, StreamExpr};
use super::error::QueryError;
use super::functions::{Function, TimedValue};
use super::group_run::{GroupRun, Stream};
use super::reduce::{STATES_MAX, WindowStates};

/// The number of fields whose blocks are looked up at once.
const FIELDS_AT_ONCE: usize = 64;

/// The results of some calls over the whole range of the query, until each is taken.
#[derive(Default)]
pub(super) struct Ready<'r>(VecDeque<(&'r CallNode, Vec<TimedValue>, Reservation)>);

impl<'r> Ready<'r> {
    /// Evaluates the calls of a query that can be evaluated together, if there are several.
    pub(super) fn new(run: GroupRun<'r>) -> Result<Ready<'r>, QueryError> {
        let mut calls = Vec::new();
        for output in &run.calls.outputs {
            if let Output::Stream(expr) = output {
                gather(expr, &mut calls);
            }
        }
        let range = run.plan.range;
        let windows = run.plan.windows.map_or(1, |windows| windows.count(range));
        let is_limited = run.plan.windows.is_some() && run.plan.limits.limit > 0;
        if calls.len() < 2 || is_limited || windows.saturating_mul(calls.len() as u64) > STATES_MAX {
            return Ok(Ready::default());
        }
        let mut states: Vec<(&CallNode, WindowStates<'r>)> = Vec::with_capacity(calls.len());
        for call in calls {
            states.extend(WindowStates::of(run, call).map(|states| (call, states)));
        }
        for (number, member) in run.series_in_order() {
            for states in states.chunks_mut(FIELDS_AT_ONCE) {
                run.execution.go_on()?;
                let names: Vec<&[u8]> = states.iter().map(|(_, states)| states.field()).collect();
                let blocks = member.source.blocks_of_fields(member.series.id, &names, range);
                for ((_, states), blocks) in states.iter_mut().zip(blocks) {
                    states.add_series(number, member, range, Some(blocks))?;
                }
            }
        }
        let finish = |(call, states): (&'r CallNode, WindowStates<'r>)| {
            let (results, memory) = states.results()?;
            Ok((call, results, memory))
        };
        let ready: Result<_, QueryError> = states.into_iter().map(finish).collect();
        ready.map(Ready)
    }

    /// Returns the results of a call over the range of the query, if they are here.
    pub(super) fn take(&mut self, call: &CallNode) -> Option<Stream<'r>> {
        // They are mostly taken in order.
        let at = self.0.iter().position(|(ready, ..)| std::ptr::eq(*ready, call))?;
        let (_, results, memory) = self.0.remove(at)?;
        Some(Box::new(results.into_iter().map(move |point| {
            let _held = &memory;
            Ok(point)
        })))
    }
}

/// Collects the reductions of an expression that read one field of points.
fn gather<'r>(expr: &'r StreamExpr, calls: &mut Vec<&'r CallNode>) {
    match expr {
        StreamExpr::Call(call) => {
            if let (Function::Reduce(_), CallInput::Points { reads, .. }) = (&call.function, &call.input)
                && reads.fields.len() == 1
            {
                calls.push(call);
            }
        }
        StreamExpr::Literal(_) => {}
        StreamExpr::Binary { lhs, rhs, .. } => {
            gather(lhs, calls);
            gather(rhs, calls);
        }
    }
}
