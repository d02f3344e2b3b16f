//! The server: accepts, keeps connections within their limits, and shuts down without cutting off answers. What is answered
//! is left to `routes`.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::api::Api;
use super::connections::{Activity, LoggedRarely};
use super::context::{ServerContext, blocking_threads_max};
use super::control::Controls;
use super::gate::Turn;
use super::listeners::{Listeners, UnixSocketError};
use super::options::HttpOptions;
use super::patience::Patience;
use super::reply::closes_after;
use super::requests::{Heads, RequestStream, Requests};
use super::routes;
use super::socket::{Peer, WatchedWriter, shared};
use super::tls::Tls;
use super::transport::{PeerAddress, Socket};
use super::workers::{Handed, Seat, Stop, Workers, finish};

/// How long a connection may be idle, and how long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a client may read nothing of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long the server waits after a connection could not be accepted, unless another one ends.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(10);

/// How long running requests may take when the server shuts down.
const GRACE: Duration = Duration::from_secs(10);

/// How much is read from a connection before it is handled. Larger than the part of a head that hyper gets.
const READ_BYTES_MAX: usize = 128 << 10;

/// A server that listens, and answers when it is [run](Server::run).
#[derive(Debug)]
pub struct Server<A> {
    listeners: Listeners,
    /// How connections over TCP are encrypted.
    tls: Option<Tls>,
    context: Arc<ServerContext<A>>,
}

impl<A: Api> Server<A> {
    /// Listens on `address`: `host:port`, where an empty host is every interface and port 0 any free port.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn bind(address: &str, options: HttpOptions, api: Arc<A>) -> std::io::Result<Server<A>> {
        let listeners = Listeners::bind(address).await?;
        let context = Arc::new(ServerContext::new(api, options));
        // The engine belongs to the context: it must not own it.
        let (counted, bind) = (Arc::downgrade(&context), address.to_owned());
        context.api.add_statistics(move || {
            let context = counted.upgrade()?;
            Some(context.counters.statistics(&bind, context.api.written_points()))
        });
        Ok(Server { listeners, context, tls: None })
    }

    /// Encrypts connections to the address.
    pub fn use_tls(&mut self, tls: Tls) {
        self.tls = Some(tls);
    }

    /// Also listens on a unix socket, which is never encrypted. Its file is removed when the server ends.
    ///
    /// # Errors
    /// If another server uses it, or the path is not a socket or cannot become one.
    pub async fn add_unix_socket(&mut self, path: &Path) -> Result<(), UnixSocketError> {
        self.listeners.add_unix_socket(path).await
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listeners.address()
    }

    /// Controls it without a connection. Faults and requests are there if [`HttpOptions::control`] is.
    pub fn controls(&self) -> Controls<A> {
        Controls::new(Arc::clone(&self.context))
    }

    /// Serves until `shutdown` completes, then lets running requests finish for a while. Starts threads beside the one that
    /// calls it.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stopping, stop) = watch::channel(false);
        let options = &self.context.options;
        let workers = {
            let (context, tls, their_stop) = (Arc::clone(&self.context), self.tls.clone(), stop.clone());
            let serve = move |handed| serve_handed(Arc::clone(&context), tls.clone(), handed, their_stop.clone());
            Workers::start(options.threads, blocking_threads_max(options), &serve, &stop, GRACE)
        };
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        let mut refusals = LoggedRarely::default();
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = self.listeners.accept() => match accepted {
                    Ok((socket, address)) => {
                        let Some(seat) = workers.seat(options.connections_max) else {
                            self.context.counters.connections_refused.add(1);
                            continue;
                        };
                        if let Some((socket, seat)) = workers.hand_over(socket, address, seat) {
                            let (context, tls) = (Arc::clone(&self.context), self.tls.clone());
                            connections.spawn(serve_connection(context, tls, socket, address, stop.clone(), seat));
                        }
                    }
                    Err(error) => {
                        // Most likely out of file descriptors: closing connections frees some.
                        let closed = self.context.connections.close_idlest();
                        if refusals.due() {
                            tracing::warn!(%error, closed_an_idle_connection = closed, "a connection was not accepted");
                        }
                        // The next one can be accepted as soon as any connection has ended.
                        let _ = tokio::time::timeout(ACCEPT_RETRY_DELAY, workers.connection_ended()).await;
                    }
                },
            }
        }
        self.context.begin_to_stop();
        drop(self.listeners);
        let _ = stopping.send(true);
        tokio::join!(finish(connections, GRACE), workers.end());
    }
}

/// Serves a connection that another thread has accepted.
async fn serve_handed<A: Api>(context: Arc<ServerContext<A>>, tls: Option<Tls>, handed: Handed, stop: Stop) {
    let Handed { socket, address, seat } = handed;
    match socket.attach() {
        Ok(socket) => serve_connection(context, tls, socket, address, stop, seat).await,
        Err(error) => tracing::warn!(%error, "a connection was dropped"),
    }
}

async fn serve_connection<A: Api>(
    context: Arc<ServerContext<A>>,
    tls: Option<Tls>,
    socket: Socket,
    address: PeerAddress,
    mut stop: Stop,
    seat: Seat,
) {
    let counted = Arc::clone(&context);
    let _open = counted.counters.connections.while_held();
    let open = counted.connections.open();
    let activity = Arc::clone(&open.activity);
    let tls = tls.filter(|_| matches!(socket, Socket::Tcp(_)));
    let (reader, writer, client) = shared(socket, address);
    let writer = WatchedWriter::new(writer, Patience::new(WRITE_TIMEOUT, context.options.transfer_rate_min));
    let connection = Connection { context, client, activity, seat };
    let Some(tls) = tls else { return connection.serve(tokio::io::join(reader, writer), stop).await };
    let turn = Turn::of(address, 0);
    let accepted = tokio::select! {
        accepted = tls.accept(reader, writer, &connection.context.handshakes, turn) => accepted,
        () = connection.activity.closed() => return,
        _ = stop.changed() => return,
    };
    match accepted {
        Ok(Some(stream)) => connection.serve(stream, stop).await,
        Ok(None) => tracing::debug!("a request was not encrypted"),
        Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
    }
}

/// A connection that requests can come from.
struct Connection<A> {
    context: Arc<ServerContext<A>>,
    client: Peer,
    activity: Arc<Activity>,
    seat: Seat,
}

impl<A: Api> Connection<A> {
    /// Answers requests until the connection ends, is to be closed, or the server stops.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(self, stream: S, mut stop: Stop) {
        let Connection { context, client, activity, seat } = &self;
        let heads = Heads::default();
        let requests = Requests::new(heads.clone(), context.large_heads.clone());
        let service = service_fn(|request| {
            let busy = activity.busy();
            let answer = routes::answer(Arc::clone(context), client.clone(), &heads, request);
            async move {
                let _busy = busy;
                let answer = answer.await;
                if answer.as_ref().is_ok_and(closes_after) {
                    seat.leave();
                }
                answer
            }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            // The most that is read from a socket at once, and more than the heads that it gets.
            .max_buf_size(READ_BYTES_MAX)
            .half_close(true)
            .title_case_headers(true)
            .serve_connection(TokioIo::new(RequestStream::new(stream, requests)), service);
        let mut serving = std::pin::pin!(serving);
        let result = tokio::select! {
            result = serving.as_mut() => result,
            () = activity.closed() => return,
            _ = stop.changed() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "a connection ended");
        }
    }
}
