//! The part of a query's rows that a page shows. Whatever the query returns, this much is kept and no more.

use std::ops::ControlFlow;

use fluxstone_engine::StatementResult;
use fluxstone_explorer::{Cell, Problem, Series, StatementAnswer};
use fluxstone_query::{SeriesRows, Value};

use crate::parameters::to_text;

/// The most characters of a cell. The rest is left out, as three dots say.
const CELL_CHARS_MAX: usize = 2_000;

/// The most characters of a name.
const NAME_CHARS_MAX: usize = 200;

/// The most columns of a row.
const COLUMNS_MAX: usize = 1_000;

/// The most bytes of a page's cells and names: less than its HTML, which has tags around each cell.
const BYTES_MAX: usize = 512 << 10;

/// Shows that something is left out.
const CUT: &str = "...";

/// What a cell takes besides its text.
const CELL_BYTES: usize = 40;

/// The most series of a page.
const SERIES_MAX: usize = 1_000;

/// Which rows a page shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Rows before the first one, of all series together.
    pub(super) rows_before: usize,
    /// The most rows.
    pub(super) rows_max: usize,
    /// The most rows of all pages together: `max-row-limit`.
    pub(super) limit: Option<usize>,
}

/// The rows that a page shows.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) answers: Vec<StatementAnswer>,
    pub(super) rows: usize,
    pub(super) has_more: bool,
}

/// Collects the rows of one page.
#[derive(Debug)]
pub(super) struct Collector {
    part: Part,
    /// Whether the query may end as soon as the page is full: it changes nothing.
    only_reads: bool,
    seen: usize,
    bytes: usize,
    series: usize,
    collected: Collected,
}

impl Collector {
    pub(super) fn new(part: Part, only_reads: bool) -> Collector {
        Collector { part, only_reads, seen: 0, bytes: 0, series: 0, collected: Collected::default() }
    }

    /// Adds a piece of a result. Breaks when no further pieces are wanted.
    pub(super) fn add(&mut self, piece: StatementResult) -> ControlFlow<()> {
        let is_new = self.collected.answers.last().is_none_or(|last| last.number != piece.statement_id);
        // Every statement of a short text can have an error or a message of its own.
        if is_new && self.collected.answers.len() >= SERIES_MAX {
            self.collected.has_more = true;
            return self.when_full();
        }
        if is_new {
            self.collected.answers.push(StatementAnswer { number: piece.statement_id, ..StatementAnswer::default() });
        }
        if let Some(answer) = self.collected.answers.last_mut() {
            for message in piece.messages {
                if self.bytes < BYTES_MAX {
                    self.bytes += message.len();
                    answer.messages.push(shortened(&message));
                }
            }
            if let Some(text) = piece.error {
                let text = shortened(&text);
                self.bytes += text.len();
                answer.problem = Some(Problem { text, clause: piece.clause.map(fluxstone_model::Clause::id) });
            }
        }
        let is_full = piece.series.is_some_and(|series| self.take(series));
        if is_full { self.when_full() } else { ControlFlow::Continue(()) }
    }

    /// What has been collected.
    pub(super) fn finish(self) -> Collected {
        self.collected
    }

    fn when_full(&self) -> ControlFlow<()> {
        if self.only_reads { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Takes the rows of this page. Returns whether there are more.
    fn take(&mut self, rows: SeriesRows) -> bool {
        let count = rows.row_count();
        if self.collected.has_more {
            return true;
        }
        let allowed = self.part.limit.map_or(count, |max| count.min(max.saturating_sub(self.seen)));
        let skipped = self.part.rows_before.saturating_sub(self.seen).min(allowed);
        self.seen += allowed;
        let is_over = allowed < count;
        if skipped == allowed {
            return is_over;
        }
        let rows = rows.into_cells();
        let Some(answer) = self.collected.answers.last_mut() else { return is_over };
        let title = Series {
            name: name(&rows.name),
            tags: rows.tags.iter().take(COLUMNS_MAX).map(|(key, value)| (name(key), name(value))).collect(),
            columns: rows.columns.iter().take(COLUMNS_MAX).map(|column| name(column)).collect(),
            rows: Vec::new(),
        };
        let same = answer
            .series
            .last()
            .is_some_and(|last| last.name == title.name && last.tags == title.tags && last.columns == title.columns);
        if !same {
            if self.series == SERIES_MAX || self.bytes >= BYTES_MAX {
                self.collected.has_more = true;
                return true;
            }
            self.series += 1;
            let tags = title.tags.iter().map(|(key, value)| key.len() + value.len());
            self.bytes +=
                tags.chain(title.columns.iter().map(String::len)).map(|bytes| bytes + CELL_BYTES).sum::<usize>();
            answer.series.push(title);
        }
        let Some(series) = answer.series.last_mut() else { return is_over };
        for row in rows.rows().take(allowed).skip(skipped) {
            if self.collected.rows == self.part.rows_max || self.bytes >= BYTES_MAX {
                self.collected.has_more = true;
                return true;
            }
            let mut cells = Vec::with_capacity(row.len().min(COLUMNS_MAX));
            for value in row.iter().take(COLUMNS_MAX) {
                let cell = if self.bytes < BYTES_MAX { cell(value) } else { Cell::Text(CUT.to_owned()) };
                self.bytes += CELL_BYTES + text_bytes(&cell);
                cells.push(cell);
            }
            series.rows.push(cells);
            self.collected.rows += 1;
        }
        is_over
    }
}

fn text_bytes(cell: &Cell) -> usize {
    match cell {
        Cell::Text(text) => text.len(),
        Cell::Null | Cell::Time(_) | Cell::Float(_) | Cell::Integer(_) | Cell::Ordinal(_) | Cell::Boolean(_) => 0,
    }
}

/// A cell as pages show it.
fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Time(time) => Cell::Time(*time),
        Value::Float(value) => Cell::Float(*value),
        Value::Integer(value) => Cell::Integer(*value),
        Value::Ordinal(value) => Cell::Ordinal(*value),
        Value::Boolean(value) => Cell::Boolean(*value),
        Value::String(text) => Cell::Text(shortened(&to_text(text))),
        Value::List(texts) => {
            let texts: Vec<String> = texts.iter().take(CELL_CHARS_MAX).map(|text| to_text(text)).collect();
            Cell::Text(shortened(&texts.join(", ")))
        }
    }
}

