//! Changes of the catalog, which the log keeps, and their effects.
//!
//! Applying a change is total and deterministic: it never fails, and depends only on the catalog and the change.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluxstone_model::DatabaseId;
use serde::{Deserialize, Serialize};

use super::catalog::Catalog;
use super::continuous_query::ContinuousQuery;
use super::database::Database;
use super::policy::{PolicySpec, RetentionPolicy};
use super::shard_group::{ShardGroup, ShardGroups};
use super::subscription::Subscription;
use super::user::{Privileges, User};

/// One change. It contains everything that does not follow from the catalog before it: ids, hashes, times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is named after the statement that causes it")]
pub enum Change {
    CreateDatabase {
        id: DatabaseId,
        name: String,
    },
    /// Also drops its policies, continuous queries and subscriptions, and the grants on its name.
    DropDatabase {
        id: DatabaseId,
    },
    CreatePolicy {
        database: DatabaseId,
        policy: PolicySpec,
        default: bool,
    },
    /// `policy` holds the new values and the name of the policy to alter.
    AlterPolicy {
        database: DatabaseId,
        policy: PolicySpec,
        default: bool,
    },
    DropPolicy {
        database: DatabaseId,
        name: String,
    },
    CreateGroup {
        database: DatabaseId,
        policy: String,
        group: ShardGroup,
    },
    DropGroup {
        database: DatabaseId,
        group: u64,
    },
    CreateUser {
        name: String,
        hash: String,
        admin: bool,
    },
    DropUser {
        name: String,
    },
    SetPassword {
        name: String,
        hash: String,
    },
    SetAdmin {
        name: String,
        admin: bool,
    },
    SetGrant {
        user: String,
        database: String,
        privileges: Privileges,
    },
    CreateContinuousQuery {
        database: DatabaseId,
        query: ContinuousQuery,
    },
    DropContinuousQuery {
        database: DatabaseId,
        name: String,
    },
    /// `at` is the time that counts as that of the last run.
    RunContinuousQuery {
        database: DatabaseId,
        name: String,
        at: i64,
    },
    CreateSubscription {
        database: DatabaseId,
        policy: String,
        subscription: Subscription,
    },
    DropSubscription {
        database: DatabaseId,
        policy: String,
        name: String,
    },
}

impl Catalog {
    /// The catalog after `change`. A change of something that does not exist has no effect.
    #[must_use]
    pub fn apply(&self, change: &Change) -> Catalog {
        self.apply_all(std::slice::from_ref(change))
    }

    /// The catalog after all of `changes`, in order.
    #[must_use]
    pub fn apply_all(&self, changes: &[Change]) -> Catalog {
        let mut catalog = self.clone();
        for change in changes {
            catalog.absorb(change);
        }
        catalog
    }

    /// Applies `change` in place, for replay.
    pub fn absorb(&mut self, change: &Change) {
        match change {
            Change::CreateDatabase { id, name } => self.add_database(*id, name),
            Change::DropDatabase { id } => self.remove_database(*id),
            Change::CreatePolicy { database, policy, default } => {
                self.in_database(*database, |database| database.add_policy(policy, *default));
            }
            Change::AlterPolicy { database, policy, default } => {
                self.in_database(*database, |database| database.alter_policy(policy, *default));
            }
            Change::DropPolicy { database, name } => {
                self.in_database(*database, |database| database.policies.retain(|p| p.name != *name));
            }
            Change::CreateGroup { database, policy, group } => self.add_group(*database, policy, *group),
            Change::DropGroup { database, group } => self.in_database(*database, |database| {
                database.policies.iter_mut().for_each(|policy| policy.groups.remove(*group));
            }),
            Change::CreateUser { name, hash, admin } => self.add_user(name, hash, *admin),
            Change::DropUser { name } => {
                self.users.retain(|u| u.name != *name);
                self.mark_continuous_queries_of(name);
            }
            Change::SetPassword { name, hash } => self.with_user(name, |user| user.hash.clone_from(hash)),
            Change::SetAdmin { name, admin } => self.with_user(name, |user| user.admin = *admin),
            Change::SetGrant { user, database, privileges } => self.with_user(user, |user| {
                user.grants.insert(database.clone(), *privileges);
            }),
            Change::CreateContinuousQuery { database, query } => self.in_database(*database, |database| {
                database.continuous_queries.retain(|q| q.name != query.name);
                database.continuous_queries.push(query.clone());
            }),
            Change::DropContinuousQuery { database, name } => {
                self.in_database(*database, |database| database.continuous_queries.retain(|q| q.name != *name));
            }
            Change::RunContinuousQuery { database, name, at } => self.in_database(*database, |database| {
                if let Some(query) = database.continuous_queries.iter_mut().find(|q| q.name == *name) {
                    query.last_run = Some(*at);
                }
            }),
            Change::CreateSubscription { database, policy, subscription } => {
                self.in_policy(*database, policy, |policy| {
                    policy.subscriptions.retain(|s| s.name != subscription.name);
                    policy.subscriptions.push(subscription.clone());
                });
            }
            Change::DropSubscription { database, policy, name } => {
                self.in_policy(*database, policy, |policy| policy.subscriptions.retain(|s| s.name != *name));
            }
        }
    }

