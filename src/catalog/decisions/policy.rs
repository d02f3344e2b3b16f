//! The decisions to create, alter and drop a retention policy.

use fluxstone_model::Nanos;

use crate::catalog::Catalog;
use crate::change::Change;
use crate::error::CatalogError;
use crate::policy::{PolicyAlteration, PolicySpec, check_minimum, normalized_shard_duration};

impl Catalog {
    /// `CREATE RETENTION POLICY`. No changes if the same policy exists.
    pub fn create_policy(&self, database: &str, spec: PolicySpec, default: bool) -> Result<Vec<Change>, CatalogError> {
        spec.check_name_and_minimum()?;
        spec.check_durations()?;
        let database = self.required_database(database)?;
        let spec = spec.normalized();
        let Some(existing) = database.policy(&spec.name) else {
            return Ok(vec![Change::CreatePolicy { database: database.id, policy: spec, default }]);
        };
        let same = existing.replication == spec.replication
            && existing.duration == spec.duration
            && existing.shard_duration == spec.shard_duration;
        if !same {
            return Err(CatalogError::PolicyExists);
        }
        if default && database.default_policy != spec.name {
            return Err(CatalogError::PolicyConflict);
        }
        Ok(Vec::new())
    }

    /// `ALTER RETENTION POLICY`. The empty name means the default policy.
    pub fn alter_policy(
        &self,
        database: &str,
        name: &str,
        alteration: PolicyAlteration,
    ) -> Result<Vec<Change>, CatalogError> {
        let database = self.required_database(database)?;
        let present = database.policy_or_default(name)?;
        check_minimum(alteration.duration.unwrap_or_default())?;
        let duration = alteration.duration.unwrap_or(present.duration);
        // The new shard duration is compared as it was written, before it is normalized.
        let compared = alteration.shard_duration.unwrap_or(present.shard_duration);
        let either_given = alteration.duration.is_some() || alteration.shard_duration.is_some();
        if either_given && duration > Nanos(0) && duration < compared {
            return Err(CatalogError::IncompatibleDurations);
        }
        let policy = PolicySpec {
            name: present.name.clone(),
            duration,
            shard_duration: alteration
                .shard_duration
                .map_or(present.shard_duration, |written| normalized_shard_duration(written, duration)),
            replication: alteration.replication.unwrap_or(present.replication),
        };
        Ok(vec![Change::AlterPolicy { database: database.id, policy, default: alteration.default }])
    }

    /// `DROP RETENTION POLICY`. No changes if it does not exist.
    pub fn drop_policy(&self, database: &str, name: &str) -> Vec<Change> {
        self.database(database)
            .and_then(|d| d.policy(name).map(|p| Change::DropPolicy { database: d.id, name: p.name.clone() }))
            .into_iter()
            .collect()
    }
}
