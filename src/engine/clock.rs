//! The source of the current time.

use std::time::{Instant, SystemTime};

use fluxstone_model::Timestamp;

/// A source of the current time. Tests use one that they set.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// The time of a clock that is never set, for timeouts.
    fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // Before 1970 or after 2262 the clock is wrong anyway, so the nearest representable time is good enough.
        let nanos = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
        };
        Timestamp(nanos).clamp(Timestamp::MIN, Timestamp::MAX)
    }
}
