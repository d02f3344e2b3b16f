//! The clauses of the specification as invariants of the model.

use super::committer::Mode;
use super::contents::{Frame, expected};
use super::disk::{Content, Name};
use super::opening::{found_at_worst, is_newest_complete};
use super::{Durability, Loss, Phase, Running, State};

/// A clause that every state keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clause {
    /// `storage.durability.1`: acknowledged changes survive.
    AcknowledgedSurvives,
    /// `storage.durability.2`: each change is there completely or not at all.
    NothingInPart,
    /// `storage.durability.3`, `storage.checkpoint.4`: the server starts.
    Starts,
    /// `storage.durability.4`: after a failure of the log nothing is acknowledged.
    ReadOnlyAfterFailure,
    /// `storage.durability.6`: queries see exactly the acknowledged changes.
    AcknowledgedIsVisible,
    /// `storage.durability.7`: files of a failed sealing are removed.
    NoFilesLeft,
    /// `storage.durability.9`: nothing is acknowledged or visible before it is synced.
    DurableBeforeVisible,
    /// `storage.durability.12`: a full disk leaves the log as it was.
    FullDiskLeavesLog,
    /// `storage.checkpoint.3`: a checkpoint gets its name after everything that it lists is durable.
    NewestIsComplete,
}

impl Clause {
    /// All clauses.
    pub const ALL: [Clause; 9] = [
        Clause::AcknowledgedSurvives,
        Clause::NothingInPart,
        Clause::Starts,
        Clause::ReadOnlyAfterFailure,
        Clause::AcknowledgedIsVisible,
        Clause::NoFilesLeft,
        Clause::DurableBeforeVisible,
        Clause::FullDiskLeavesLog,
        Clause::NewestIsComplete,
    ];
}

impl Durability {
    /// Whether a state keeps a clause.
    pub fn keeps(&self, state: &State, clause: Clause) -> bool {
        let running = if let Phase::Running(running) = &state.phase { Some(&**running) } else { None };
        match clause {
            // spec: storage.durability.1
            Clause::AcknowledgedSurvives => state.lost != Some(Loss::Acknowledged),
            // spec: storage.durability.2
            Clause::NothingInPart => state.lost != Some(Loss::Partial),
            // spec: storage.durability.3, storage.checkpoint.4
            Clause::Starts => state.phase != Phase::Refused,
            // spec: storage.durability.4
            Clause::ReadOnlyAfterFailure => state.failed_at.is_none_or(|count| count == state.acknowledged),
            // spec: storage.durability.6
            Clause::AcknowledgedIsVisible => {
                running.is_none_or(|running| running.memory.values() == expected(&state.changes[..state.acknowledged]))
            }
            // spec: storage.durability.7
            Clause::NoFilesLeft => running.is_none_or(|running| has_no_files_left(state, running)),
            // spec: storage.durability.9
            Clause::DurableBeforeVisible => {
                running.is_none() || found_at_worst(&state.disk).is_none_or(|found| found >= state.acknowledged)
            }
            // spec: storage.durability.12
            Clause::FullDiskLeavesLog => running.is_none_or(|running| is_log_as_it_was(state, running)),
            // spec: storage.checkpoint.3
            Clause::NewestIsComplete => {
                let is_damaged = state.left.damages < self.bounds.damages;
                is_damaged || running.is_some() || is_newest_complete(&state.disk)
            }
        }
    }

    /// Whether changes were accepted again after the log was full, as `storage.durability.12` demands.
    pub fn has_recovered(state: &State) -> bool {
        state.has_recovered
    }
}

/// Between two attempts of the sealer, there are no files that no checkpoint lists, unless removing one failed.
fn has_no_files_left(state: &State, running: &Running) -> bool {
    let sealer = &running.sealer;
    let names: Vec<Name> = state.disk.names().collect();
    let is_between = sealer.is_waiting() || sealer.is_idle();
    !is_between || sealer.has_left_files || sealer.unlisted(&names).is_empty()
}

/// While the committer waits for space, and after that, the log has no unfinished frame.
fn is_log_as_it_was(state: &State, running: &Running) -> bool {
    let committer = &running.committer;
    let is_waiting = committer.mode == Mode::DiskFull && committer.is_between_attempts();
    let Some(Content::Log(frames)) = state.disk.read(committer.log()) else { return true };
    !is_waiting || (frames.len() == committer.frames && !frames.contains(&Frame::Torn))
}
