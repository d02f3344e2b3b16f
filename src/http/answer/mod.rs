//! The document that answers a query: pieces of results go in, bytes that may be sent come out.
//!
//! An answer is encoded piece by piece and leaves in bounded memory. Since a later error can replace the result that it
//! belongs to, the last bytes are held back for a while; what the profile `1.2.4` needs to see whole is held back longer.

mod csv;
mod json;

use std::ops::ControlFlow;

use csv::CsvAnswer;
use fluxstone_compat::{AnswerSemantics, CsvNullCells};
use fluxstone_engine::StatementResult;
use fluxstone_model::Timestamp;
use json::JsonAnswer;

/// Bytes of an answer that wait for more before they are sent.
const HELD_BYTES: usize = 64 << 10;

/// The same in the profile `1.2.4`, which changes its mind about what was answered long before.
const HELD_BYTES_OBSERVED: usize = 16 << 20;

/// How an answer is written.
#[derive(Debug, Clone, Copy)]
pub struct AnswerOptions {
    /// CSV rather than JSON.
    pub csv: bool,
    /// JSON is indented.
    pub pretty: bool,
    /// Each piece is a document of its own.
    pub chunked: bool,
    /// How times are written.
    pub epoch: Epoch,
    /// Rows of an answer that is not chunked; none is no limit.
    pub rows_max: Option<usize>,
    /// Whose habits to follow.
    pub semantics: AnswerSemantics,
    /// What a null cell of a CSV answer holds.
    pub csv_null_cells: CsvNullCells,
}

impl AnswerOptions {
    fn held_bytes(&self) -> usize {
        if self.semantics.infinity_in_json { HELD_BYTES_OBSERVED } else { HELD_BYTES }
    }
}

/// How times are written: the `epoch` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epoch {
    /// None was asked for: RFC 3339 in JSON, nanoseconds in CSV.
    Default,
    /// Whole units since 1970, each of so many nanoseconds.
    Units(i64),
}

impl Epoch {
    /// Reads the parameter. Unknown units are nanoseconds.
    pub fn from_parameter(text: &str, semantics: AnswerSemantics) -> Epoch {
        Epoch::Units(match text.trim() {
            "" => return Epoch::Default,
            "u" => 1_000,
            "µ" if !semantics.epoch_micro_sign => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => 1,
        })
    }

    /// The number for a time, cut towards zero; nanoseconds if none was asked for.
    fn count(self, time: Timestamp) -> i64 {
        match self {
            Epoch::Default => time.0,
            Epoch::Units(nanos) => time.0 / nanos,
        }
    }
}

/// An answer while it is written.
#[derive(Debug)]
pub struct Answer {
    document: Document,
    limit: RowLimit,
}

#[derive(Debug)]
enum Document {
    Json(JsonAnswer),
    Csv(CsvAnswer),
}

impl Answer {
    /// An answer without any results yet.
    pub fn new(options: AnswerOptions) -> Answer {
        let document =
            if options.csv { Document::Csv(CsvAnswer::new(options)) } else { Document::Json(JsonAnswer::new(options)) };
        let rows = options.rows_max.filter(|_| !options.chunked);
        let overruns = options.semantics.row_limit_overrun;
        Answer { document, limit: RowLimit { rows, overruns, reached: false } }
    }

    /// Adds a piece. Breaks when no more are wanted.
    pub fn add(&mut self, mut piece: StatementResult) -> ControlFlow<()> {
        let next = self.limit.cut(&mut piece)?;
        match &mut self.document {
            Document::Json(json) => json.add(piece),
            Document::Csv(csv) => csv.add(piece),
        }
        next
    }

    /// The bytes that may be sent now, if it is worth while.
    pub fn ready(&mut self) -> Option<Vec<u8>> {
        match &mut self.document {
            Document::Json(json) => json.ready(),
            Document::Csv(csv) => csv.ready(),
        }
    }

    /// Ends the document and returns the rest of its bytes.
    pub fn finish(self) -> Vec<u8> {
        match self.document {
            Document::Json(json) => json.finish(),
            Document::Csv(csv) => csv.finish(),
        }
    }
}

/// `max-row-limit`: rows over all series and statements of an answer.
#[derive(Debug)]
struct RowLimit {
    /// How many more rows may come; none is no limit.
    rows: Option<usize>,
    /// Whether a statement runs, unseen, after one that met the limit.
    overruns: bool,
    reached: bool,
}

impl RowLimit {
    /// Cuts `piece` to what is left. Fails if nothing of it is wanted; else says whether more are.
    fn cut(&mut self, piece: &mut StatementResult) -> ControlFlow<(), ControlFlow<()>> {
        if self.reached {
            return ControlFlow::Break(());
        }
        let (Some(left), Some(series)) = (&mut self.rows, &mut piece.series) else {
            return ControlFlow::Continue(ControlFlow::Continue(()));
        };
        let rows = series.row_count();
        if rows > *left {
            series.cells.truncate(*left * series.columns.len());
            series.more_rows = true;
        }
        *left = left.saturating_sub(rows);
        self.reached = *left == 0;
        let goes_on = !self.reached || (self.overruns && !piece.more);
        ControlFlow::Continue(if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }
}

#[cfg(test)]
mod tests;
