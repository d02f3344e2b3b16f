//! Carries an answer from the thread that evaluates a query to the socket, through a short queue: a slow reader slows the query
//! down instead of filling memory, and a query ends when its reader is gone or stuck. While it waits for its reader, other
//! queries compute in its place.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};

use super::packing::Packer;
use super::slots::Slots;
use super::socket::Peer;

/// Pieces between the query and the socket: one is sent while the next one is made.
const QUEUED_PIECES: usize = 1;

/// The most bytes that the socket gets at once, so that it shows how fast the reader is.
const FRAME_BYTES_MAX: usize = 64 << 10;

/// How long a reader may take nothing.
const STALL_MAX: Duration = Duration::from_mins(1);

/// How long a reader may take nothing while other queries wait for its thread.
const STALL_MAX_IF_CROWDED: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(5) };

/// How often a waiting query checks its reader.
const CHECK_INTERVAL: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 500 });

/// The state that both ends share.
#[derive(Debug)]
struct Link {
    /// Whether the reader is gone, so that nobody needs the answer.
    cancelled: AtomicBool,
    /// Whether the answer is complete.
    finished: AtomicBool,
    begun: Instant,
    /// When the reader last took something, in milliseconds since it began.
    taken_ms: AtomicU64,
}

impl Link {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn take(&self) {
        self.taken_ms.store(self.now_ms(), Ordering::Relaxed);
    }
}

/// A body ended before its answer was complete. Breaks the connection, so that nobody takes a part for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer was interrupted")]
pub(super) struct Interrupted;

/// The end at the socket.
pub(super) struct StreamBody {
    pieces: mpsc::Receiver<Bytes>,
    /// What is left of the last piece.
    rest: Bytes,
    link: Arc<Link>,
    /// Completes when the client is gone.
    gone: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl std::fmt::Debug for StreamBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamBody")
    }
}

impl StreamBody {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        if self.rest.is_empty() {
            match self.pieces.poll_recv(cx) {
                Poll::Ready(Some(bytes)) => self.rest = bytes,
                Poll::Ready(None) if self.link.finished.load(Ordering::Acquire) => return Poll::Ready(None),
                Poll::Ready(None) => return Poll::Ready(Some(Err(Interrupted))),
                Poll::Pending => {
                    ready!(self.gone.as_mut().poll(cx));
                    return Poll::Ready(Some(Err(Interrupted)));
                }
            }
        }
        self.link.take();
        Poll::Ready(Some(Ok(self.rest.split_to(self.rest.len().min(FRAME_BYTES_MAX)))))
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.link.cancelled.store(true, Ordering::Release);
    }
}

/// The end at the query. Its calls block.
#[derive(Debug)]
pub(super) struct StreamSender {
    pieces: mpsc::Sender<Bytes>,
    link: Arc<Link>,
    runtime: Handle,
    packer: Option<Packer>,
    slots: Slots,
}

/// Makes a stream to `client`. Must be called on the runtime.
pub(super) fn stream(packer: Option<Packer>, client: Peer, slots: Slots) -> (StreamSender, StreamBody) {
    let (sender, pieces) = mpsc::channel(QUEUED_PIECES);
    let link = Arc::new(Link {
        cancelled: AtomicBool::new(false),
        finished: AtomicBool::new(false),
        begun: Instant::now(),
        taken_ms: AtomicU64::new(0),
    });
    let runtime = Handle::current();
    let sender = StreamSender { pieces: sender, link: Arc::clone(&link), runtime, packer, slots };
    let gone = Box::pin(async move { client.gone().await });
    (sender, StreamBody { pieces, rest: Bytes::new(), link, gone })
}

impl StreamSender {
    /// Returns the flag that becomes true when nobody needs the answer any more.
    pub(super) fn cancelled(&self) -> Cancelled {
        Cancelled(Arc::clone(&self.link))
    }

