//! Delivery to subscriptions: a bounded queue for each destination, or for each subscription of mode ANY.
//!
//! A write never waits for a queue. What does not fit is dropped and counted.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fluxstone_engine::{Deliver, DeliveredPoints, DeliveryStatistics, DestinationStatistics, Subscribed};
use fluxstone_model::SubscriptionMode;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

use super::channel::{Channel, Counted, Counts, Queued};
use super::destination::Destination;

/// The unit in which the memory of queues is counted.
const MEMORY_UNIT: usize = 1 << 10;

/// `[subscriber]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriberOptions {
    /// How long a destination may take to answer.
    pub time_limit: Duration,
    /// Whether certificates are not checked.
    pub accept_any_certificate: bool,
    /// A PEM file with the only certificates that are trusted; empty trusts those of the system.
    pub trusted_certificates: PathBuf,
    /// How many writes are sent to a destination at the same time.
    pub concurrency: usize,
    /// How many writes wait for a destination.
    pub queue_len: usize,
    /// The memory of all queues together, bytes.
    pub queue_bytes: usize,
}

/// Why the settings of subscriptions cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SubscriberSetupError {
    /// The file with trusted certificates cannot be read.
    #[error("can't read {}: {error}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// The certificates or the system's own are invalid.
    #[error("can't set up the client of subscriptions: {0}")]
    Client(#[from] reqwest::Error),
}

/// Which subscription, with all that a queue depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    database: String,
    policy: String,
    name: String,
    is_any: bool,
    destinations: Vec<String>,
}

impl Key {
    fn of(subscribed: Subscribed<'_>) -> Self {
        let Subscribed { database, policy, subscription } = subscribed;
        Key {
            database: database.to_owned(),
            policy: policy.to_owned(),
            name: subscription.name.clone(),
            is_any: subscription.mode == SubscriptionMode::Any,
            destinations: subscription.destinations.clone(),
        }
    }
}

/// The queues of a subscription. Dropping it closes them; what they hold is still sent.
#[derive(Debug)]
struct Queues {
    queues: Vec<mpsc::Sender<Queued>>,
    destinations: Vec<Arc<Counted>>,
}

/// Delivers to all subscriptions.
#[derive(Debug)]
pub(super) struct Subscriber {
    options: SubscriberOptions,
    /// Made when it is needed first: it reads the certificates of the system.
    client: OnceLock<Result<reqwest::Client, String>>,
    runtime: Handle,
    subscriptions: Mutex<HashMap<Key, Queues>>,
    /// One permit for each unit of memory that is free.
    memory: Arc<Semaphore>,
    total: Arc<Counts>,
}

impl Subscriber {
    /// Starts no tasks yet; they run on `runtime`.
    pub(super) fn new(options: SubscriberOptions, runtime: Handle) -> Result<Subscriber, SubscriberSetupError> {
        let client = OnceLock::new();
        if !options.trusted_certificates.as_os_str().is_empty() {
            let _ = client.set(Ok(new_client(&options)?));
        }
        let memory = Arc::new(Semaphore::new((options.queue_bytes / MEMORY_UNIT).min(Semaphore::MAX_PERMITS)));
        let subscriptions = Mutex::default();
        Ok(Subscriber { options, client, runtime, subscriptions, memory, total: Arc::default() })
    }

    fn queues_of(&self, key: &Key) -> Queues {
        let client = self.client.get_or_init(|| new_client(&self.options).map_err(|error| error.to_string()));
        let destination = |url: &String| {
            let destination = Destination::new(url, &key.database, &key.policy, client, self.options.time_limit);
            if !destination.is_usable() {
                tracing::warn!(destination = url, "a subscription has a destination that cannot be used");
            }
            Arc::new(Counted { destination, counts: Counts::default() })
        };
        let destinations: Vec<_> = key.destinations.iter().map(destination).collect();
        let groups: Vec<Vec<_>> = if key.is_any {
            vec![destinations.clone()]
        } else {
            destinations.iter().map(|destination| vec![Arc::clone(destination)]).collect()
        };
        let start = |destinations| {
            let (sender, queue) = mpsc::channel(self.options.queue_len.max(1));
            let (total, concurrency) = (Arc::clone(&self.total), self.options.concurrency.max(1));
            self.runtime.spawn(Channel { destinations, total, concurrency }.run(queue));
            sender
        };
        Queues { queues: groups.into_iter().map(start).collect(), destinations }
    }
}

impl Deliver for Subscriber {
    fn deliver(&self, subscribed: Subscribed<'_>, points: &DeliveredPoints) {
        let key = Key::of(subscribed);
        let mut subscriptions = self.subscriptions.lock();
        let queues = match subscriptions.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let queues = self.queues_of(new.key());
                new.insert(queues)
            }
        };
        let units = u32::try_from(points.lines.len().div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX);
        for (at, queue) in queues.queues.iter().enumerate() {
            let memory = Arc::clone(&self.memory).try_acquire_many_owned(units);
            let is_queued =
                memory.is_ok_and(|memory| queue.try_send(Queued { points: points.clone(), _memory: memory }).is_ok());
            if !is_queued {
                // For mode ANY there is one queue for all destinations; the first one stands for it.
                if let Some(counted) = queues.destinations.get(at) {
                    counted.counts.count_failure();
                }
                self.total.count_failure();
            }
        }
    }

    fn keep_only(&self, existing: &[Subscribed<'_>]) {
        let mut subscriptions = self.subscriptions.lock();
        if !subscriptions.is_empty() {
            let existing: HashSet<Key> = existing.iter().map(|&kept| Key::of(kept)).collect();
            subscriptions.retain(|key, _| existing.contains(key));
        }
    }

    fn statistics(&self) -> DeliveryStatistics {
        let subscriptions = self.subscriptions.lock();
        let unusable = subscriptions.values().flat_map(|queues| &queues.destinations);
        let create_failures = unusable.filter(|counted| !counted.destination.is_usable()).count() as u64;
        let mut destinations: Vec<DestinationStatistics> = subscriptions
            .iter()
            .flat_map(|(key, queues)| {
                queues.destinations.iter().map(|counted| DestinationStatistics {
                    database: key.database.clone(),
                    policy: key.policy.clone(),
                    name: key.name.clone(),
                    mode: if key.is_any { "ANY" } else { "ALL" },
                    destination: counted.destination.url().to_owned(),
                    counts: counted.counts.get(),
                })
            })
            .collect();
        destinations.sort_by(|one, other| {
            let [one, other] = [one, other].map(|d| (&d.database, &d.policy, &d.name));
            one.cmp(&other)
        });
        DeliveryStatistics { total: self.total.get(), create_failures, destinations }
    }
}

/// The client of HTTP destinations. It follows no redirections and uses no proxy, since a destination is written out in full.
fn new_client(options: &SubscriberOptions) -> Result<reqwest::Client, SubscriberSetupError> {
    // Fails if there is one already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent("Fluxstone")
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_danger_accept_invalid_certs(options.accept_any_certificate);
    if !options.time_limit.is_zero() {
        builder = builder.timeout(options.time_limit);
    }
    let path = &options.trusted_certificates;
    if !path.as_os_str().is_empty() {
        let pem =
            std::fs::read(path).map_err(|error| SubscriberSetupError::Certificates { path: path.clone(), error })?;
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem)?);
    }
    Ok(builder.build()?)
}
