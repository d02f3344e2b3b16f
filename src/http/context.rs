//! The context that all requests to one server share: the engine, the settings, the counters, and the bounds on concurrent
//! work. Waiting for a permit and what to do without one is left to the endpoints.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use hyper::header::HeaderValue;
use tokio::sync::Semaphore;

use super::api::Api;
use super::body::BodyMemory;
use super::counters::Counters;
use super::options::HttpOptions;

/// Queries that run at once; further ones wait.
const QUERIES_MAX: usize = 128;

/// Queries with `async=true` that run at once; further ones are refused.
const ASYNC_QUERIES_MAX: usize = 16;

/// Writes that run at once; further ones wait. Those that wait for the disk share one fsync.
const WRITES_MAX: usize = 64;

/// Passwords checked at once: each check takes a lot of memory and a core.
const LOGINS_MAX: usize = 8;

/// Bytes of request bodies in memory at once, unless a single body may be larger than half of it.
const BODY_MEMORY_BYTES: usize = 512 << 20;

/// The blocking threads that the runtime must allow: one for each job, and a few to spare.
pub const BLOCKING_THREADS_MAX: usize = QUERIES_MAX + ASYNC_QUERIES_MAX + WRITES_MAX + LOGINS_MAX + 8;

/// The context of a server's requests.
#[derive(Debug)]
pub(super) struct ServerContext<A> {
    pub(super) api: Arc<A>,
    pub(super) options: HttpOptions,
    pub(super) counters: Counters,
    pub(super) started: Instant,
    /// The `Www-Authenticate` header of a 401.
    pub(super) challenge: HeaderValue,
    pub(super) queries: Arc<Semaphore>,
    pub(super) async_queries: Arc<Semaphore>,
    pub(super) writes: Semaphore,
    pub(super) logins: Semaphore,
    pub(super) body_memory: BodyMemory,
    request_ids: RequestIds,
}

impl<A: Api> ServerContext<A> {
    pub(super) fn new(api: Arc<A>, options: HttpOptions) -> ServerContext<A> {
        let challenge = HeaderValue::from_bytes(format!("Basic realm=\"{}\"", options.realm).as_bytes());
        let body_memory = BODY_MEMORY_BYTES.max(options.body_bytes_max.unwrap_or(0).saturating_mul(2));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        ServerContext {
            api,
            options,
            counters: Counters::default(),
            started: Instant::now(),
            challenge: challenge.unwrap_or(HeaderValue::from_static("Basic")),
            queries: Arc::new(Semaphore::new(QUERIES_MAX)),
            async_queries: Arc::new(Semaphore::new(ASYNC_QUERIES_MAX)),
            writes: Semaphore::new(WRITES_MAX),
            logins: Semaphore::new(cores.min(LOGINS_MAX)),
            body_memory: BodyMemory::new(body_memory),
            request_ids: RequestIds::new(),
        }
    }

    /// Returns a new time-based UUID.
    pub(super) fn request_id(&self) -> String {
        self.request_ids.next()
    }

    /// The largest body that is accepted, in bytes.
    pub(super) fn body_bytes_max(&self) -> usize {
        self.options.body_bytes_max.unwrap_or(usize::MAX)
    }

    /// The current time in seconds since 1970, as tokens count it.
    #[expect(clippy::unused_self, reason = "the clock is the server's")]
    pub(super) fn unix_seconds(&self) -> i64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }
}

/// Generates version 1 UUIDs with one random node.
#[derive(Debug)]
struct RequestIds {
    context: uuid::ContextV1,
    node: [u8; 6],
}

impl RequestIds {
    fn new() -> RequestIds {
        let mut node: [u8; 6] = rand::random();
        // This bit marks a node that is not the address of a network card (RFC 9562, 6.10).
        node[0] |= 1;
        RequestIds { context: uuid::ContextV1::new(rand::random()), node }
    }

    fn next(&self) -> String {
        uuid::Uuid::new_v1(uuid::Timestamp::now(&self.context), &self.node).to_string()
    }
}
