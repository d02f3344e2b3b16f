//! Rows whose columns are tags and fields as they are stored, in compact form: 8 bytes for each field, and the tags of a series once.
//!
//! Nothing is computed for such rows, so they are encoded from here without a [`Value`] for each cell.

use std::sync::Arc;

use fluxstone_model::{FieldType, Scalar, TagSet, Text, Timestamp};

use super::value::Value;

/// The contents of a column of plain rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainColumn {
    /// A tag: the number of a label of the row's series.
    Label(usize),
    /// The number of a field of the row.
    Field(usize),
}

/// The columns of plain rows, without the time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlainLayout {
    columns: Vec<PlainColumn>,
    /// The tag that gives each label; `None` is null.
    labels: Vec<Option<Text>>,
    /// For each field its column in batches and its type.
    fields: Vec<(usize, FieldType)>,
}

/// Plain rows of one series of the answer, which may be of many stored series.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainRows {
    layout: Arc<PlainLayout>,
    /// The labels of each stored series that has rows here.
    labels: Vec<Arc<[Value]>>,
    /// For each row: its time, the number of its labels, the bits that say which fields are present, and the fields.
    words: Vec<u64>,
    /// The strings, which fields give by number.
    texts: Vec<Text>,
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub struct PlainRow<'r> {
    rows: &'r PlainRows,
    words: &'r [u64],
}

/// The words of a row before those for its fields: time and labels.
const HEAD: usize = 2;
/// The number of fields for which a word says whether they are present.
const PRESENT_BITS: usize = u64::BITS as usize;

impl PlainLayout {
    /// The layout of rows with these columns. `labels` are the tags that give the labels, `fields` the columns and types of the fields
    /// where they are read.
    pub(super) fn new(
        columns: Vec<PlainColumn>,
        labels: Vec<Option<Text>>,
        fields: Vec<(usize, FieldType)>,
    ) -> PlainLayout {
        PlainLayout { columns, labels, fields }
    }

    /// The memory of a row, without strings.
    pub(super) fn row_bytes(&self) -> usize {
        self.width() * size_of::<u64>()
    }

    /// The labels of a series.
    pub(super) fn labels_of(&self, tags: &TagSet) -> Arc<[Value]> {
        let value = |key: &Option<Text>| key.as_ref().and_then(|key| tags.get(key));
        self.labels.iter().map(|key| value(key).map_or(Value::Null, |value| Value::String(value.clone()))).collect()
    }

    fn width(&self) -> usize {
        HEAD + self.fields.len().div_ceil(PRESENT_BITS) + self.fields.len()
    }
}

impl PlainRows {
    pub(super) fn new(layout: Arc<PlainLayout>) -> PlainRows {
        PlainRows { layout, labels: Vec::new(), words: Vec::new(), texts: Vec::new() }
    }

    /// Adds the labels of a series and returns their number.
    pub(super) fn add_labels(&mut self, labels: Arc<[Value]>) -> usize {
        self.labels.push(labels);
        self.labels.len() - 1
    }

    /// Adds a row of the series with the given labels, of which `scalar` and `text` give the value of a column that is read. Returns
    /// the bytes of its strings.
    pub(super) fn push<'v>(
        &mut self,
        (time, labels): (i64, usize),
        scalar: impl Fn(usize) -> Option<Scalar<'v>>,
        text: impl Fn(usize) -> Value,
    ) -> usize {
        let PlainRows { layout, words, texts, .. } = self;
        let present = words.len() + HEAD;
        words.extend([time as u64, labels as u64]);
        words.resize(present + layout.fields.len().div_ceil(PRESENT_BITS), 0);
        let mut text_bytes = 0;
        for (number, (column, field_type)) in layout.fields.iter().enumerate() {
            let value = if *field_type == FieldType::String {
                match text(*column) {
                    Value::String(text) => {
                        text_bytes += size_of::<Text>() + text.len();
                        texts.push(text);
                        Some(texts.len() as u64 - 1)
                    }
                    _ => None,
                }
            } else {
                match scalar(*column) {
                    Some(Scalar::Float(value)) => Some(value.to_bits()),
                    Some(Scalar::Integer(value)) => Some(value as u64),
                    Some(Scalar::Boolean(value)) => Some(u64::from(value)),
                    Some(Scalar::String(_)) | None => None,
                }
            };
            words[present + number / PRESENT_BITS] |= u64::from(value.is_some()) << (number % PRESENT_BITS);
            words.push(value.unwrap_or(0));
        }
        text_bytes
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.words.len() / self.layout.width()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Leaves out all rows after the first `rows`.
    pub fn truncate(&mut self, rows: usize) {
        self.words.truncate(rows.saturating_mul(self.layout.width()));
    }

    /// The columns without the time.
    pub fn columns(&self) -> &[PlainColumn] {
        &self.layout.columns
    }

    /// The labels of each stored series that has rows here: strings and nulls.
    pub fn labels(&self) -> &[Arc<[Value]>] {
        &self.labels
    }

    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = PlainRow<'_>> {
        self.words.chunks_exact(self.layout.width()).map(|words| PlainRow { rows: self, words })
    }

    /// The memory of the rows.
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| size_of::<Text>() + text.len()).sum();
        size_of_val(&*self.words) + texts + self.labels.iter().map(|labels| labels_bytes(labels)).sum::<usize>()
    }

    /// The same rows as cells.
    pub(super) fn to_cells(&self) -> Vec<Value> {
        let mut cells = Vec::with_capacity(self.len() * (self.columns().len() + 1));
        for row in self.rows() {
            cells.push(Value::Time(row.time()));
            cells.extend(self.columns().iter().map(|column| match column {
                PlainColumn::Label(label) => self.labels[row.labels()][*label].clone(),
                PlainColumn::Field(field) => row.field(*field).into(),
            }));
        }
        cells
    }
}

/// The memory of the labels of a series.
pub(super) fn labels_bytes(labels: &[Value]) -> usize {
    size_of_val(labels) + labels.iter().map(Value::text_bytes).sum::<usize>()
}

impl<'r> PlainRow<'r> {
    /// The time.
    pub fn time(self) -> Timestamp {
        Timestamp(self.words[0] as i64)
    }

    /// The number of the labels of its series.
    pub fn labels(self) -> usize {
        self.words[1] as usize
    }

    /// The value of a field, if there is one.
    #[inline]
    pub fn field(self, number: usize) -> Option<Scalar<'r>> {
        let fields = &self.rows.layout.fields;
        let is_present = self.words[HEAD + number / PRESENT_BITS] >> (number % PRESENT_BITS) & 1 == 1;
        let word = self.words[self.words.len() - fields.len() + number];
        is_present.then(|| match fields[number].1 {
            FieldType::Float => Scalar::Float(f64::from_bits(word)),
            FieldType::Integer => Scalar::Integer(word as i64),
            FieldType::Boolean => Scalar::Boolean(word != 0),
            FieldType::String => Scalar::String(&self.rows.texts[word as usize]),
        })
    }
}
