//! Databases: their retention policies and continuous queries, and finding a policy by name.

use fluxstone_model::DatabaseId;
use serde::{Deserialize, Serialize};

use super::continuous_query::ContinuousQuery;
use super::error::CatalogError;
use super::policy::RetentionPolicy;

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Never reused.
    pub id: DatabaseId,
    /// Unique among the databases that exist.
    pub name: String,
    /// The name of the default policy; empty if there never was one. It stays when that policy is dropped, so that no points
    /// silently go to another policy.
    pub default_policy: String,
    /// In the order of creation.
    pub policies: Vec<RetentionPolicy>,
    /// In the order of creation.
    pub continuous_queries: Vec<ContinuousQuery>,
}

impl Database {
    /// A database without policies.
    pub fn new(id: DatabaseId, name: String) -> Self {
        Database { id, name, default_policy: String::new(), policies: Vec::new(), continuous_queries: Vec::new() }
    }

    /// The policy named `name`.
    pub fn policy(&self, name: &str) -> Option<&RetentionPolicy> {
        self.policies.iter().find(|p| p.name == name)
    }

    /// The continuous query named `name`.
    pub fn continuous_query(&self, name: &str) -> Option<&ContinuousQuery> {
        self.continuous_queries.iter().find(|q| q.name == name)
    }

    /// The policy named `name`, or the default policy if `name` is empty.
    pub fn policy_or_default(&self, name: &str) -> Result<&RetentionPolicy, CatalogError> {
        let name = if name.is_empty() { &self.default_policy } else { name };
        self.policy(name).ok_or_else(|| CatalogError::PolicyNotFound(name.to_owned()))
    }

    pub(super) fn policy_mut(&mut self, name: &str) -> Option<&mut RetentionPolicy> {
        self.policies.iter_mut().find(|p| p.name == name)
    }
}
