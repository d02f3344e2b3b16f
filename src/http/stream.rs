//! Carries an answer from the thread that evaluates a query to the socket, through a short queue: a slow reader slows the query
//! down instead of filling memory, and a query ends when its reader is gone or stuck.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Pieces between the query and the socket: one is sent while the next one is made.
const QUEUED_PIECES: usize = 1;

/// How long a reader may take no piece.
const STALL_MAX: Duration = Duration::from_mins(1);

/// The state that both ends share.
#[derive(Debug, Default)]
struct Link {
    /// Whether the reader is gone, so that nobody needs the answer.
    cancelled: AtomicBool,
    /// Whether the answer is complete.
    finished: AtomicBool,
}

/// A body ended before its answer was complete. Breaks the connection, so that nobody takes a part for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer was interrupted")]
pub(super) struct Interrupted;

/// The end at the socket.
#[derive(Debug)]
pub(super) struct StreamBody {
    pieces: mpsc::Receiver<Bytes>,
    link: Arc<Link>,
}

impl StreamBody {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        self.pieces.poll_recv(cx).map(|piece| match piece {
            Some(bytes) => Some(Ok(bytes)),
            None if self.link.finished.load(Ordering::Acquire) => None,
            None => Some(Err(Interrupted)),
        })
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
    gzip: Option<GzEncoder<Vec<u8>>>,
}

/// Makes a stream. Must be called on the runtime.
pub(super) fn stream(gzip: bool) -> (StreamSender, StreamBody) {
    let (sender, pieces) = mpsc::channel(QUEUED_PIECES);
    let link = Arc::<Link>::default();
    let gzip = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let sender = StreamSender { pieces: sender, link: Arc::clone(&link), runtime: Handle::current(), gzip };
    (sender, StreamBody { pieces, link })
}

impl StreamSender {
    /// Returns the flag that becomes true when nobody needs the answer any more.
    pub(super) fn cancelled(&self) -> Cancelled {
        Cancelled(Arc::clone(&self.link))
    }

    /// Sends a piece. Breaks if the reader is gone or has stalled.
    pub(super) fn send(&mut self, bytes: Vec<u8>) -> ControlFlow<()> {
        let bytes = match &mut self.gzip {
            None => bytes,
            Some(gzip) => {
                // Writing to a vector cannot fail.
                let _ = gzip.write_all(&bytes).and_then(|()| gzip.flush());
                std::mem::take(gzip.get_mut())
            }
        };
        self.pass_on(bytes)
    }

    /// Sends the last piece and marks the answer as complete.
    pub(super) fn finish(mut self, bytes: Vec<u8>) {
        let bytes = match self.gzip.take() {
            None => bytes,
            Some(mut gzip) => gzip.write_all(&bytes).and_then(|()| gzip.finish()).unwrap_or_default(),
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
            Err(TrySendError::Full(bytes)) => self.runtime.block_on(self.pieces.send_timeout(bytes, STALL_MAX)).is_ok(),
        };
        if sent {
            return ControlFlow::Continue(());
        }
        self.link.cancelled.store(true, Ordering::Release);
        ControlFlow::Break(())
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

/// Returns `bytes` in gzip.
pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).and_then(|()| gzip.finish()).unwrap_or_default()
}
