//! The names in a query's sources: measurements, fields with their types, tags.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use fluxstone_columns::Source;
use fluxstone_influxql::ast::{self, Cast, MeasurementName, VarRef};
use fluxstone_model::{Clause, FieldType, Text, TimeRange};

use super::context::Sources;
use super::error::QueryError;
use super::planning::Costs;
use super::point_expr::ColumnKind;

/// A measurement in one source. FROM may name it several times; its points then count several times.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) measurement: Text,
    pub(super) source: Arc<dyn Source>,
    /// Whether rows of equal times come in the order of their series, as in the answer of a sub-query, which is ordered.
    pub(super) ordered: bool,
    /// The fields that are columns of a sub-query which show tags.
    pub(super) tag_columns: BTreeSet<Text>,
    /// Whether this is the answer of an ascending sub-query of points.
    pub(super) has_ascending_points: bool,
}

/// The names in all inputs of a query, each with one meaning.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub(super) fields: BTreeMap<Text, FieldType>,
    pub(super) tags: BTreeSet<Text>,
    /// Fields that show tags of a sub-query; as a wildcard sees them, they are tags.
    pub(super) tag_columns: BTreeSet<Text>,
}

/// The memory of one input in a plan.
const INPUT_BYTES: usize = size_of::<Input>() + 16;
/// The memory of one name in a list or in the schema.
const NAME_BYTES: usize = 64;

/// Finds the measurements that FROM names.
pub(super) struct Resolver<'s> {
    sources: &'s dyn Sources,
    /// The sources that were asked so far, by their addresses, which stay theirs while they are here, and their measurements in
    /// byte order.
    listed: HashMap<*const (), (Arc<dyn Source>, Vec<Text>)>,
}

impl<'s> Resolver<'s> {
    pub(super) fn new(sources: &'s dyn Sources) -> Resolver<'s> {
        Resolver { sources, listed: HashMap::new() }
    }

    /// Appends the measurements that one entry of FROM names, in byte order.
    pub(super) fn resolve(
        &mut self,
        measurement: &ast::Measurement,
        inputs: &mut Vec<Input>,
        costs: &mut Costs<'_>,
    ) -> Result<(), QueryError> {
        check_name(measurement)?;
        let source = self.sources.source(measurement)?;
        let (_, names) = match self.listed.entry(Arc::as_ptr(&source).cast()) {
            Entry::Occupied(listed) => listed.into_mut(),
            Entry::Vacant(free) => {
                let names = source.measurements();
                costs.grow(names.len() * NAME_BYTES)?;
                free.insert((source.clone(), names))
            }
        };
        let mut add = |name: &Text, costs: &mut Costs<'_>| {
            inputs.push(Input {
                measurement: name.clone(),
                source: source.clone(),
                ordered: false,
                tag_columns: BTreeSet::new(),
                has_ascending_points: false,
            });
            costs.grow(INPUT_BYTES)
        };
        match &measurement.name {
            MeasurementName::Name(wanted) => {
                let found = names.binary_search_by(|name| name.as_bytes().cmp(wanted.as_bytes()));
                found.map_or(Ok(()), |at| add(&names[at], costs))
            }
            MeasurementName::Regex(regex) => {
                for name in &*names {
                    costs.step()?;
                    if regex.is_match(name) {
                        add(name, costs)?;
                    }
                }
                Ok(())
            }
        }
    }
}

fn check_name(measurement: &ast::Measurement) -> Result<(), QueryError> {
    if matches!(&measurement.name, MeasurementName::Name(name) if name.is_empty()) {
        return Err(QueryError::Invalid(Clause::new("select.from.2"), "invalid measurement".into()));
    }
    measurement
        .name
        .refuse_system_source()
        .map_err(|error| QueryError::Invalid(Clause::new("statements.name.5"), error.to_string()))
}

impl Schema {
    /// Collects the fields that the inputs, which are sorted by name, have in `range`, and their tags.
    pub(super) fn gather(inputs: &[Input], range: TimeRange, costs: &mut Costs<'_>) -> Result<Schema, QueryError> {
        let mut schema = Schema::default();
        let mut last: Option<&Input> = None;
        for input in inputs {
            costs.step()?;
            let is_known =
                |last: &Input| last.measurement == input.measurement && Arc::ptr_eq(&last.source, &input.source);
            if last.replace(input).is_some_and(is_known) {
                continue;
            }
            let names = schema.fields.len() + schema.tags.len();
            for (name, types) in input.source.field_types(&input.measurement, range) {
                // Types are ordered by preference.
                let Some(best) = types.into_iter().min() else { continue };
                schema.fields.entry(name).and_modify(|present| *present = best.min(*present)).or_insert(best);
            }
            schema.tags.extend(input.source.tag_keys(&input.measurement));
            schema.tag_columns.extend(input.tag_columns.iter().cloned());
            costs.grow((schema.fields.len() + schema.tags.len() - names) * NAME_BYTES)?;
        }
        Ok(schema)
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
