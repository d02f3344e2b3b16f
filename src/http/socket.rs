//! Writes to a socket that fail when the client reads too slowly, so that stuck clients do not hold connections forever, and
//! the [`Peer`] at its other end, which a request can ask whether it is still there.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::patience::Patience;
use super::transport::{PeerAddress, ReadHalf, Socket, WriteHalf};

/// How long a request goes on after its client has stopped sending for good. It may have closed the connection, or it may only
/// have no more requests and still wait for the answer: nobody can tell.
const HALF_CLOSED_MAX: Duration = Duration::from_secs(5);

/// How often a client is checked for.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// The client at the other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) address: PeerAddress,
    reader: Arc<Mutex<ReadHalf>>,
}

impl Peer {
    /// Completes when the client is gone: the connection is broken, or nothing can come from the client for a while.
    pub(super) async fn gone(&self) {
        let mut closed_since = None;
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            match self.state() {
                PeerState::Open => {}
                PeerState::HalfClosed => {
                    let since = *closed_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= HALF_CLOSED_MAX {
                        return;
                    }
                }
                PeerState::Closed => return,
            }
        }
    }

    fn state(&self) -> PeerState {
        let reader = self.reader.lock();
        let ready = pin!(reader.ready(Interest::READABLE | Interest::WRITABLE));
        match ready.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(ready)) if ready.is_write_closed() => PeerState::Closed,
            Poll::Ready(Ok(ready)) if ready.is_read_closed() => PeerState::HalfClosed,
            Poll::Ready(Ok(_)) | Poll::Pending => PeerState::Open,
            Poll::Ready(Err(_)) => PeerState::Closed,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PeerState {
    Open,
    HalfClosed,
    Closed,
}

/// The direction of a connection that is read, which the [`Peer`] shares.
#[derive(Debug)]
pub(super) struct SharedReader(Arc<Mutex<ReadHalf>>);

/// Takes a connection to `address` apart.
pub(super) fn shared(socket: Socket, address: PeerAddress) -> (SharedReader, WriteHalf, Peer) {
    let (reader, writer) = socket.into_split();
    let reader = Arc::new(Mutex::new(reader));
    (SharedReader(Arc::clone(&reader)), writer, Peer { address, reader })
}

impl AsyncRead for SharedReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock()).poll_read(cx, buffer)
    }
}

/// The direction of a connection that is written, whose writes must make progress. TLS is above it: what is flushed and how a
/// connection ends is also written here.
#[derive(Debug)]
pub(super) struct WatchedWriter<S> {
    writer: S,
    patience: Patience,
    /// Set while a write waits: since when, and for how long it may.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> WatchedWriter<S> {
    pub(super) fn new(writer: S, patience: Patience) -> WatchedWriter<S> {
        WatchedWriter { writer, patience, waiting: None }
    }

    /// Passes on the outcome of a write, or fails if the writes have waited for too long.
    fn watched(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = write {
            if let Some((since, _)) = self.waiting.take() {
                self.patience.waited(since.elapsed());
            }
            self.patience.received(outcome.as_ref().map_or(0, |&bytes| bytes));
            return Poll::Ready(outcome);
        }
        let left = self.patience.left();
        let (_, deadline) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(tokio::time::sleep(left))));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedWriter<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.writer).poll_write(cx, bytes);
        self.watched(cx, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.writer).poll_write_vectored(cx, slices);
        self.watched(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.writer.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn patience(max: Duration, rate: u64) -> Patience {
        Patience::new(max, rate)
    }

    // spec: http.limits.5
    #[tokio::test]
    async fn a_write_that_nobody_reads_fails_eventually() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut near = WatchedWriter::new(near, patience(Duration::from_millis(20), 0));
        assert_eq!(near.write(b"0123456789").await.unwrap(), 10);
        assert_eq!(near.write(b"more").await.map_err(|e| e.kind()), Err(io::ErrorKind::TimedOut));
        let mut read = [0; 10];
        far.read_exact(&mut read).await.unwrap();
        assert_eq!(near.write(b"more").await.unwrap(), 4);
    }
}
