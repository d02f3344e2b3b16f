//! Control from within the process, by whoever owns the server.

use std::sync::Arc;

use fluxstone_engine::{ClockMove, MoveError};
use fluxstone_model::Timestamp;

use super::super::api::Api;
use super::super::context::ServerContext;
use super::fault::Script;
use super::faults::TooManyFaults;
use super::received::Received;

/// Controls a server without a connection to it. Keeps its engine open.
#[derive(Debug)]
pub struct Controls<A> {
    context: Arc<ServerContext<A>>,
}

impl<A: Api> Controls<A> {
    pub(in super::super) fn new(context: Arc<ServerContext<A>>) -> Controls<A> {
        Controls { context }
    }

    /// The time of the server's clock.
    pub fn now(&self) -> Timestamp {
        self.context.api.clock().now()
    }

    /// Moves the clock. Returns when all that became due has run.
    pub fn move_clock(&self, to: ClockMove) -> Result<(), MoveError> {
        self.context.api.move_clock(to)
    }

    /// Adds faults behind those that there are, all or none.
    pub fn add_faults(&self, script: Script) -> Result<(), TooManyFaults> {
        self.context.control.as_ref().map_or(Ok(()), |control| control.faults.lock().add(script))
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        if let Some(control) = &self.context.control {
            control.clear_faults();
        }
    }

    /// The latest requests, the oldest first, without those that control the server.
    pub fn requests(&self) -> Vec<Received> {
        self.context.control.as_ref().map(|control| control.log.lock().requests()).unwrap_or_default()
    }

    /// Forgets all requests.
    pub fn clear_requests(&self) {
        if let Some(control) = &self.context.control {
            control.clear_requests();
        }
    }

    /// Drops all databases, users, faults and requests, and starts the clock again.
    pub fn reset(&self) -> Result<(), MoveError> {
        self.context.api.reset()?;
        self.clear_faults();
        self.clear_requests();
        Ok(())
    }
}
