//! The data of the executable semantics as sources that the server's evaluator can read.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluxstone_columns::{MemorySource, MemorySourceBuilder, Source};
use fluxstone_influxql::ast::Measurement;
use fluxstone_query::{QueryError, Sources};

use crate::policies::Policies;

/// Answers the evaluator from one database, whichever database a query names.
#[derive(Debug, Clone)]
pub struct ModelStore {
    policies: BTreeMap<String, Arc<MemorySource>>,
    /// The source of policies that do not exist.
    empty: Arc<MemorySource>,
}

impl ModelStore {
    /// A store whose blocks have at most `block_values_max` values, so that little data has many blocks.
    pub fn new(policies: &Policies, block_values_max: usize) -> ModelStore {
        let source = |policy: &str| Arc::new(memory_source(policies, policy, block_values_max));
        let sources = policies.shards.keys().map(|name| (name.clone(), source(name)));
        ModelStore { policies: sources.collect(), empty: source("no such policy") }
    }
}

impl Sources for ModelStore {
    fn source(&self, measurement: &Measurement) -> Result<Arc<dyn Source>, QueryError> {
        let source = self.policies.get(&measurement.policy).unwrap_or(&self.empty);
        Ok(source.clone())
    }
}

/// The shards of one policy. The series are those of the whole database.
fn memory_source(policies: &Policies, policy: &str, block_values_max: usize) -> MemorySource {
    let mut builder = MemorySourceBuilder::new(block_values_max);
    for series in &policies.database.series {
        builder.add_series(series.clone());
    }
    for (times, points) in policies.shards(policy) {
        builder.begin_shard(times.min);
        for ((measurement, field), field_type) in &points.types {
            builder.add_field(measurement.clone(), field.clone(), *field_type, times);
        }
        for point in &points.list {
            // Points of series that were dropped with their values are not read.
            if policies.database.series.contains(&point.series) {
                builder.add_value(&point.series, point.field.clone(), point.time, point.value.clone());
            }
        }
    }
    builder.build()
}
