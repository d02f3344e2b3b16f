//! Retention policies: the value, and the decisions to create, alter and drop one.

use fluxstone_model::Nanos;
use serde::{Deserialize, Serialize};

use super::name::is_valid_name;
use super::{Catalog, CatalogError, Change, ShardGroups, Subscription};

/// The name of the policy that a new database gets.
pub const DEFAULT_POLICY: &str = "autogen";

const SHORTEST_DURATION: Nanos = Nanos::HOUR;

/// How long points are kept, and how time is divided into shard groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionPolicy {
    /// Unique within the database.
    pub name: String,
    /// How long points are kept; zero means forever.
    pub duration: Nanos,
    /// The length of new shard groups; positive.
    pub shard_duration: Nanos,
    /// Stored and shown, without effect: there is always one copy.
    pub replication: u32,
    /// The shard groups into which its time is divided.
    pub groups: ShardGroups,
    /// In the order of creation.
    pub subscriptions: Vec<Subscription>,
}

/// A policy as requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySpec {
    /// The name.
    pub name: String,
    /// How long points are kept; zero means forever.
    pub duration: Nanos,
    /// The length of shard groups; zero means the default for the duration.
    pub shard_duration: Nanos,
    /// The replication factor.
    pub replication: u32,
}

/// The request of ALTER RETENTION POLICY; `None` leaves a property unchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PolicyAlteration {
    /// A new duration.
    pub duration: Option<Nanos>,
    /// A new length of shard groups, as written.
    pub shard_duration: Option<Nanos>,
    /// A new replication factor.
    pub replication: Option<u32>,
    /// Whether the policy becomes the default.
    pub default: bool,
}

impl PolicySpec {
    /// The policy of a database that was created without WITH.
    pub fn autogen() -> Self {
        PolicySpec { name: DEFAULT_POLICY.to_owned(), duration: Nanos(0), shard_duration: Nanos(0), replication: 1 }
    }

    /// The same with its effective shard duration.
    #[must_use]
    pub(super) fn normalized(self) -> Self {
        PolicySpec { shard_duration: normalized_shard_duration(self.shard_duration, self.duration), ..self }
    }

    pub(super) fn check_name_and_minimum(&self) -> Result<(), CatalogError> {
        if !is_valid_name(&self.name) {
            return Err(CatalogError::InvalidName);
        }
        check_minimum(self.duration)
    }

    /// Checks that points do not expire before their shard group ends.
    pub(super) fn check_durations(&self) -> Result<(), CatalogError> {
        let shard_duration = normalized_shard_duration(self.shard_duration, self.duration);
        if self.duration > Nanos(0) && self.duration < shard_duration {
            return Err(CatalogError::IncompatibleDurations);
        }
        Ok(())
    }
}

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

fn check_minimum(duration: Nanos) -> Result<(), CatalogError> {
    if duration != Nanos(0) && duration < SHORTEST_DURATION {
        return Err(CatalogError::PolicyDurationTooLow);
    }
    Ok(())
}

/// The effective length of shard groups: the default for the policy's duration if zero is requested, otherwise at least an hour.
pub(super) fn normalized_shard_duration(requested: Nanos, duration: Nanos) -> Nanos {
    const HALF_YEAR: Nanos = Nanos(180 * Nanos::DAY.0);
    const TWO_DAYS: Nanos = Nanos(2 * Nanos::DAY.0);
    if requested > Nanos(0) {
        requested.max(Nanos::HOUR)
    } else if duration == Nanos(0) || duration >= HALF_YEAR {
        Nanos::WEEK
    } else if duration >= TWO_DAYS {
        Nanos::DAY
    } else {
        Nanos::HOUR
    }
}
