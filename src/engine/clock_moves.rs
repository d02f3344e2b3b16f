//! Moving the clock of a test, which runs what becomes due on the way, and starting over with nothing stored.

use std::sync::atomic::AtomicBool;

use fluxstone_catalog::Change;
use fluxstone_model::Timestamp;
use fluxstone_storage::StorageError;

use super::clock::{Clock, ClockMove, ClockSetting, SettableClock};
use super::continuous_queries::ContinuousQueries;
use super::{Core, Engine};

/// The most times at which continuous queries run during one move. What becomes due after so many is made up for in the last run.
const STOPS_MAX: usize = 10_000;

/// Why the clock was not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It is the clock of the operating system.
    #[error("the clock cannot be set")]
    NotSettable,
    /// Expired data could not be dropped. The clock may have been moved.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Engine {
    /// The source of the current time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.core.clock
    }

    /// Moves the clock. Continuous queries run at each time on the way at which one is due, and expired data are dropped then, as if
    /// the time had passed; all of it is done when this returns.
    pub fn move_clock(&self, to: ClockMove) -> Result<(), MoveError> {
        let clock = self.core.clock.settable().ok_or(MoveError::NotSettable)?;
        let mut queries = self.core.continuous_queries.lock();
        self.core.run_what_is_due(&mut queries)?;
        let (hands, target) = clock.after(to);
        for _ in 0..STOPS_MAX {
            let next = self.core.next_run_of(&mut queries, clock.now());
            let Some(stop) = next.filter(|&stop| stop > clock.now() && stop < target) else { break };
            clock.put(clock.after(stop_at(clock, stop)).0);
            self.core.run_what_is_due(&mut queries)?;
        }
        clock.put(hands);
        self.core.run_what_is_due(&mut queries)?;
        Ok(())
    }

    /// Drops all databases and users in one change, forgets when continuous queries ran, and starts a clock that can be set again.
    pub fn reset(&self) -> Result<(), MoveError> {
        let core = &self.core;
        let mut queries = core.continuous_queries.lock();
        core.change(|catalog, transaction| {
            let mut changes = Vec::new();
            for database in catalog.databases() {
                transaction.drop_database(database.id);
                changes.push(Change::DropDatabase { id: database.id });
            }
            changes.extend(catalog.users().iter().map(|user| Change::DropUser { name: user.name.clone() }));
            Ok::<_, StorageError>(changes)
        })?;
        core.passwords.retain(|_| false);
        *queries = ContinuousQueries::default();
        if let Some(clock) = core.clock.settable() {
            clock.restart();
        }
        Ok(())
    }
}

/// A clock that runs is set to the stop, and runs on from there; the last move puts it right.
fn stop_at(clock: &SettableClock, stop: Timestamp) -> ClockMove {
    if clock.stands_still() { ClockMove::To(stop) } else { ClockMove::Restart(ClockSetting::From(stop)) }
}

impl Core {
    /// Whether time passes only when somebody moves the clock, which then runs what is due.
    pub(super) fn time_stands_still(&self) -> bool {
        self.clock.settable().is_some_and(SettableClock::stands_still)
    }

    /// Runs the services that are enabled once.
    fn run_what_is_due(&self, queries: &mut ContinuousQueries) -> Result<(), StorageError> {
        if self.options.continuous_queries.run_interval_ns > 0 {
            self.run_continuous_queries(queries, &AtomicBool::new(false));
        }
        if self.options.retention_check_ns > 0 {
            self.drop_expired()?;
        }
        if self.options.shard_precreation.check_ns > 0 {
            self.create_groups_ahead()?;
        }
        Ok(())
    }

    /// When the next continuous query is due, if any runs.
    fn next_run_of(&self, queries: &mut ContinuousQueries, now: Timestamp) -> Option<Timestamp> {
        if self.options.continuous_queries.run_interval_ns == 0 {
            return None;
        }
        queries.next_run(&self.catalog.visible(), now, self.memory_of_runs())
    }
}
