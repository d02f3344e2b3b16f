//! Field values and their types. `Scalar` is the one borrowed form, `FieldValue` the one owned form.

use std::fmt;

use super::text::Text;

/// The type of a field. A field has one type in each shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FieldType {
    /// IEEE 754 double.
    Float = 0,
    /// Signed, 64 bits.
    Integer = 1,
    /// Any bytes.
    String = 2,
    /// True or false.
    Boolean = 3,
}

impl FieldType {
    /// All types in the order in which InfluxQL prefers them when a field has several.
    pub const ALL: [FieldType; 4] = [FieldType::Float, FieldType::Integer, FieldType::String, FieldType::Boolean];

    /// The name that InfluxQL uses: `float`, `integer`, `string`, `boolean`.
    pub fn influxql_name(self) -> &'static str {
        match self {
            FieldType::Float => "float",
            FieldType::Integer => "integer",
            FieldType::String => "string",
            FieldType::Boolean => "boolean",
        }
    }

    /// The name that Go has for the type: `float64`, `int64`, `string`, `bool`. The API reference's conflict example uses it.
    pub fn go_name(self) -> &'static str {
        match self {
            FieldType::Float => "float64",
            FieldType::Integer => "int64",
            FieldType::String => "string",
            FieldType::Boolean => "bool",
        }
    }

    /// The type whose discriminant is `tag`, as written in log records and segment files.
    pub fn from_tag(tag: u8) -> Option<FieldType> {
        FieldType::ALL.into_iter().find(|t| *t as u8 == tag)
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.influxql_name())
    }
}

/// One value of a field, owned.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// A finite or infinite double; never NaN from line protocol.
    Float(f64),
    /// A signed 64-bit integer.
    Integer(i64),
    /// Any bytes.
    String(Text),
    /// True or false.
    Boolean(bool),
}

impl FieldValue {
    /// Borrows the value.
    pub fn as_scalar(&self) -> Scalar<'_> {
        match self {
            FieldValue::Float(value) => Scalar::Float(*value),
            FieldValue::Integer(value) => Scalar::Integer(*value),
            FieldValue::String(value) => Scalar::String(value),
            FieldValue::Boolean(value) => Scalar::Boolean(*value),
        }
    }

    /// The type of the value.
    pub fn field_type(&self) -> FieldType {
        self.as_scalar().field_type()
    }
}

impl From<Scalar<'_>> for FieldValue {
    fn from(value: Scalar<'_>) -> Self {
        match value {
            Scalar::Float(value) => FieldValue::Float(value),
            Scalar::Integer(value) => FieldValue::Integer(value),
            Scalar::String(value) => FieldValue::String(Text::from(value)),
            Scalar::Boolean(value) => FieldValue::Boolean(value),
        }
    }
}

/// One value of a field, borrowed: what is parsed, logged, applied and evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// A double. Never NaN from line protocol.
    Float(f64),
    /// A signed 64-bit integer.
    Integer(i64),
    /// Any bytes.
    String(&'a [u8]),
    /// True or false.
    Boolean(bool),
}

impl Scalar<'_> {
    /// The type of the value.
    pub fn field_type(&self) -> FieldType {
        match self {
            Scalar::Float(_) => FieldType::Float,
            Scalar::Integer(_) => FieldType::Integer,
            Scalar::String(_) => FieldType::String,
            Scalar::Boolean(_) => FieldType::Boolean,
        }
    }
}
