//! What a server does for the tests of clients, if it is allowed to be controlled: it records requests, spoils answers on purpose, and
//! has endpoints that move its clock and drop everything.
//!
//! | file | what it holds |
//! |---|---|
//! | `fault` | what a script says: which request is spoilt, and how |
//! | `faults` | the faults of a server, and how many requests each has matched |
//! | `received` | a request as the log and the faults see it, and the log |
//! | `spoil` | answers that are not what they should be |
//! | `endpoints`, `controls` | the paths below `/fluxstone/`, and the same from within the process |

mod controls;
mod endpoints;
mod fault;
mod faults;
mod received;
mod spoil;

pub use controls::Controls;
pub(super) use endpoints::{ControlEndpoint, ControlError, answer};
pub use fault::{Action, Cut, Delay, Fault, FaultError, FixedAnswer, Script, StorePart};
pub use faults::TooManyFaults;
pub use received::Received;
pub(super) use spoil::{spoil, stand_in};

use hyper::http::request::Parts;
use parking_lot::Mutex;

use super::body::{BodyLimits, RequestBody};
use super::head::Target;
use faults::Faults;
use received::{BODY_BYTES_MAX, RequestLog};

/// The state of a server that may be controlled.
#[derive(Debug)]
pub(super) struct Control {
    faults: Mutex<Faults>,
    log: Mutex<RequestLog>,
    /// One client moves the clock, or drops everything, at a time.
    turn: tokio::sync::Mutex<()>,
}

impl Control {
    pub(super) fn new(script: Script) -> Control {
        Control { faults: Mutex::new(Faults::new(script)), log: Mutex::default(), turn: tokio::sync::Mutex::new(()) }
    }

    fn clear_faults(&self) {
        *self.faults.lock() = Faults::default();
    }

    fn clear_requests(&self) {
        *self.log.lock() = RequestLog::default();
    }

    /// Records a request, of whose body it reads the beginning, and returns the fault that it meets.
    pub(super) async fn receive(
        &self,
        parts: &Parts,
        target: &Target,
        body: &mut RequestBody,
        limits: BodyLimits,
    ) -> Option<Fault> {
        body.peek(BODY_BYTES_MAX, limits).await;
        let received = Received::new(parts, target, body.peeked());
        let fault = self.faults.lock().meet(&received);
        self.log.lock().add(received);
        fault
    }
}
