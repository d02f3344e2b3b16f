//! The meaning of the names in a query.

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
    /// The time.
    pub time: Timestamp,
    /// The values of its fields.
    pub fields: BTreeMap<Text, FieldValue>,
}

/// The names in all sources of a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schema {
    /// The fields, each with the type as which it is read.
    pub fields: BTreeMap<Text, FieldType>,
    /// The tag keys.
    pub tags: BTreeSet<Text>,
    /// The fields that show tags of a sub-query; as a wildcard sees them, they are tags.
    pub tag_columns: BTreeSet<Text>,
}

/// The meaning of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A field, read as a type.
    Field(Text, FieldType),
    /// A tag.
    Tag(Text),
    /// The sources do not have the name.
    Nothing,
}

impl Schema {
    /// Adds a field of some source. If a field has several types, the first of float, integer, string, boolean counts.
    ///
    /// Transcribes `select.columns.kind.2`.
    pub fn add_field(&mut self, name: &Text, field_type: FieldType) {
        let rank = |of: FieldType| FieldType::ALL.iter().position(|it| *it == of);
        let known = self.fields.entry(name.clone()).or_insert(field_type);
        if rank(field_type) < rank(*known) {
            *known = field_type;
        }
    }

    /// A name is a field if any source has such a field, otherwise a tag. A cast overrides this.
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
    /// The value in a row; null if the row has none.
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
