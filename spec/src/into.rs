//! SELECT ... INTO: the points that the rows of an answer become.

use fluxstone_model::{FieldValue, Text};
use fluxstone_query::Value;

use crate::select::{Refused, Table};

/// A row in the form in which it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The measurement.
    pub measurement: Text,
    /// The tags.
    pub tags: Vec<(Text, Text)>,
    /// The time.
    pub time: fluxstone_model::Timestamp,
    /// The fields, at least one.
    pub fields: Vec<(Text, FieldValue)>,
}

/// Returns the points that an answer becomes. `target` is the name of a measurement, or `None` for `:MEASUREMENT`.
///
/// Transcribes `statements.into.1`, `statements.into.2`, `statements.into.4`.
pub fn written(tables: &[Table], target: Option<&str>) -> Result<Vec<Written>, Refused> {
    let mut all = Vec::new();
    for table in tables {
        if !table.columns.contains(&Text::from("time")) {
            return Err(Refused("error finding time index in result".into()));
        }
        for row in &table.rows {
            let [Value::Time(time), cells @ ..] = &row[..] else { continue };
            let mut fields = Vec::new();
            for (name, cell) in table.columns[1..].iter().zip(cells) {
                let value = match cell {
                    Value::Float(value) => FieldValue::Float(*value),
                    Value::Integer(value) => FieldValue::Integer(*value),
                    Value::String(value) => FieldValue::String(value.clone()),
                    Value::Boolean(value) => FieldValue::Boolean(*value),
                    _ => continue,
                };
                fields.push((name.clone(), value));
            }
            if !fields.is_empty() {
                all.push(Written {
                    measurement: target.map_or_else(|| table.name.clone(), Text::from),
                    tags: table.tags.iter().filter(|(_, value)| !value.is_empty()).cloned().collect(),
                    time: *time,
                    fields,
                });
            }
        }
    }
    Ok(all)
}
