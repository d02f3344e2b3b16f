//! The catalog as a value, and looking things up in it.

use std::sync::Arc;

use fluxstone_model::{DatabaseId, ShardId};
use serde::{Deserialize, Serialize};

use super::database::Database;
use super::error::CatalogError;
use super::policy::RetentionPolicy;
use super::shard_group::ShardGroup;
use super::user::User;

/// All state other than the points.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// In the order of creation.
    pub(super) databases: Vec<Arc<Database>>,
    /// In the order of creation.
    pub(super) users: Vec<User>,
    /// The highest database id ever used.
    pub(super) last_database: u64,
    /// The highest shard group id ever used.
    pub(super) last_group: u64,
    /// The highest shard id ever used.
    pub(super) last_shard: u64,
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

    pub(super) fn required_database(&self, name: &str) -> Result<&Database, CatalogError> {
        self.database(name).ok_or_else(|| CatalogError::DatabaseNotFound(name.to_owned()))
    }

    pub(super) fn database_mut(&mut self, id: DatabaseId) -> Option<&mut Database> {
        self.databases.iter_mut().find(|d| d.id == id).map(Arc::make_mut)
    }
}
