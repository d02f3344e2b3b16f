//! What was measured with one data set: the input of the table and of the targets.

use serde::Serialize;

use super::data::Kind;
use super::load::Load;
use super::queries::Answered;
use super::statistics;

/// The costs of one data set on both servers.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SetOutcome {
    pub(super) kind: Kind,
    pub(super) rows: usize,
    /// The number of fields of each row.
    pub(super) fields: usize,
    /// The size of the line protocol.
    pub(super) bytes: u64,
    /// Fluxstone's load and the peer's.
    pub(super) loads: [Load; 2],
    pub(super) queries: Vec<Answered>,
}

impl SetOutcome {
    /// Returns how many times as much the peer needed as Fluxstone.
    pub(super) fn ratio(&self, of: impl Fn(&Load) -> Option<f64>) -> Option<f64> {
        statistics::ratio(of(&self.loads[0]), of(&self.loads[1]))
    }
}
