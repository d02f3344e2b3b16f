//! Retention policies: how long points are kept, how time is divided into shard groups, and the limits of both.

use fluxstone_model::Nanos;
use serde::{Deserialize, Serialize};

use super::error::CatalogError;
use super::name::is_valid_name;
use super::shard_group::ShardGroups;
use super::subscription::Subscription;

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

/// Checks that a policy keeps its points for an hour at least, or forever.
pub(super) fn check_minimum(duration: Nanos) -> Result<(), CatalogError> {
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
