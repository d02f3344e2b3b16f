//! The names in a query's sources: measurements, fields with their types, tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluxstone_columns::Source;
use fluxstone_influxql::ast::{self, Cast, MeasurementName, VarRef};
use fluxstone_model::{FieldType, Text, TimeRange};

use super::context::Sources;
use super::error::QueryError;
use super::point_expr::ColumnKind;

/// A measurement in one source. FROM may name it several times; its points then count several times.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) measurement: Text,
    pub(super) source: Arc<dyn Source>,
    /// Whether rows of equal times come in the order of their series, as in the answer of a sub-query, which is ordered.
    pub(super) ordered: bool,
}

/// The names in all inputs of a query, each with one meaning.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub(super) fields: BTreeMap<Text, FieldType>,
    pub(super) tags: BTreeSet<Text>,
}

/// Finds the measurements that one entry of FROM names, in byte order.
pub(super) fn resolve(measurement: &ast::Measurement, sources: &dyn Sources) -> Result<Vec<Input>, QueryError> {
    if matches!(&measurement.name, MeasurementName::Name(name) if name.is_empty()) {
        return Err(QueryError::Invalid("invalid measurement".into()));
    }
    measurement.name.refuse_system_source().map_err(|error| QueryError::Invalid(error.to_string()))?;
    let source = sources.source(measurement)?;
    let wanted = |name: &Text| match &measurement.name {
        MeasurementName::Name(want) => name == want.as_str(),
        MeasurementName::Regex(regex) => regex.is_match(name),
    };
    let names = source.measurements().into_iter().filter(wanted);
    Ok(names.map(|measurement| Input { measurement, source: source.clone(), ordered: false }).collect())
}

impl Schema {
    /// Collects the fields that the inputs have in `range`, and their tags.
    pub(super) fn gather(inputs: &[Input], range: TimeRange) -> Schema {
        let mut schema = Schema::default();
        for input in inputs {
            for (name, types) in input.source.field_types(&input.measurement, range) {
                // Types are ordered by preference.
                let Some(best) = types.into_iter().min() else { continue };
                schema.fields.entry(name).and_modify(|present| *present = best.min(*present)).or_insert(best);
            }
            schema.tags.extend(input.source.tag_keys(&input.measurement));
        }
        schema
    }

    /// The kind of a column: a field if any input has a field of that name, otherwise a tag. A cast overrides this.
    pub(super) fn kind(&self, var: &VarRef) -> ColumnKind {
        let field = || self.fields.get(var.name.as_bytes()).map(|field_type| ColumnKind::Field(*field_type));
        match var.cast {
            Some(Cast::Float) => ColumnKind::Field(FieldType::Float),
            Some(Cast::Integer) => ColumnKind::Field(FieldType::Integer),
            Some(Cast::String) => ColumnKind::Field(FieldType::String),
            Some(Cast::Boolean) => ColumnKind::Field(FieldType::Boolean),
            Some(Cast::Field) => field().unwrap_or(ColumnKind::Unknown),
            Some(Cast::Tag) => ColumnKind::Tag,
            None => field().unwrap_or_else(|| {
                let is_tag = self.tags.contains(var.name.as_bytes());
                if is_tag { ColumnKind::Tag } else { ColumnKind::Unknown }
            }),
        }
    }

    /// Whether a name without a cast is a field.
    pub(super) fn is_field(&self, name: &str) -> bool {
        self.fields.contains_key(name.as_bytes())
    }
}
