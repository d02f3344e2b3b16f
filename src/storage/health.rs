//! The health of a store: whether it accepts changes, and what is wrong if it does not, for operators.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::damaged_segment::DamagedSegment;

/// Whether a store accepts changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It does.
    #[default]
    Writable,
    /// It does not while the disk of the log is full.
    DiskFull,
    /// It does not until it is opened again.
    ReadOnly,
}

impl Mode {
    /// Returns the name that operators read.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Writable => "writable",
            Mode::DiskFull => "disk-full",
            Mode::ReadOnly => "read-only",
        }
    }
}

/// The health of a store at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreHealth {
    /// Whether it accepts changes.
    pub mode: Mode,
    /// Why it does not.
    pub reason: Option<String>,
    /// Why the last attempt at moving values from memory to files failed; `None` if it did not.
    pub sealing_error: Option<String>,
    /// The number of panics of storage threads.
    pub panics: u64,
    /// The segment files that the store was opened without, and those of which a part has turned out to be damaged.
    pub damaged_segments: Vec<DamagedSegment>,
}

/// What the threads of a store know about its health.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    mode: Mutex<(Mode, Option<String>)>,
    panics: AtomicU64,
}

impl Condition {
    pub(crate) fn mode(&self) -> Mode {
        self.mode.lock().0
    }

    /// Changes the mode, unless the store is read-only. Returns whether it was different before.
    pub(crate) fn set(&self, mode: Mode, reason: Option<String>) -> bool {
        let mut current = self.mode.lock();
        let changes = current.0 != mode && current.0 != Mode::ReadOnly;
        if changes {
            *current = (mode, reason);
        }
        changes
    }

    pub(crate) fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn health(&self, sealing_error: Option<String>, damaged_segments: Vec<DamagedSegment>) -> StoreHealth {
        let (mode, reason) = self.mode.lock().clone();
        let panics = self.panics.load(Ordering::Relaxed);
        StoreHealth { mode, reason, sealing_error, panics, damaged_segments }
    }
}
