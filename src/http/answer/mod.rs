//! The document that answers a query: pieces of results go in, bytes that may be sent come out.
//!
//! An answer is encoded piece by piece, in bounded memory. Since a later error can replace the result that it belongs to, the
//! latest bytes are held back for a while; the profile `1.2.4`, which can replace the whole answer, holds back more.
//! Sending the bytes is left to `stream`.

mod csv;
mod json;
mod label_texts;
mod options;

use std::ops::ControlFlow;

use csv::CsvAnswer;
use fluxstone_engine::StatementResult;
use fluxstone_model::Clause;
use json::JsonAnswer;
pub use options::AnswerOptions;

/// An answer that is being encoded.
#[derive(Debug)]
pub struct Answer {
    document: Document,
    limit: RowLimit,
    /// Of the first error.
    clause: Option<Clause>,
}

#[derive(Debug)]
enum Document {
    Json(Box<JsonAnswer>),
    Csv(CsvAnswer),
}

impl Answer {
    /// Begins an answer.
    pub fn new(options: AnswerOptions) -> Answer {
        let document = if options.csv {
            Document::Csv(CsvAnswer::new(options))
        } else {
            Document::Json(Box::new(JsonAnswer::new(options)))
        };
        let rows = options.rows_max.filter(|_| !options.chunked);
        let overruns = options.semantics.row_limit_overrun;
        Answer { document, limit: RowLimit { rows, overruns, reached: false }, clause: None }
    }

    /// Adds a piece of a result. Breaks when no further pieces are wanted.
    pub fn add(&mut self, mut piece: StatementResult) -> ControlFlow<()> {
        let next = self.limit.cut(&mut piece)?;
        self.clause = self.clause.or(piece.clause);
        match &mut self.document {
            Document::Json(json) => json.add(piece),
            Document::Csv(csv) => csv.add(piece),
        }
        next
    }

    /// The clause of the first error so far.
    pub fn clause(&self) -> Option<Clause> {
        self.clause
    }

    /// Takes the bytes that may be sent, if there are enough of them.
    pub fn ready(&mut self) -> Option<Vec<u8>> {
        match &mut self.document {
            Document::Json(json) => json.ready(),
            Document::Csv(csv) => csv.ready(),
        }
    }

    /// Ends the document and returns its remaining bytes.
    pub fn finish(self) -> Vec<u8> {
        match self.document {
            Document::Json(json) => json.finish(),
            Document::Csv(csv) => csv.finish(),
        }
    }
}

/// `max-row-limit`: the rows of all series and statements of an answer together.
#[derive(Debug)]
struct RowLimit {
    /// How many more rows may come; `None` is unlimited.
    rows: Option<usize>,
    /// Whether the statement after the one that reached the limit still runs, although its result is not shown.
    overruns: bool,
    reached: bool,
}

impl RowLimit {
    /// Cuts `piece` to the rows that are left. Breaks if none of it is wanted; otherwise says whether more pieces are.
    fn cut(&mut self, piece: &mut StatementResult) -> ControlFlow<(), ControlFlow<()>> {
        if self.reached {
            return ControlFlow::Break(());
        }
        let (Some(left), Some(series)) = (&mut self.rows, &mut piece.series) else {
            return ControlFlow::Continue(ControlFlow::Continue(()));
        };
        let rows = series.row_count();
        if rows > *left {
            series.truncate(*left);
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
