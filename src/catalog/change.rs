//! Changes of the catalog: what the log keeps, and what each does.

use std::sync::Arc;

use fluxstone_model::DatabaseId;
use serde::{Deserialize, Serialize};

use super::{
    Catalog, ContinuousQuery, Database, PolicySpec, Privileges, RetentionPolicy, ShardGroup, ShardGroups, Subscription,
    User,
};

/// One change. All that is not a function of the catalog before it (ids, hashes, times) stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named as the statements that cause them")]
pub enum Change {
    CreateDatabase {
        id: DatabaseId,
        name: String,
    },
    /// With its policies, continuous queries and subscriptions, and the grants on its name.
    DropDatabase {
        id: DatabaseId,
    },
    CreatePolicy {
        database: DatabaseId,
        policy: PolicySpec,
        default: bool,
    },
    /// `policy` holds the new values; its name says which one is altered.
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
    /// The catalog after `change`. Total: a change of something that is not there changes nothing.
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

    /// Applies `change` in place; for replay.
    pub fn absorb(&mut self, change: &Change) {
        match change {
            Change::CreateDatabase { id, name } => {
                self.last_database = self.last_database.max(id.0);
                if self.database(name).is_none() {
                    self.databases.push(Arc::new(Database::new(*id, name.clone())));
                }
            }
            Change::DropDatabase { id } => self.absorb_drop_database(*id),
            Change::CreateGroup { database, policy, group } => self.absorb_group(*database, policy, *group),
            Change::CreatePolicy { database, .. }
            | Change::AlterPolicy { database, .. }
            | Change::DropPolicy { database, .. }
            | Change::DropGroup { database, .. }
            | Change::CreateContinuousQuery { database, .. }
            | Change::DropContinuousQuery { database, .. }
            | Change::CreateSubscription { database, .. }
            | Change::DropSubscription { database, .. } => {
                if let Some(database) = self.database_mut(*database) {
                    database.absorb(change);
                }
            }
            Change::CreateUser { .. }
            | Change::DropUser { .. }
            | Change::SetPassword { .. }
            | Change::SetAdmin { .. }
            | Change::SetGrant { .. } => self.absorb_user(change),
        }
    }

    fn absorb_drop_database(&mut self, id: DatabaseId) {
        let Some(at) = self.databases.iter().position(|d| d.id == id) else { return };
        let dropped = self.databases.remove(at);
        for user in &mut self.users {
            user.grants.remove(&dropped.name);
        }
    }

    fn absorb_group(&mut self, database: DatabaseId, policy: &str, group: ShardGroup) {
        self.last_group = self.last_group.max(group.id);
        self.last_shard = self.last_shard.max(group.shard.0);
        if let Some(policy) = self.database_mut(database).and_then(|d| d.policy_mut(policy)) {
            policy.groups.insert(group);
        }
    }

    fn absorb_user(&mut self, change: &Change) {
        match change {
            Change::CreateUser { name, hash, admin } if self.user(name).is_none() => {
                let grants = std::collections::BTreeMap::new();
                self.users.push(User { name: name.clone(), hash: hash.clone(), admin: *admin, grants });
            }
            Change::DropUser { name } => self.users.retain(|u| u.name != *name),
            Change::SetPassword { name, hash } => {
                self.users.iter_mut().filter(|u| u.name == *name).for_each(|u| u.hash.clone_from(hash));
            }
            Change::SetAdmin { name, admin } => {
                self.users.iter_mut().filter(|u| u.name == *name).for_each(|u| u.admin = *admin);
            }
            Change::SetGrant { user, database, privileges } => {
                for user in self.users.iter_mut().filter(|u| u.name == *user) {
                    user.grants.insert(database.clone(), *privileges);
                }
            }
            _ => {}
        }
    }
}

impl Database {
    fn absorb(&mut self, change: &Change) {
        match change {
            Change::CreatePolicy { policy, default, .. } => self.absorb_new_policy(policy, *default),
            Change::AlterPolicy { policy: new, default, .. } => {
                let Some(policy) = self.policy_mut(&new.name) else { return };
                policy.duration = new.duration;
                policy.shard_duration = new.shard_duration;
                policy.replication = new.replication;
                if *default {
                    self.default_policy.clone_from(&new.name);
                }
            }
            Change::DropPolicy { name, .. } => self.policies.retain(|p| p.name != *name),
            Change::DropGroup { group, .. } => {
                for policy in &mut self.policies {
                    policy.groups.remove(*group);
                }
            }
            Change::CreateContinuousQuery { query, .. } => {
                self.continuous_queries.retain(|q| q.name != query.name);
                self.continuous_queries.push(query.clone());
            }
            Change::DropContinuousQuery { name, .. } => self.continuous_queries.retain(|q| q.name != *name),
            Change::CreateSubscription { policy, subscription, .. } => {
                if let Some(policy) = self.policy_mut(policy) {
                    policy.subscriptions.retain(|s| s.name != subscription.name);
                    policy.subscriptions.push(subscription.clone());
                }
            }
            Change::DropSubscription { policy, name, .. } => {
                if let Some(policy) = self.policy_mut(policy) {
                    policy.subscriptions.retain(|s| s.name != *name);
                }
            }
            _ => {}
        }
    }

    fn absorb_new_policy(&mut self, spec: &PolicySpec, default: bool) {
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
}
