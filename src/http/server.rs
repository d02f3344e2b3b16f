//! The server: listens, keeps connections within their limits, and shuts down without cutting off answers. What is answered
//! is left to `routes`.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::api::Api;
use super::context::ServerContext;
use super::options::HttpOptions;
use super::routes;
use super::socket::WatchedStream;

/// How long a connection may be idle, and how long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a client may read nothing of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(75);

/// The largest head of a request, and the most that is read from a socket at once, in bytes.
const READ_BUFFER_BYTES: usize = 128 << 10;

/// How long running requests may take when the server shuts down.
const GRACE: Duration = Duration::from_secs(10);

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
            Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
                Err(error) if !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
                    // The system has no IPv6.
                    TcpListener::bind(format!("0.0.0.0:{port}")).await?
                }
                bound => bound?,
            },
            None => TcpListener::bind(address).await?,
        };
        Ok(Server { listener, context: Arc::new(ServerContext::new(api, options)) })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// If the system does not tell.
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
                        if self.context.options.connections_max.is_some_and(|max| connections.len() >= max) {
                            self.context.counters.connections_refused.add(1);
                        } else {
                            connections.spawn(serve_connection(Arc::clone(&self.context), stream, stop.clone()));
                        }
                    }
                    Err(error) => {
                        // Most likely out of file descriptors: closing connections free some.
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

async fn serve_connection<A: Api>(context: Arc<ServerContext<A>>, stream: TcpStream, mut stop: watch::Receiver<bool>) {
    let counted = Arc::clone(&context);
    let _open = counted.counters.connections.while_held();
    // Answers are written in one go; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| routes::answer(Arc::clone(&context), request));
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
