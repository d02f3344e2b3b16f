//! The values that modules of the server count, as plain data, and those who count outside of the engine.

use std::fmt;

use fluxstone_query::Value;
use parking_lot::Mutex;

/// The values of a module.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The module.
    pub name: &'static str,
    /// What tells it from others of the same name, by key.
    pub tags: Vec<(&'static str, String)>,
    /// Sorted by name.
    pub values: Vec<(&'static str, Value)>,
}

impl Statistics {
    /// A module without tags.
    pub(super) fn of(name: &'static str, values: &[(&'static str, Value)]) -> Statistics {
        Statistics { name, tags: Vec::new(), values: values.to_vec() }
    }
}

/// Points of requests to write, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WrittenPoints {
    /// Stored.
    pub stored: u64,
    /// Left out of a request of which others were stored.
    pub dropped: u64,
    /// Of requests that failed as a whole.
    pub failed: u64,
}

/// Returns what somebody counts, or nothing any more.
type Source = Box<dyn Fn() -> Option<Statistics> + Send + Sync>;

/// Those who count something beside the engine.
#[derive(Default)]
pub(super) struct Sources(Mutex<Vec<Source>>);

impl Sources {
    pub(super) fn add(&self, source: Source) {
        self.0.lock().push(source);
    }

    /// What they count now.
    pub(super) fn all(&self) -> Vec<Statistics> {
        self.0.lock().iter().filter_map(|source| source()).collect()
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sources", self.0.lock().len())
    }
}
