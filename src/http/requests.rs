//! The requests of a connection on their way from the socket to hyper: each target stays here, and hyper gets a mark instead, with
//! which the request asks for its target. Everything else passes unchanged.
//!
//! Where heads and bodies end is known from `head`. If hyper ever took something for a head that was not one here, it would have no
//! mark, and is refused: nothing that a client sends can become a request that was not seen here.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::head::{Framing, HEAD_BYTES_MAX, Head, HeadError, HeadScan, Target};

/// A head of more bytes needs a permit.
const LARGE_BYTES: usize = 64 << 10;

/// How many large heads may be in memory.
const LARGE_HEADS_MAX: usize = 64;

/// How many bytes of a head that is too large are read and dropped, so that the client gets to read the answer.
const EXCESS_BYTES_MAX: usize = 8 << 20;

/// How many reads of what follows a refused request are dropped.
const DROPPED_READS_MAX: usize = 64;

/// The bound on the memory of large heads, which all connections share.
#[derive(Debug, Clone)]
pub struct LargeHeads(Arc<Semaphore>);

impl Default for LargeHeads {
    fn default() -> LargeHeads {
        LargeHeads(Arc::new(Semaphore::new(LARGE_HEADS_MAX)))
    }
}

/// What a head asks for, or why it is refused.
#[derive(Debug)]
pub(super) struct Announced {
    mark: u64,
    pub(super) target: Result<Target, HeadError>,
    /// Kept as long as the target.
    _large: Option<OwnedSemaphorePermit>,
}

impl Announced {
    /// What stands for a head that nothing was announced about.
    pub(super) fn nothing() -> Announced {
        Announced { mark: 0, target: Err(HeadError::OutOfStep), _large: None }
    }
}

/// The heads that were passed on to hyper, until their requests ask for them.
#[derive(Debug, Clone, Default)]
pub struct Heads {
    announced: Arc<Mutex<VecDeque<Announced>>>,
    pub(super) cuts: Cuts,
}

/// How much more a connection sends before it breaks, if that has been decided.
#[derive(Debug, Clone)]
pub(super) struct Cuts(Arc<AtomicU64>);

