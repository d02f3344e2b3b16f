//! Values that are bound to the placeholders of a query.

use std::collections::BTreeMap;

/// The values of `$name` placeholders, by name.
pub type Parameters = BTreeMap<String, Parameter>;

/// The value of a placeholder. InfluxDB takes it from the JSON object of the `params` parameter.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is named like the literal that it becomes")]
pub enum Parameter {
    String(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    /// A JSON value that cannot be bound, as the name of its Go type (`<nil>`, `[]interface {}`, `map[string]interface {}`).
    /// It is an error only where it is used.
    Unbindable(&'static str),
}
