//! Which points go to which subscriptions. How they get there is left to a [`Deliver`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use fluxstone_catalog::Catalog;
use fluxstone_columns::PointBatch;

use super::delivery::{Deliver, DeliveredPoints, Subscribed};
use super::lines::write_points;
use super::{Core, Engine};

impl Engine {
    /// Delivers all points that are stored from now on through `deliver`. The first call counts.
    pub fn deliver_through(&self, deliver: Arc<dyn Deliver>) {
        // A second one would be a defect of the caller, which the first one survives.
        let _ = self.core.delivery.set(deliver);
    }
}

impl Core {
    /// Delivers the points of a write that has been stored, also those that were dropped from it. An empty `policy` is the default
    /// one.
    pub(super) fn deliver(&self, database: &str, policy: &str, batch: &PointBatch<'_>) {
        let Some(delivery) = self.delivery.get() else { return };
        let catalog = self.catalog.visible();
        let Some(known) = catalog.database(database) else { return };
        let Ok(policy) = known.policy_or_default(policy) else { return };
        if policy.subscriptions.is_empty() || batch.rows().is_empty() {
            return;
        }
        self.counters.writes_delivered.fetch_add(1, Ordering::Relaxed);
        let mut lines = Vec::new();
        let ends = write_points(batch, &mut lines);
        let points = DeliveredPoints { lines: lines.into(), ends: ends.into() };
        for subscription in &policy.subscriptions {
            delivery.deliver(Subscribed { database, policy: &policy.name, subscription }, &points);
        }
    }

    /// Tells the delivery which subscriptions there are, if the catalog is another one than the last time.
    pub(super) fn refresh_delivery(&self, last: &mut Option<Arc<Catalog>>) {
        let Some(delivery) = self.delivery.get() else { return };
        let catalog = self.catalog.visible();
        if last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &catalog)) {
            return;
        }
        let existing: Vec<Subscribed<'_>> = catalog
            .databases()
            .flat_map(|database| database.policies.iter().map(move |policy| (database, policy)))
            .flat_map(|(database, policy)| {
                let (database, policy_name) = (database.name.as_str(), policy.name.as_str());
                let subscribed = move |subscription| Subscribed { database, policy: policy_name, subscription };
                policy.subscriptions.iter().map(subscribed)
            })
            .collect();
        delivery.keep_only(&existing);
        *last = Some(catalog);
    }
}
