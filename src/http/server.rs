//! The server: listens, keeps connections within their limits, and shuts down without cutting off answers. What is answered
//! is left to `routes`.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::api::Api;
use super::connections::LoggedRarely;
use super::context::{ServerContext, blocking_threads_max};
use super::control::Controls;
use super::options::HttpOptions;
use super::patience::Patience;
use super::reply::closes_after;
use super::requests::{Heads, RequestStream, Requests};
use super::routes;
use super::socket::{WatchedStream, shared};
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

/// How many connections may wait to be accepted. The system may allow fewer. Clients whose attempts are dropped try again after a
/// second.
const BACKLOG: u32 = 4096;

/// Listens on the first of the addresses of a host and port that can be listened on.
async fn listen(address: &str) -> std::io::Result<TcpListener> {
    let mut last = None;
    for address in tokio::net::lookup_host(address).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(BACKLOG)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::new(ErrorKind::InvalidInput, "the host has no address")))
}

/// A server that listens, and answers when it is [run](Server::run).
#[derive(Debug)]
pub struct Server<A> {
    listener: TcpListener,
    context: Arc<ServerContext<A>>,
}

impl<A: Api> Server<A> {
    /// Listens on `address`: `host:port`, where an empty host is every interface and port 0 any free port.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn bind(address: &str, options: HttpOptions, api: Arc<A>) -> std::io::Result<Server<A>> {
        let listener = match address.strip_prefix(':') {
            Some(port) => match listen(&format!("[::]:{port}")).await {
                Err(error) if !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
                    // The system has no IPv6.
                    listen(&format!("0.0.0.0:{port}")).await?
                }
                bound => bound?,
            },
            None => listen(address).await?,
        };
        let context = Arc::new(ServerContext::new(api, options));
        // The engine belongs to the context: it must not own it.
        let (counted, bind) = (Arc::downgrade(&context), address.to_owned());
        context.api.add_statistics(move || {
            let context = counted.upgrade()?;
            Some(context.counters.statistics(&bind, context.api.written_points()))
        });
        Ok(Server { listener, context })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
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
            let (context, their_stop) = (Arc::clone(&self.context), stop.clone());
            let serve = move |handed| serve_handed(Arc::clone(&context), handed, their_stop.clone());
            Workers::start(options.threads, blocking_threads_max(options), &serve, &stop, GRACE)
        };
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        let mut refusals = LoggedRarely::default();
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, address)) => {
                        let Some(seat) = workers.seat(options.connections_max) else {
                            self.context.counters.connections_refused.add(1);
                            continue;
                        };
                        let address = address.ip();
                        if let Some((stream, seat)) = workers.hand_over(stream, address, seat) {
                            let context = Arc::clone(&self.context);
                            connections.spawn(serve_connection(context, stream, address, stop.clone(), seat));
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
        drop(self.listener);
        let _ = stopping.send(true);
        tokio::join!(finish(connections, GRACE), workers.end());
    }
}

/// Serves a connection that another thread has accepted.
async fn serve_handed<A: Api>(context: Arc<ServerContext<A>>, handed: Handed, stop: Stop) {
    let Handed { stream, address, seat } = handed;
    match TcpStream::from_std(stream) {
        Ok(stream) => serve_connection(context, stream, address, stop, seat).await,
        Err(error) => tracing::warn!(%error, "a connection was dropped"),
    }
}

async fn serve_connection<A: Api>(
    context: Arc<ServerContext<A>>,
    stream: TcpStream,
    address: IpAddr,
    mut stop: Stop,
    seat: Seat,
) {
    let counted = Arc::clone(&context);
    let _open = counted.counters.connections.while_held();
    let connection = counted.connections.open();
    let activity = Arc::clone(&connection.activity);
    // Answers are written in one go; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let (stream, client) = shared(stream, address);
    let patience = Patience::new(WRITE_TIMEOUT, context.options.transfer_rate_min);
    let heads = Heads::default();
    let requests = Requests::new(heads.clone(), counted.large_heads.clone());
    let stream = RequestStream::new(WatchedStream::new(stream, patience), requests);
    let seat = &seat;
    let service = service_fn(move |request| {
        let busy = activity.busy();
        let answer = routes::answer(Arc::clone(&context), client.clone(), &heads, request);
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
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let result = tokio::select! {
        result = serving.as_mut() => result,
        () = connection.activity.closed() => return,
        _ = stop.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}
