//! The context that all requests to one server share: the engine, the settings, the counters, and the bounds on concurrent
//! work. Waiting for a permit and what to do without one is left to the endpoints.

use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use fluxstone_engine::Clock as _;
use hyper::header::HeaderValue;

use super::api::Api;
use super::body::BodyLimits;
use super::body_memory::BodyMemory;
use super::brief::BriefQueries;
use super::connections::Connections;
use super::control::Control;
use super::counters::Counters;
use super::explorer::Sessions;
use super::gate::Gate;
use super::options::HttpOptions;
use super::requests::LargeHeads;
use super::slots::QueryGates;

/// Queries that show or kill queries, or show a little of the catalog. They wait for one another only.
const ADMINISTRATION_MAX: usize = 8;

/// Queries with `async=true` that run at once; further ones are refused.
const ASYNC_QUERIES_MAX: usize = 16;

/// Passwords checked at once: each check takes a lot of memory and a core.
const LOGINS_MAX: usize = 8;

/// TLS handshakes that a thread computes before it serves others, half a millisecond each. Fewer would make new connections wait for
/// many rounds of a busy thread.
const HANDSHAKES_PER_THREAD: usize = 8;

/// Returns the number of blocking threads that the runtime must allow: one for each job, and a few to spare.
pub(super) fn blocking_threads_max(options: &HttpOptions) -> usize {
    options.answers_max + options.writes_max + ADMINISTRATION_MAX + ASYNC_QUERIES_MAX + LOGINS_MAX + 8
}

/// The context of a server's requests.
#[derive(Debug)]
pub(super) struct ServerContext<A> {
    pub(super) api: Arc<A>,
    pub(super) options: HttpOptions,
    pub(super) counters: Counters,
    pub(super) connections: Connections,
    pub(super) started: Instant,
    /// The `Www-Authenticate` header of a 401.
    pub(super) challenge: HeaderValue,
    /// Queries that compute. Those whose clients are slow to read wait.
    pub(super) queries: QueryGates,
    /// Queries that compute or wait for their clients to read. Each has a thread.
    pub(super) answers: Gate,
    pub(super) administration: Gate,
    pub(super) async_queries: Gate,
    pub(super) brief: BriefQueries,
    /// Writes. Those that wait for the disk share one fsync.
    pub(super) writes: Gate,
    pub(super) logins: Gate,
    /// The computing of TLS handshakes.
    pub(super) handshakes: Gate,
    /// Tells the users of an address apart in the queue for logins, in constant memory.
    pub(super) user_hash: RandomState,
    pub(super) body_memory: BodyMemory,
    pub(super) large_heads: LargeHeads,
    /// Set if the server may be controlled.
    pub(super) control: Option<Control>,
    /// Who is logged in to the explorer.
    pub(super) sessions: Sessions,
    request_ids: RequestIds,
    /// Whether the server is shutting down.
    stopping: AtomicBool,
}

impl<A: Api> ServerContext<A> {
    pub(super) fn new(api: Arc<A>, options: HttpOptions) -> ServerContext<A> {
        let challenge = HeaderValue::from_bytes(format!("Basic realm=\"{}\"", options.realm).as_bytes());
        let body_memory = BodyMemory::new(options.body_memory_bytes_max.unwrap_or(usize::MAX));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        ServerContext {
            queries: QueryGates::new(options.queries_max, cores),
            answers: Gate::new(options.answers_max),
            control: options.control.clone().map(Control::new),
            handshakes: Gate::new(options.threads.max(1) * HANDSHAKES_PER_THREAD),
            writes: Gate::new(options.writes_max),
            api,
            options,
            counters: Counters::default(),
            connections: Connections::default(),
            started: Instant::now(),
            challenge: challenge.unwrap_or(HeaderValue::from_static("Basic")),
            administration: Gate::new(ADMINISTRATION_MAX),
            async_queries: Gate::new(ASYNC_QUERIES_MAX),
            brief: BriefQueries::new(),
            logins: Gate::new(cores.min(LOGINS_MAX)),
            user_hash: RandomState::new(),
            body_memory,
            large_heads: LargeHeads::default(),
            sessions: Sessions::default(),
            request_ids: RequestIds::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Whether the server is shutting down.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Says that the server is shutting down.
    pub(super) fn begin_to_stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Returns a new time-based UUID.
    pub(super) fn request_id(&self) -> String {
        self.request_ids.next()
    }

    /// The limits on the body of a request.
    pub(super) fn body_limits(&self) -> BodyLimits {
        let bytes_max = self.options.body_bytes_max.unwrap_or(usize::MAX);
        BodyLimits { bytes_max, rate_min: self.options.transfer_rate_min }
    }

    /// The current time in seconds since 1970, as tokens count it.
    pub(super) fn unix_seconds(&self) -> i64 {
        self.api.clock().now().0.div_euclid(1_000_000_000)
    }

    /// The `Date` header, if it does not show the time of the system.
    pub(super) fn date(&self) -> Option<HeaderValue> {
        let clock = self.api.clock().settable().filter(|clock| !clock.is_exact())?;
        let now = jiff::Timestamp::from_second(clock.now().0.div_euclid(1_000_000_000)).ok()?;
        HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
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
        self.at(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    }

    /// `since` is the time since 1970. `uuid` reads the clock itself, and panics if it is before 1970.
    fn at(&self, since: Duration) -> String {
        let time = uuid::Timestamp::from_unix(&self.context, since.as_secs(), since.subsec_nanos());
        uuid::Uuid::new_v1(time, &self.node).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: http.headers.3
    #[test]
    fn request_ids_do_not_depend_on_the_century() {
        let ids = RequestIds::new();
        let years = |years: u64| Duration::from_secs(years * 31_556_952);
        let times = [Duration::ZERO, years(1), years(68), years(137), years(3000), years(500_000_000_000)];
        let made: std::collections::HashSet<_> = times.iter().chain(&times).map(|&time| ids.at(time)).collect();
        assert_eq!(made.len(), 2 * times.len());
    }
}
