//! The server: listens, keeps connections within their limits, and ends without cutting answers off.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use fluxstone_compat::{AnswerSemantics, CsvNullCells};
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::api::Api;
use super::body::BodyMemory;
use super::counters::Counters;
use super::routes;
use super::socket::WatchedStream;

/// How long a connection may be idle, or a client take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a client may take nothing of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(75);

/// Bytes of the head of a request, and of what is read from a socket at once.
const READ_BUFFER_BYTES: usize = 128 << 10;

/// How long running requests may take when the server ends.
const GRACE: Duration = Duration::from_secs(10);

/// Queries that run at once; others wait.
const QUERIES_MAX: usize = 128;

/// Queries with `async=true` that run at once; others are refused.
const ASYNC_QUERIES_MAX: usize = 16;

/// Writes that are done at once; others wait. Those that wait for the disk share its fsync.
const WRITES_MAX: usize = 64;

/// Bytes of request bodies in memory at once, unless one alone may have half of that.
const BODY_MEMORY_BYTES: usize = 512 << 20;

/// The threads that may block at once, which the runtime must have.
pub const BLOCKING_THREADS_MAX: usize = QUERIES_MAX + ASYNC_QUERIES_MAX + WRITES_MAX + 16;

/// The settings of the `[http]` section that requests depend on.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// `auth-enabled`.
    pub auth_enabled: bool,
    /// `realm`.
    pub realm: String,
    /// `shared-secret`; empty refuses every token.
    pub shared_secret: String,
    /// `log-enabled`.
    pub log_requests: bool,
    /// `write-tracing`.
    pub write_tracing: bool,
    /// `max-row-limit`.
    pub rows_max: Option<usize>,
    /// `max-connection-limit`.
    pub connections_max: Option<usize>,
    /// `max-body-size`.
    pub body_bytes_max: Option<usize>,
    /// `[compat]`.
    pub semantics: AnswerSemantics,
    /// What a null cell of a CSV answer holds.
    pub csv_null_cells: CsvNullCells,
}

/// What all requests share.
#[derive(Debug)]
pub(super) struct Shared<A> {
    pub(super) api: Arc<A>,
    pub(super) options: HttpOptions,
    pub(super) counters: Counters,
    pub(super) started: Instant,
    /// `Www-Authenticate`.
    pub(super) challenge: HeaderValue,
    pub(super) queries: Arc<Semaphore>,
    pub(super) async_queries: Arc<Semaphore>,
    pub(super) writes: Semaphore,
    /// Password checks at once: each takes much memory and a core.
    pub(super) logins: Semaphore,
    pub(super) body_memory: BodyMemory,
    request_ids: RequestIds,
}

impl<A: Api> Shared<A> {
    fn new(api: Arc<A>, options: HttpOptions) -> Shared<A> {
        let challenge = HeaderValue::from_bytes(format!("Basic realm=\"{}\"", options.realm).as_bytes());
        let body_memory = BODY_MEMORY_BYTES.max(options.body_bytes_max.unwrap_or(0).saturating_mul(2));
        Shared {
            api,
            options,
            counters: Counters::default(),
            started: Instant::now(),
            challenge: challenge.unwrap_or(HeaderValue::from_static("Basic")),
            queries: Arc::new(Semaphore::new(QUERIES_MAX)),
            async_queries: Arc::new(Semaphore::new(ASYNC_QUERIES_MAX)),
            writes: Semaphore::new(WRITES_MAX),
            logins: Semaphore::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8)),
            body_memory: BodyMemory::new(body_memory),
            request_ids: RequestIds::new(),
        }
    }

    /// A new time-based UUID.
    pub(super) fn request_id(&self) -> String {
        self.request_ids.next()
    }

    /// Bytes that a body may have.
    pub(super) fn body_bytes_max(&self) -> usize {
        self.options.body_bytes_max.unwrap_or(usize::MAX)
    }

    /// The time as tokens count it.
    #[expect(clippy::unused_self, reason = "the clock is the server's")]
    pub(super) fn unix_seconds(&self) -> i64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }
}

/// Makes version 1 UUIDs of one random node.
#[derive(Debug)]
struct RequestIds {
    context: uuid::ContextV1,
    node: [u8; 6],
}

impl RequestIds {
    fn new() -> RequestIds {
        let mut node: [u8; 6] = rand::random();
        // A node that is no network card has this bit (RFC 9562, 6.10).
        node[0] |= 1;
        RequestIds { context: uuid::ContextV1::new(rand::random()), node }
    }

    fn next(&self) -> String {
        uuid::Uuid::new_v1(uuid::Timestamp::now(&self.context), &self.node).to_string()
    }
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server<A> {
    listener: TcpListener,
    shared: Arc<Shared<A>>,
}

impl<A: Api> Server<A> {
    /// Listens on `address`: `host:port`, where an empty host is every interface and port 0 any free port.
    ///
    /// # Errors
    /// When the address can't be had.
    pub async fn bind(address: &str, options: HttpOptions, api: Arc<A>) -> std::io::Result<Server<A>> {
        let listener = match address.strip_prefix(':') {
            Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
                Err(error) if !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
                    // No IPv6 here.
                    TcpListener::bind(format!("0.0.0.0:{port}")).await?
                }
                bound => bound?,
            },
            None => TcpListener::bind(address).await?,
        };
        Ok(Server { listener, shared: Arc::new(Shared::new(api, options)) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` completes, then lets running requests finish for a while.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stopping, stop) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        if self.shared.options.connections_max.is_some_and(|max| connections.len() >= max) {
                            self.shared.counters.connections_refused.add(1);
                        } else {
                            connections.spawn(serve_connection(Arc::clone(&self.shared), stream, stop.clone()));
                        }
                    }
                    Err(error) => {
                        // Out of file descriptors, most likely: connections that end give some back.
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop(self.listener);
        let _ = stopping.send(true);
        let finished = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, finished).await.is_err() {
            tracing::warn!("requests were cut off");
        }
    }
}

async fn serve_connection<A: Api>(shared: Arc<Shared<A>>, stream: TcpStream, mut stop: watch::Receiver<bool>) {
    let counted = Arc::clone(&shared);
    let _open = counted.counters.connections.while_held();
    // Answers are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| routes::answer(Arc::clone(&shared), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(READ_BUFFER_BYTES)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(WatchedStream::new(stream, WRITE_TIMEOUT)), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}