fn shortened(text: &str) -> String {
    cut(text, CELL_CHARS_MAX)
}

fn name(bytes: &[u8]) -> String {
    cut(&to_text(bytes), NAME_CHARS_MAX)
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}{CUT}", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fluxstone_model::Text;

    use super::*;

    fn piece(statement_id: usize, rows: std::ops::Range<i64>) -> StatementResult {
        let series = SeriesRows {
            name: Text::from("m"),
            tags: Arc::new([]),
            columns: Arc::new([Text::from("v")]),
            cells: rows.map(Value::Integer).collect(),
            plain: None,
            more_rows: false,
        };
        StatementResult { statement_id, series: Some(series), ..StatementResult::default() }
    }

    fn shown(part: Part, only_reads: bool, pieces: Vec<StatementResult>) -> (Vec<Vec<i64>>, bool, usize) {
        let mut collector = Collector::new(part, only_reads);
        let mut taken = 0;
        for piece in pieces {
            taken += 1;
            if collector.add(piece).is_break() {
                break;
            }
        }
        let collected = collector.finish();
        let number = |row: &Vec<Cell>| if let Cell::Integer(number) = row[0] { number } else { -1 };
        let rows =
            |answer: &StatementAnswer| answer.series.iter().flat_map(|series| series.rows.iter().map(number)).collect();
        (collected.answers.iter().map(rows).collect(), collected.has_more, taken)
    }

    // spec: explorer.query.2
    #[test]
    fn a_page_has_its_rows_and_says_whether_there_are_more() {
        let pieces = || vec![piece(0, 0..3), piece(0, 3..6), piece(1, 6..8)];
        let part = |rows_before, rows_max| Part { rows_before, rows_max, limit: None };
        assert_eq!(shown(part(0, 9), true, pieces()), (vec![vec![0, 1, 2, 3, 4, 5], vec![6, 7]], false, 3));
        assert_eq!(shown(part(0, 8), true, pieces()), (vec![vec![0, 1, 2, 3, 4, 5], vec![6, 7]], false, 3));
        assert_eq!(shown(part(2, 2), true, pieces()), (vec![vec![2, 3]], true, 2));
        assert_eq!(shown(part(7, 2), true, pieces()), (vec![vec![], vec![7]], false, 3));
        // All statements run if any of them changes something.
        assert_eq!(shown(part(2, 2), false, pieces()), (vec![vec![2, 3], vec![]], true, 3));
        let limited = Part { rows_before: 2, rows_max: 9, limit: Some(4) };
        assert_eq!(shown(limited, true, pieces()).0, [[2, 3]]);
    }

    // spec: explorer.limits.1
    #[test]
    fn large_cells_and_many_of_them_are_cut() {
        let mut large = piece(0, 0..0);
        let text = "é".repeat(CELL_CHARS_MAX + 1);
        if let Some(series) = &mut large.series {
            series.cells = vec![Value::String(Text::from(text.as_str())); 10_000];
        }
        let part = Part { rows_before: 0, rows_max: 10_000, limit: None };
        let mut collector = Collector::new(part, true);
        assert!(collector.add(large).is_break());
        let collected = collector.finish();
        assert!(collected.has_more && collected.rows * CELL_CHARS_MAX * 2 < 2 * BYTES_MAX, "{}", collected.rows);
        assert_eq!(collected.answers[0].series[0].rows[0][0].text().chars().count(), CELL_CHARS_MAX + 3);
    }
}
