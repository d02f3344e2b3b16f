//! How an answer is encoded: what the request asks for and what the server's settings say.

use fluxstone_compat::{AnswerSemantics, CsvNullCells};
use fluxstone_model::{TimeUnit, Timestamp};

/// Bytes of an answer that are collected before they are sent.
const HELD_BYTES: usize = 64 << 10;

/// The same in the profile `1.2.4`, in which the end of an answer can replace all of it.
const HELD_BYTES_OBSERVED: usize = 16 << 20;

/// How an answer is encoded.
#[derive(Debug, Clone, Copy)]
pub struct AnswerOptions {
    /// CSV rather than JSON.
    pub csv: bool,
    /// Indent the JSON.
    pub pretty: bool,
    /// Make several documents: pieces of one series share one as long as it has fewer than `chunk_rows` rows.
    pub chunked: bool,
    /// The rows of a document of a chunked answer.
    pub chunk_rows: usize,
    /// The unit that times are counted in. `None` is RFC 3339 in JSON, and nanoseconds in CSV.
    pub epoch: Option<TimeUnit>,
    /// Rows of an answer that is not chunked; `None` is unlimited.
    pub rows_max: Option<usize>,
    /// Whose habits to follow.
    pub semantics: AnswerSemantics,
    /// The text of null cells in CSV.
    pub csv_null_cells: CsvNullCells,
}

impl AnswerOptions {
    /// Bytes that are kept back, since a later error may replace them.
    pub(super) fn held_bytes(&self) -> usize {
        if self.semantics.infinity_in_json { HELD_BYTES_OBSERVED } else { HELD_BYTES }
    }

    /// The number for a time, rounded towards zero; nanoseconds if no unit was asked for.
    pub(super) fn count(&self, time: Timestamp) -> i64 {
        self.epoch.map_or(time.0, |unit| time.0 / unit.nanos())
    }
}
