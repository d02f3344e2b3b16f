//! The form of answers.

use fluxstone::compat::{AnswerSemantics, CsvNullCells};
use fluxstone::http::AnswerOptions;

/// Compact JSON with times as text.
pub(crate) const COMPACT: AnswerOptions = AnswerOptions {
    csv: false,
    pretty: false,
    chunked: false,
    chunk_rows: 10_000,
    epoch: None,
    rows_max: None,
    semantics: AnswerSemantics::DOCUMENTED,
    csv_null_cells: CsvNullCells::Repeat,
};
