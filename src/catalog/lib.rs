//! The catalog: databases, retention policies, shard groups, users, grants, continuous queries, subscriptions.
//!
//! A [`Catalog`] is an immutable value. A decision (`create_database`, `drop_user`, ...) is a pure function of a catalog and a
//! request: it returns the [`Change`]s that fulfil the request, in order, or the error that clients see. No changes mean that
//! the request is already fulfilled. [`Catalog::apply`] applies a change; the log keeps changes. The catalog knows no files, no
//! clock and no randomness: changes contain ids, hashes and times.
//!
//! Invariant: names are unique where they are looked up, and ids are never reused.

mod change;
mod continuous_query;
mod database;
mod error;
mod name;
mod policy;
mod shard_group;
mod subscription;
#[cfg(test)]
mod tests;
mod user;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use change::Change;
pub use continuous_query::ContinuousQuery;
pub use database::Database;
pub use error::CatalogError;
pub use policy::{DEFAULT_POLICY, PolicyAlteration, PolicySpec, RetentionPolicy};
pub use shard_group::{GroupPlanner, ShardGroup, ShardGroups};
pub use subscription::Subscription;
pub use user::{Privileges, User};

use fluxstone_model::{DatabaseId, ShardId};

/// All state other than the points.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// In the order of creation.
    databases: Vec<Arc<Database>>,
    /// In the order of creation.
    users: Vec<User>,
    /// The highest database id ever used.
    last_database: u64,
    /// The highest shard group id ever used.
    last_group: u64,
    /// The highest shard id ever used.
    last_shard: u64,
}

impl Catalog {
    /// The databases in the order of creation.
    pub fn databases(&self) -> impl ExactSizeIterator<Item = &Database> {
        self.databases.iter().map(AsRef::as_ref)
    }

    /// The database named `name`.
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases().find(|d| d.name == name)
    }

    /// The database named `name`, shared.
    pub fn database_shared(&self, name: &str) -> Option<Arc<Database>> {
        self.databases.iter().find(|d| d.name == name).cloned()
    }

    /// The users in the order of creation.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// The user named `name`.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|u| u.name == name)
    }

    /// Whether any user is an administrator.
    pub fn has_admin(&self) -> bool {
        self.users.iter().any(|u| u.admin)
    }

    /// The database, policy and group that `shard` belongs to.
    pub fn shard(&self, shard: ShardId) -> Option<(&Database, &RetentionPolicy, &ShardGroup)> {
        self.databases().find_map(|database| {
            database.policies.iter().find_map(|policy| {
                policy.groups.iter().find(|g| g.shard == shard).map(|group| (database, policy, group))
            })
        })
    }

    fn required_database(&self, name: &str) -> Result<&Database, CatalogError> {
        self.database(name).ok_or_else(|| CatalogError::DatabaseNotFound(name.to_owned()))
    }

    fn database_mut(&mut self, id: DatabaseId) -> Option<&mut Database> {
        self.databases.iter_mut().find(|d| d.id == id).map(Arc::make_mut)
    }
}
