//! The memory of writes that are under way: from the moment a write reserves memory until its record is applied, and its values
//! count as those of memtables.
//!
//! Invariant: a reservation is released exactly once, by dropping it, whatever becomes of the write.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

/// The memory that all writes under way have reserved.
#[derive(Debug, Default)]
pub(crate) struct WriteMemory {
    /// In bytes.
    reserved: Mutex<usize>,
    released: Condvar,
}

/// Memory for a write. Dropping it releases the memory.
#[derive(Debug)]
pub struct Reservation {
    memory: Arc<WriteMemory>,
    bytes: usize,
}

/// The total of all reservations, which does not change while this exists.
pub(crate) struct ReservedTotal<'m> {
    memory: &'m Arc<WriteMemory>,
    total: MutexGuard<'m, usize>,
}

impl WriteMemory {
    /// Locks the total.
    pub(crate) fn lock(self: &Arc<Self>) -> ReservedTotal<'_> {
        ReservedTotal { memory: self, total: self.reserved.lock() }
    }
}

impl ReservedTotal<'_> {
    /// The bytes that others than `own` have reserved.
    pub(crate) fn without(&self, own: &Reservation) -> usize {
        self.total.saturating_sub(own.bytes)
    }

    /// All bytes that are reserved.
    pub(crate) fn total(&self) -> usize {
        *self.total
    }

    /// Reserves memory.
    pub(crate) fn reserve(mut self, bytes: usize) -> Reservation {
        *self.total += bytes;
        Reservation { memory: self.memory.clone(), bytes }
    }

    /// Changes the size of a reservation.
    pub(crate) fn resize(mut self, reservation: &mut Reservation, bytes: usize) {
        *self.total = *self.total - reservation.bytes + bytes;
        if bytes < reservation.bytes {
            self.memory.released.notify_all();
        }
        reservation.bytes = bytes;
    }

    /// Waits until a reservation is released, or `deadline`. Returns `false` if it has passed.
    pub(crate) fn wait_until(mut self, deadline: Instant) -> bool {
        !self.memory.released.wait_until(&mut self.total, deadline).timed_out()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        *self.memory.reserved.lock() -= self.bytes;
        self.memory.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_follows_reservations() {
        let memory = Arc::new(WriteMemory::default());
        let mut first = memory.lock().reserve(10);
        let second = memory.lock().reserve(5);
        assert_eq!(memory.lock().total(), 15);
        assert_eq!(memory.lock().without(&first), 5);
        memory.lock().resize(&mut first, 2);
        assert_eq!(memory.lock().total(), 7);
        drop(second);
        drop(first);
        assert_eq!(memory.lock().total(), 0);
        assert!(!memory.lock().wait_until(Instant::now()));
    }
}
