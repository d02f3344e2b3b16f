//! The models of answers: what a statement returned, as far as a page shows it.

use fluxstone_go::number;
use fluxstone_model::Timestamp;

/// One cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// A time, which a page shows as its reader chooses.
    Time(Timestamp),
    /// A double.
    Float(f64),
    /// A signed 64-bit integer.
    Integer(i64),
    /// An id or a count of the system.
    Ordinal(u64),
    /// A string or a name; bytes that are not UTF-8 are U+FFFD.
    Text(String),
    /// True or false.
    Boolean(bool),
}

impl Cell {
    /// The value as text, as JSON writes it, but strings without quotes. A null is empty.
    pub fn text(&self) -> String {
        match self {
            Cell::Null => String::new(),
            Cell::Time(time) => time.to_string(),
            Cell::Float(value) => float_text(*value),
            Cell::Integer(value) => value.to_string(),
            Cell::Ordinal(value) => value.to_string(),
            Cell::Text(text) => text.clone(),
            Cell::Boolean(value) => value.to_string(),
        }
    }

    /// The value on a vertical axis, if it is a finite number.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Cell::Float(value) => Some(*value).filter(|value| value.is_finite()),
            Cell::Integer(value) => Some(*value as f64),
            Cell::Null | Cell::Time(_) | Cell::Ordinal(_) | Cell::Text(_) | Cell::Boolean(_) => None,
        }
    }

    /// The name of the type, which is also its class in the style sheet.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Cell::Null => "null",
            Cell::Time(_) => "time",
            Cell::Float(_) => "float",
            Cell::Integer(_) | Cell::Ordinal(_) => "integer",
            Cell::Text(_) => "string",
            Cell::Boolean(_) => "boolean",
        }
    }
}

fn float_text(value: f64) -> String {
    if !value.is_finite() {
        return number::non_finite(value).to_owned();
    }
    let mut text = Vec::new();
    number::write_json(&mut text, value);
    String::from_utf8_lossy(&text).into_owned()
}

/// Rows of one series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// The measurement, or the title of a listing; may be empty.
    pub name: String,
    /// The grouped tags.
    pub tags: Vec<(String, String)>,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

impl Series {
    /// The name and the tags, for a caption.
    pub(super) fn title(&self) -> String {
        let mut title = self.name.clone();
        for (key, value) in &self.tags {
            if !title.is_empty() {
                title.push_str(", ");
            }
            title.push_str(key);
            title.push('=');
            title.push_str(value);
        }
        title
    }
}

/// What one statement returned.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StatementAnswer {
    /// The position of the statement in the query, from 0 on.
    pub number: usize,
    /// The series that the page shows.
    pub series: Vec<Series>,
    /// Warnings.
    pub messages: Vec<String>,
    /// Why it failed.
    pub problem: Option<Problem>,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problem {
    /// The message, as other clients get it.
    pub text: String,
    /// The identifier of the clause that was not kept, if it is known.
    pub clause: Option<&'static str>,
}

impl Problem {
    /// The place that the message names, as errors of parsing do: `... at line 1, char 8`.
    pub fn place(&self) -> Option<Place> {
        let (_, place) = self.text.rsplit_once(" at line ")?;
        let (line, character) = place.split_once(", char ")?;
        let character = character.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Place { line: line.parse().ok()?, character: character.parse().ok()? })
    }
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1 on.
    pub line: usize,
    /// The character in the line, from 1 on.
    pub character: usize,
}
