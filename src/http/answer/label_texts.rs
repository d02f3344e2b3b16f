//! The text of the tags of plain rows, made once for each series in a piece of the answer: neighbouring columns as one text.

use fluxstone_go::json::write_string;
use fluxstone_query::{PlainColumn, PlainRows, Value};

/// A part of a row after its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlainPart {
    /// The number of a run of labels.
    Labels(usize),
    /// The number of a field.
    Field(usize),
}

/// The texts of the labels of all series, and the parts of each row.
#[derive(Debug)]
pub(super) struct LabelTexts {
    pub(super) parts: Vec<PlainPart>,
    bytes: Vec<u8>,
    /// Where each text ends: those of the runs of one series after another.
    ends: Vec<usize>,
    runs: usize,
}

impl LabelTexts {
    pub(super) fn new(rows: &PlainRows) -> LabelTexts {
        let (mut parts, mut runs): (Vec<PlainPart>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
        for column in rows.columns() {
            match *column {
                PlainColumn::Field(field) => parts.push(PlainPart::Field(field)),
                PlainColumn::Label(label) => {
                    if let (Some(PlainPart::Labels(_)), Some(run)) = (parts.last(), runs.last_mut()) {
                        run.push(label);
                    } else {
                        parts.push(PlainPart::Labels(runs.len()));
                        runs.push(vec![label]);
                    }
                }
            }
        }
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for labels in rows.labels() {
            for run in &runs {
                for label in run {
                    bytes.push(b',');
                    match &labels[*label] {
                        Value::String(text) => write_string(&mut bytes, text),
                        _ => bytes.extend_from_slice(b"null"),
                    }
                }
                ends.push(bytes.len());
            }
        }
        LabelTexts { parts, bytes, ends, runs: runs.len() }
    }

    /// The text of a run of labels: each after a comma.
    #[inline]
    pub(super) fn text(&self, labels: usize, run: usize) -> &[u8] {
        let at = labels * self.runs + run;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[at]]
    }
}