    /// Notes in the continuous queries of an author that the author was dropped.
    fn mark_continuous_queries_of(&mut self, author: &str) {
        let is_theirs = |query: &ContinuousQuery| query.author.as_deref() == Some(author);
        for database in &mut self.databases {
            if database.continuous_queries.iter().any(is_theirs) {
                let queries = &mut Arc::make_mut(database).continuous_queries;
                queries.iter_mut().filter(|query| is_theirs(query)).for_each(|query| query.author_dropped = true);
            }
        }
    }

    /// Changes the database, if it exists.
    fn in_database(&mut self, id: DatabaseId, change: impl FnOnce(&mut Database)) {
        if let Some(database) = self.database_mut(id) {
            change(database);
        }
    }

    /// Changes the policy, if it exists.
    fn in_policy(&mut self, database: DatabaseId, name: &str, change: impl FnOnce(&mut RetentionPolicy)) {
        if let Some(policy) = self.database_mut(database).and_then(|d| d.policy_mut(name)) {
            change(policy);
        }
    }

    /// Changes the user, if it exists.
    fn with_user(&mut self, name: &str, change: impl FnOnce(&mut User)) {
        if let Some(user) = self.users.iter_mut().find(|u| u.name == name) {
            change(user);
        }
    }

    fn add_database(&mut self, id: DatabaseId, name: &str) {
        self.last_database = self.last_database.max(id.0);
        if self.database(name).is_none() {
            self.databases.push(Arc::new(Database::new(id, name.to_owned())));
        }
    }

    fn remove_database(&mut self, id: DatabaseId) {
        let Some(at) = self.databases.iter().position(|d| d.id == id) else { return };
        let dropped = self.databases.remove(at);
        for user in &mut self.users {
            user.grants.remove(&dropped.name);
        }
    }

    fn add_group(&mut self, database: DatabaseId, policy: &str, group: ShardGroup) {
        self.last_group = self.last_group.max(group.id);
        self.last_shard = self.last_shard.max(group.shard.0);
        self.in_policy(database, policy, |policy| policy.groups.insert(group));
    }

    fn add_user(&mut self, name: &str, hash: &str, admin: bool) {
        if self.user(name).is_none() {
            self.users.push(User { name: name.to_owned(), hash: hash.to_owned(), admin, grants: BTreeMap::new() });
        }
    }
}

impl Database {
    fn add_policy(&mut self, spec: &PolicySpec, default: bool) {
        if self.policy(&spec.name).is_none() {
            self.policies.push(RetentionPolicy {
                name: spec.name.clone(),
                duration: spec.duration,
                shard_duration: spec.shard_duration,
                replication: spec.replication,
                groups: ShardGroups::default(),
                subscriptions: Vec::new(),
            });
        }
        if default {
            self.default_policy.clone_from(&spec.name);
        }
    }

    fn alter_policy(&mut self, spec: &PolicySpec, default: bool) {
        let Some(policy) = self.policy_mut(&spec.name) else { return };
        policy.duration = spec.duration;
        policy.shard_duration = spec.shard_duration;
        policy.replication = spec.replication;
        if default {
            self.default_policy.clone_from(&spec.name);
        }
    }
}
