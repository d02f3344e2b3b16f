//! What planning takes: memory that is charged as the plan grows, and time, which ends when the answer is no longer wanted.

use super::budget::Reservation;
use super::error::QueryError;

/// How much work is done between questions whether to go on.
const UNASKED_MAX: usize = 256;

/// The costs of planning a query.
pub(super) struct Costs<'p> {
    memory: Reservation,
    go_on: &'p dyn Fn() -> Result<(), QueryError>,
    unasked: usize,
}

impl<'p> Costs<'p> {
    pub(super) fn new(memory: Reservation, go_on: &'p dyn Fn() -> Result<(), QueryError>) -> Costs<'p> {
        Costs { memory, go_on, unasked: 0 }
    }

    /// Charges a part of the plan.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.memory.grow(bytes)?;
        self.step()
    }

    /// Counts a step, and asks from time to time whether to go on.
    pub(super) fn step(&mut self) -> Result<(), QueryError> {
        self.unasked += 1;
        if self.unasked < UNASKED_MAX {
            return Ok(());
        }
        self.unasked = 0;
        (self.go_on)()
    }

    /// Returns the reservation of the finished plan.
    pub(super) fn into_memory(self) -> Reservation {
        self.memory
    }
}