    /// Sends a piece. Breaks if the reader is gone or has stalled.
    pub(super) fn send(&mut self, bytes: Vec<u8>) -> ControlFlow<()> {
        let bytes = match &mut self.packer {
            None => bytes,
            Some(packer) => packer.piece(&bytes),
        };
        self.pass_on(bytes)
    }

    /// Sends the last piece and marks the answer as complete.
    pub(super) fn finish(mut self, bytes: Vec<u8>) {
        let bytes = match self.packer.take() {
            None => bytes,
            Some(packer) => packer.finish(&bytes),
        };
        if self.pass_on(bytes).is_continue() {
            self.link.finished.store(true, Ordering::Release);
        }
    }

    fn pass_on(&mut self, bytes: Vec<u8>) -> ControlFlow<()> {
        if bytes.is_empty() {
            return ControlFlow::Continue(());
        }
        let sent = match self.pieces.try_send(bytes.into()) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(bytes)) => {
                self.slots.query.pause();
                let sent = self.runtime.block_on(self.wait_for_reader(bytes));
                if sent {
                    self.runtime.block_on(self.slots.query.resume());
                }
                sent
            }
        };
        if sent {
            return ControlFlow::Continue(());
        }
        self.link.cancelled.store(true, Ordering::Release);
        ControlFlow::Break(())
    }

    /// Passes a piece on when there is room. Returns whether the reader took what was there in time.
    async fn wait_for_reader(&self, mut bytes: Bytes) -> bool {
        let waiting_since = self.link.now_ms();
        loop {
            match self.pieces.send_timeout(bytes, CHECK_INTERVAL).await {
                Ok(()) => return true,
                Err(SendTimeoutError::Closed(_)) => return false,
                Err(SendTimeoutError::Timeout(back)) => bytes = back,
            }
            let stall_max = if self.slots.answer.is_wanted() { STALL_MAX_IF_CROWDED } else { STALL_MAX };
            let taken = self.link.taken_ms.load(Ordering::Relaxed).max(waiting_since);
            if Duration::from_millis(self.link.now_ms().saturating_sub(taken)) > stall_max {
                return false;
            }
        }
    }
}

/// Whether nobody needs an answer any more.
#[derive(Debug)]
pub(super) struct Cancelled(Arc<Link>);

impl Cancelled {
    pub(super) fn get(&self) -> &AtomicBool {
        &self.0.cancelled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Gate, Turn};
    use crate::slots::QueryGates;
    use crate::socket::shared;
    use crate::transport::Socket;

    // spec: http.slots.1
    #[tokio::test(flavor = "multi_thread")]
    async fn a_query_that_waits_for_its_reader_lets_others_compute() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _near = tokio::net::TcpStream::connect(address).await.unwrap();
        let accepted = Socket::Tcp(listener.accept().await.unwrap().0);
        let (_reader, _writer, client) = shared(accepted, address.ip().into());
        let (answers, queries) = (Gate::new(1), QueryGates::new(1, 1));
        let turn = Turn::of(address.ip(), 0);
        let slots = Slots { answer: answers.pass(turn).await, query: queries.pass(turn).await };
        let (mut sender, mut body) = stream(None, client, slots);
        let job = tokio::task::spawn_blocking(move || {
            let piece = || vec![b'x'; 100_000];
            let first = [sender.send(piece()), sender.send(piece())];
            (first, sender.send(piece()))
        });
        // The slot for computing is free while the second piece waits, but not the thread.
        drop(queries.pass(turn).await);
        assert!(answers.try_pass(turn).is_none());
        let frame = std::future::poll_fn(|cx| body.poll(cx)).await.unwrap().unwrap();
        assert_eq!(frame.len(), FRAME_BYTES_MAX);
        // The reader takes nothing more, and someone wants the thread.
        drop(answers.pass(turn).await);
        let (first, second) = job.await.unwrap();
        assert!(first.iter().all(ControlFlow::is_continue) && second.is_break());
        while let Some(frame) = std::future::poll_fn(|cx| body.poll(cx)).await {
            if frame.is_err() {
                return;
            }
        }
        panic!("an answer that was cut off looks whole");
    }
}