impl Default for Cuts {
    fn default() -> Cuts {
        Cuts(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl Cuts {
    /// Breaks the connection after so many more bytes.
    pub(super) fn cut_after(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// The bytes that are left to send, unless there is no bound.
    fn left(&self) -> Option<usize> {
        let left = self.0.load(Ordering::Relaxed);
        (left != u64::MAX).then(|| usize::try_from(left).unwrap_or(usize::MAX))
    }
}

impl Heads {
    /// Takes what belongs to a request, by the path that hyper has read.
    pub(super) fn take(&self, path: &str) -> Announced {
        let mark = path.strip_prefix('/').and_then(|mark| mark.parse().ok());
        let next = self.announced.lock().pop_front();
        next.filter(|announced| Some(announced.mark) == mark).unwrap_or_else(Announced::nothing)
    }

    /// Takes the next target. For tests.
    #[doc(hidden)]
    pub fn pop(&self) -> Option<(u64, Result<Target, HeadError>)> {
        self.announced.lock().pop_front().map(|announced| (announced.mark, announced.target))
    }
}

#[derive(Debug)]
enum State {
    /// Before or in a head.
    Head,
    Body(Framing),
    /// In a head that is too large, after so many bytes beyond the limit.
    Excess(usize),
    /// After a refusal. Nothing more is read.
    Ended,
}

/// The bytes of a connection, sorted into heads and bodies. Knows nothing of sockets.
#[derive(Debug)]
pub struct Requests {
    heads: Heads,
    large_heads: LargeHeads,
    /// For the head that is being received.
    large: Option<OwnedSemaphorePermit>,
    /// The mark of the next head. Clients do not know where they begin.
    mark: u64,
    state: State,
    /// Received, and neither passed on nor dropped.
    held: BytesMut,
    scan: HeadScan,
    /// A head on its way to hyper.
    ready: Bytes,
}

impl Requests {
    /// The requests of a new connection, whose targets go to `heads`.
    pub fn new(heads: Heads, large_heads: LargeHeads) -> Requests {
        Requests {
            heads,
            large_heads,
            large: None,
            mark: rand::random::<u64>() >> 1,
            state: State::Head,
            held: BytesMut::new(),
            scan: HeadScan::default(),
            ready: Bytes::new(),
        }
    }

    /// Takes bytes from the client. Returns how many of them hyper gets as they are, at once; [`Requests::piece`] returns the others.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        if let State::Body(framing) = &mut self.state
            && self.held.is_empty()
            && self.ready.is_empty()
        {
            passed = framing.take(bytes);
        }
        self.held.extend_from_slice(&bytes[passed..]);
        passed
    }

    /// Returns at most `bytes_max` bytes for hyper, if there are any.
    pub fn piece(&mut self, bytes_max: usize) -> Option<Bytes> {
        loop {
            if !self.ready.is_empty() {
                return Some(self.ready.split_to(self.ready.len().min(bytes_max)));
            }
            match &mut self.state {
                State::Head => {
                    if !self.read_head() {
                        return None;
                    }
                }
                State::Body(framing) if framing.is_over() => self.state = State::Head,
                State::Body(_) if self.held.is_empty() => return None,
                State::Body(framing) => {
                    let taken = framing.take(&self.held[..self.held.len().min(bytes_max)]);
                    return Some(self.held.split_to(taken).freeze());
                }
                State::Excess(_) => {
                    if !self.drop_excess() {
                        return None;
                    }
                }
                State::Ended => return None,
            }
        }
    }

    /// Nothing more comes from the client.
    pub fn end(&mut self) {
        if let State::Excess(_) = self.state {
            self.refuse(HeadError::TooLarge, false);
        }
    }

    fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Reads a head if one has arrived, or refuses it. Returns whether anything became of it.
    fn read_head(&mut self) -> bool {
        self.skip_empty_lines();
        if self.held.is_empty() {
            // Idle connections take little memory.
            self.held = BytesMut::new();
            return false;
        }
        if self.held[..] == *b"\r" {
            // Its line may be empty. It is not a part of a head before that is known.
            return false;
        }
        let is_head = self.held.starts_with(b"HEAD ");
        match self.scan.end(&self.held) {
            Some(end) if end <= HEAD_BYTES_MAX => {
                let head = self.held.split_to(end).freeze();
                match Head::read(&head, self.mark) {
                    Ok(head) => self.pass_on(head),
                    Err(error) => self.refuse(error, is_head),
                }
                return true;
            }
            Some(_) => self.refuse(HeadError::TooLarge, is_head),
            None if !self.scan.is_plausible(&self.held) => self.refuse(HeadError::RequestLine, is_head),
            None if self.held.len() > HEAD_BYTES_MAX => self.state = State::Excess(0),
            None if self.held.len() > LARGE_BYTES && !self.is_large() => self.refuse(HeadError::Busy, is_head),
            None => return false,
        }
        true
    }

    /// Empty lines before a head mean nothing.
    fn skip_empty_lines(&mut self) {
        if self.scan.has_begun() {
            return;
        }
        loop {
            match &self.held[..] {
                [b'\n', ..] => self.held.advance(1),
                [b'\r', b'\n', ..] => self.held.advance(2),
                _ => return,
            }
        }
    }

    /// Whether the head that is being received has the permit to be large.
    fn is_large(&mut self) -> bool {
        if self.large.is_none() {
            self.large = Arc::clone(&self.large_heads.0).try_acquire_owned().ok();
        }
        self.large.is_some()
    }

    fn pass_on(&mut self, head: Head) {
        self.ready = head.bytes.into();
        self.state = State::Body(head.framing);
        self.announce(Ok(head.target));
    }

    /// Makes a request of its own that is answered with the error.
    fn refuse(&mut self, error: HeadError, is_head: bool) {
        let method = if is_head { "HEAD" } else { "GET" };
        let mark = self.mark;
        self.ready = format!("{method} /{mark} HTTP/1.1\r\nHost: -\r\nConnection: close\r\n\r\n").into();
        self.held = BytesMut::new();
        self.state = State::Ended;
        self.announce(Err(error));
    }

    fn announce(&mut self, target: Result<Target, HeadError>) {
        let announced = Announced { mark: self.mark, target, _large: self.large.take() };
        self.heads.announced.lock().push_back(announced);
        self.mark += 1;
        self.scan = HeadScan::default();
    }

    /// Drops what has arrived of a head that is too large. Returns whether it was enough for an answer.
    fn drop_excess(&mut self) -> bool {
        let ends = self.scan.end(&self.held).is_some();
        let State::Excess(dropped) = &mut self.state else { return false };
        *dropped += self.held.len();
        let enough = ends || *dropped > EXCESS_BYTES_MAX;
        self.scan.forget(&mut self.held);
        if enough {
            self.refuse(HeadError::TooLarge, false);
        }
        enough
    }
}

/// A stream that hyper reads requests from.
#[derive(Debug)]
pub(super) struct RequestStream<S> {
    stream: S,
    requests: Requests,
}

impl<S> RequestStream<S> {
    pub(super) fn new(stream: S, requests: Requests) -> RequestStream<S> {
        RequestStream { stream, requests }
    }
}

impl<S: AsyncRead + Unpin> RequestStream<S> {
    /// Reads and drops what has arrived after a request that is refused: closing a connection with unread bytes resets it, and the
    /// client may lose the answer.
    fn drop_arrived(&mut self, cx: &mut Context<'_>) {
        let mut dropped = [0; 4 << 10];
        for _ in 0..DROPPED_READS_MAX {
            let mut buffer = ReadBuf::new(&mut dropped);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                _ => return,
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RequestStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let was_ended = this.requests.is_ended();
            if let Some(piece) = this.requests.piece(buffer.remaining()) {
                if this.requests.is_ended() && !was_ended {
                    this.drop_arrived(cx);
                }
                buffer.put_slice(&piece);
                return Poll::Ready(Ok(()));
            }
            if this.requests.is_ended() {
                return Poll::Ready(Ok(()));
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
            if buffer.filled().len() == before {
                this.requests.end();
                if this.requests.is_ended() {
                    continue;
                }
                return Poll::Ready(Ok(()));
            }
            let passed = this.requests.receive(&buffer.filled()[before..]);
            buffer.set_filled(before + passed);
            if passed > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> RequestStream<S> {
    /// Writes what is left to send before the connection breaks.
    fn poll_write_last(&mut self, cx: &mut Context<'_>, bytes: &[u8], left: usize) -> Poll<io::Result<usize>> {
        if left == 0 {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..bytes.len().min(left)]))?;
        self.requests.heads.cuts.cut_after((left - written) as u64);
        Poll::Ready(Ok(written))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RequestStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(left) = self.requests.heads.cuts.left() {
            return self.poll_write_last(cx, bytes, left);
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(left) = self.requests.heads.cuts.left() {
            let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| &slice[..]);
            return self.poll_write_last(cx, first, left);
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What hyper gets of `input` in pieces of `piece` bytes, with each mark replaced by the target that belongs to it.
    fn passed(input: &[u8], piece: usize) -> (Vec<u8>, usize) {
        let heads = Heads::default();
        let mut requests = Requests::new(heads.clone(), LargeHeads::default());
        let mut output = Vec::new();
        let mut refused = 0;
        for bytes in input.chunks(piece) {
            let taken = requests.receive(bytes);
            output.extend_from_slice(&bytes[..taken]);
            while let Some(bytes) = requests.piece(piece) {
                output.extend_from_slice(&bytes);
            }
            while let Some((mark, target)) = heads.pop() {
                let mark = format!(" /{mark} ");
                let at = output.windows(mark.len()).position(|bytes| bytes == mark.as_bytes()).unwrap();
                let target = target.map(|target| [b" ", target.raw(), b" "].concat());
                refused += usize::from(target.is_err());
                output.splice(at..at + mark.len(), target.unwrap_or_default());
            }
        }
        (output, refused)
    }

    fn message() -> impl Strategy<Value = Vec<u8>> {
        let target = prop::collection::vec(any::<u8>().prop_filter("ends it", |b| !b" \r\n%".contains(b)), 0..20);
        let body = prop::collection::vec(any::<u8>(), 0..40);
        (target, body, any::<bool>()).prop_map(|(target, body, chunked)| {
            let mut message = b"POST /".to_vec();
            message.extend_from_slice(&target);
            message.extend_from_slice(b" HTTP/1.1\r\nHost: t\r\n");
            if chunked {
                message.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(15) {
                    message.extend_from_slice(format!("{:X};x\r\n", chunk.len()).as_bytes());
                    message.extend_from_slice(chunk);
                    message.extend_from_slice(b"\r\n");
                }
                message.extend_from_slice(b"0\r\nT: GET / HTTP/1.1\r\n\r\n");
            } else {
                message.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                message.extend_from_slice(&body);
            }
            message
        })
    }

    proptest! {
        // spec: http.target.1, http.connection.4
        #[test]
        fn only_targets_change(messages in prop::collection::vec(message(), 1..4), piece in 1..50_usize) {
            let input = messages.concat();
            prop_assert_eq!(passed(&input, piece), (input, 0));
        }

        #[test]
        fn any_bytes_end_in_one_refusal(input in prop::collection::vec(any::<u8>(), 1..200), piece in 1..50_usize) {
            prop_assert!(passed(&input, piece).1 <= 1);
        }
    }

    #[test]
    fn empty_lines_before_a_head_are_skipped_however_they_arrive() {
        let head = b"GET / HTTP/1.1\r\n\r\n";
        let input = [b"\r\n\n\r\n", &head[..]].concat();
        for piece in 1..=input.len() {
            assert_eq!(passed(&input, piece), (head.to_vec(), 0), "{piece}");
        }
    }

    // spec: http.limits.11
    #[test]
    fn large_heads_share_a_bounded_memory() {
        let (heads, large) = (Heads::default(), LargeHeads::default());
        let begun = ["GET /?".to_owned(), "x".repeat(LARGE_BYTES)].concat();
        let begin = || {
            let mut requests = Requests::new(heads.clone(), large.clone());
            assert_eq!(requests.receive(begun.as_bytes()), 0);
            let refusal = requests.piece(1000).is_some();
            (requests, refusal)
        };
        let open: Vec<_> = (0..LARGE_HEADS_MAX).map(|_| begin()).collect();
        assert!(open.iter().all(|(_, refused)| !refused));
        assert!(begin().1);
        assert_eq!(heads.pop().map(|(_, target)| target), Some(Err(HeadError::Busy)));
        drop(open);
        assert!(!begin().1);
    }
}
