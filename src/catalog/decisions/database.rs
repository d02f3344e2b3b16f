//! The decisions to create and drop a database.

use fluxstone_model::{DatabaseId, RetentionOptions};

use crate::catalog::Catalog;
use crate::change::Change;
use crate::database::Database;
use crate::error::CatalogError;
use crate::name::is_valid_name;
use crate::policy::{DEFAULT_POLICY, PolicySpec, normalized_shard_duration};

impl Catalog {
    /// `CREATE DATABASE name [WITH ...]`. Without WITH a new database gets the policy `autogen` if `autocreate` is set.
    pub fn create_database(
        &self,
        name: &str,
        with: Option<&RetentionOptions>,
        autocreate: bool,
    ) -> Result<Vec<Change>, CatalogError> {
        if !is_valid_name(name) {
            return Err(CatalogError::InvalidName);
        }
        let existing = self.database(name);
        let spec = match with {
            Some(options) => Some(PolicySpec::for_new_database(options)?),
            None if autocreate && existing.is_none() => Some(PolicySpec::autogen()),
            None => None,
        };
        let id = existing.map_or(DatabaseId(self.last_database.saturating_add(1)), |d| d.id);
        let mut changes = Vec::new();
        if existing.is_none() {
            changes.push(Change::CreateDatabase { id, name: name.to_owned() });
        }
        match (spec, existing) {
            (None, _) => {}
            (Some(spec), Some(database)) if !database.policies.is_empty() => {
                let options = with.cloned().unwrap_or_default();
                if !database.has_default_like(&spec.name, &options) {
                    return Err(CatalogError::PolicyConflict);
                }
            }
            (Some(spec), _) => {
                spec.check_durations()?;
                changes.push(Change::CreatePolicy { database: id, policy: spec.normalized(), default: true });
            }
        }
        Ok(changes)
    }

    /// `DROP DATABASE name`. No changes if the database does not exist.
    pub fn drop_database(&self, name: &str) -> Vec<Change> {
        self.database(name).map(|d| Change::DropDatabase { id: d.id }).into_iter().collect()
    }
}

impl Database {
    /// Whether the default policy is named `name` and agrees with `options`. Omitted options agree with everything, except that
    /// the shard duration must be the one that `options` would result in.
    fn has_default_like(&self, name: &str, options: &RetentionOptions) -> bool {
        let Some(policy) = self.policy(name) else { return false };
        let shard_duration = options.shard_duration.unwrap_or_default();
        options.duration.is_none_or(|d| d == policy.duration)
            && options.replication.is_none_or(|n| n == policy.replication)
            && policy.shard_duration == normalized_shard_duration(shard_duration, policy.duration)
            && self.default_policy == policy.name
    }
}

impl PolicySpec {
    /// The policy that CREATE DATABASE ... WITH asks for.
    fn for_new_database(options: &RetentionOptions) -> Result<Self, CatalogError> {
        let name = options.name.as_deref().filter(|n| !n.is_empty()).unwrap_or(DEFAULT_POLICY);
        let spec = PolicySpec {
            name: name.to_owned(),
            duration: options.duration.unwrap_or_default(),
            shard_duration: options.shard_duration.unwrap_or_default(),
            replication: options.replication.unwrap_or(1),
        };
        spec.check_name_and_minimum()?;
        Ok(spec)
    }
}
