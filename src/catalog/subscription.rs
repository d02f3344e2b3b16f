//! Subscriptions. Delivering points to them is left to others.

use fluxstone_model::SubscriptionMode;
use serde::{Deserialize, Serialize};

/// A request to deliver the points of a policy elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Unique within its policy.
    pub name: String,
    /// ALL or ANY.
    pub mode: SubscriptionMode,
    /// URLs with the scheme udp, http or https and a port.
    pub destinations: Vec<String>,
}
