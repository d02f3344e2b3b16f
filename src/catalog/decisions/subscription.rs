//! The decisions to create and drop a subscription.

use crate::catalog::Catalog;
use crate::change::Change;
use crate::error::CatalogError;
use crate::subscription::Subscription;

impl Catalog {
    /// `CREATE SUBSCRIPTION`. The URLs are checked before the names.
    pub fn create_subscription(
        &self,
        database: &str,
        policy: &str,
        subscription: Subscription,
    ) -> Result<Vec<Change>, CatalogError> {
        if let Some(bad) = subscription.destinations.iter().find(|url| !is_destination(url)) {
            return Err(CatalogError::InvalidSubscriptionUrl(bad.clone()));
        }
        let database = self.required_database(database)?;
        let policy = database.policy(policy).ok_or_else(|| CatalogError::PolicyNotFound(policy.to_owned()))?;
        if policy.subscriptions.iter().any(|s| s.name == subscription.name) {
            return Err(CatalogError::SubscriptionExists);
        }
        Ok(vec![Change::CreateSubscription { database: database.id, policy: policy.name.clone(), subscription }])
    }

    /// `DROP SUBSCRIPTION`.
    pub fn drop_subscription(&self, database: &str, policy: &str, name: &str) -> Result<Vec<Change>, CatalogError> {
        let database = self.required_database(database)?;
        let policy = database.policy(policy).ok_or_else(|| CatalogError::PolicyNotFound(policy.to_owned()))?;
        if !policy.subscriptions.iter().any(|s| s.name == name) {
            return Err(CatalogError::SubscriptionNotFound);
        }
        Ok(vec![Change::DropSubscription { database: database.id, policy: policy.name.clone(), name: name.to_owned() }])
    }
}

/// Whether `url` has a known scheme, a host and a port.
fn is_destination(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    if !["udp", "http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return false;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let Some((_, port)) = host_and_port.rsplit_once(':') else { return false };
    !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}
