//! What the names in a query mean.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_influxql::ast::{Cast, VarRef};
use fluxstone_model::{FieldType, FieldValue, SeriesKey, Text, Timestamp};
use fluxstone_query::Value;

use crate::value::read_as;

/// All fields that one series has at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Measurement and tags.
    pub series: SeriesKey,
    /// When.
    pub time: Timestamp,
    /// What.
    pub fields: BTreeMap<Text, FieldValue>,
}

/// The names that the sources of a query have together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schema {
    /// Its fields, each with the type that it is read as.
    pub fields: BTreeMap<Text, FieldType>,
    /// Its tag keys.
    pub tags: BTreeSet<Text>,
}

/// What one name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A field, read as a type.
    Field(Text, FieldType),
    /// A tag.
    Tag(Text),
    /// Nothing that the sources have.
    Nothing,
}

impl Schema {
    /// Adds a field that some source has with some type: the first of float, integer, string, boolean counts.
    ///
    /// Transcribes `select.columns.kind.2`.
    pub fn add_field(&mut self, name: &Text, field_type: FieldType) {
        let rank = |of: FieldType| FieldType::ALL.iter().position(|it| *it == of);
        let known = self.fields.entry(name.clone()).or_insert(field_type);
        if rank(field_type) < rank(*known) {
            *known = field_type;
        }
    }

    /// A name is a field if any source has a field of that name, else a tag; a cast decides otherwise.
    ///
    /// Transcribes `select.columns.kind.1`, `select.columns.kind.3`.
    pub fn meaning(&self, var: &VarRef) -> Meaning {
        let name = Text::from(var.name.as_str());
        let as_field = || self.fields.get(&name).map(|field_type| Meaning::Field(name.clone(), *field_type));
        let as_tag = || self.tags.contains(&name).then(|| Meaning::Tag(name.clone()));
        match var.cast {
            Some(Cast::Float) => Meaning::Field(name, FieldType::Float),
            Some(Cast::Integer) => Meaning::Field(name, FieldType::Integer),
            Some(Cast::String) => Meaning::Field(name, FieldType::String),
            Some(Cast::Boolean) => Meaning::Field(name, FieldType::Boolean),
            Some(Cast::Field) => as_field().unwrap_or(Meaning::Nothing),
            Some(Cast::Tag) => Meaning::Tag(name),
            None => as_field().or_else(as_tag).unwrap_or(Meaning::Nothing),
        }
    }
}

impl Meaning {
    /// The value in a row; null where the row has none.
    ///
    /// Transcribes `select.rows.2`.
    pub fn of(&self, row: &Row) -> Value {
        match self {
            Meaning::Field(name, field_type) => {
                row.fields.get(name).map_or(Value::Null, |stored| read_as(stored, *field_type))
            }
            Meaning::Tag(key) => row.series.tags.get(key).map_or(Value::Null, |value| Value::String(value.clone())),
            Meaning::Nothing => Value::Null,
        }
    }
}
