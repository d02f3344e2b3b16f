//! The seam between the engine and what carries points to subscriptions: the trait [`Deliver`], what it takes, and what it counts.

use std::fmt::Debug;
use std::sync::Arc;

use fluxstone_catalog::Subscription;

/// Carries points to the destinations of subscriptions.
pub trait Deliver: Debug + Send + Sync {
    /// Takes the points of one write for one subscription. Must not wait: what cannot be queued is dropped and counted.
    fn deliver(&self, subscription: Subscribed<'_>, points: &DeliveredPoints);

    /// Forgets the queues and counts of subscriptions that do not exist any more. Called after changes of the catalog.
    fn keep_only(&self, existing: &[Subscribed<'_>]);

    /// The counts of each subscription that has been delivered to, and of all together.
    fn statistics(&self) -> DeliveryStatistics;
}

/// A subscription and what it subscribes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribed<'a> {
    /// The name of the database.
    pub database: &'a str,
    /// The name of the policy.
    pub policy: &'a str,
    /// Its name, mode and destinations.
    pub subscription: &'a Subscription,
}

/// The points of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveredPoints {
    /// Line protocol with times in nanoseconds, a line for each point.
    pub lines: Arc<[u8]>,
    /// Where the line of each point ends. (Names and strings may hold newlines.)
    pub ends: Arc<[usize]>,
}

impl DeliveredPoints {
    /// The number of points.
    pub fn count(&self) -> u64 {
        self.ends.len() as u64
    }
}

/// What became of points that were to be delivered, since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryCounts {
    /// Points that a destination has taken.
    pub points_written: u64,
    /// Writes that no destination took, or that were dropped because a queue was full.
    pub write_failures: u64,
}

/// The counts of one destination of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationStatistics {
    /// The name of the database.
    pub database: String,
    /// The name of the policy.
    pub policy: String,
    /// The name of the subscription.
    pub name: String,
    /// `ALL` or `ANY`.
    pub mode: &'static str,
    /// The URL.
    pub destination: String,
    /// Its counts.
    pub counts: DeliveryCounts,
}

/// The counts of all subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryStatistics {
    /// Of all together, including those that have been dropped.
    pub total: DeliveryCounts,
    /// Destinations that can never be reached because of how they are written.
    pub create_failures: u64,
    /// Of each destination.
    pub destinations: Vec<DestinationStatistics>,
}
