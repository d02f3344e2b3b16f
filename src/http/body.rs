//! Request bodies: read as a whole, with bounds on the size of each, on the memory of all together, and on the time for which
//! a client may stall. Unpacking is left to `gzip`.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use fluxstone_model::Clause;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::{HeaderMap, header};
use tokio::time::Instant;

use super::body_memory::{NoMemory, Reservation};
use super::patience::Patience;

/// How long a client may send nothing in the middle of a body.
const STALL_MAX: Duration = Duration::from_secs(30);

/// How many bytes of an unread body are read and dropped, so that the client gets to read the answer.
const DRAINED_BYTES_MAX: usize = 256 << 10;

/// How long dropping an unread body may take.
const DRAINING_MAX: Duration = Duration::from_secs(2);

/// Why a body was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("request body too large: more than {0} bytes (max-body-size)")]
    TooLarge(usize),
    #[error(transparent)]
    Memory(#[from] NoMemory),
    #[error("request body not received in time (min-transfer-rate)")]
    Stalled,
    #[error("request body not received in time: its memory was needed for others (max-body-memory)")]
    GaveWay,
    #[error("request body not received: {0}")]
    Broken(String),
}

impl BodyError {
    /// The clause that the body does not keep.
    pub(super) fn clause(&self) -> Clause {
        match self {
            BodyError::TooLarge(_) => Clause::new("http.limits.2"),
            BodyError::Memory(_) => Clause::new("http.limits.3"),
            BodyError::Stalled => Clause::new("http.rate.1"),
            BodyError::GaveWay => Clause::new("http.rate.2"),
            BodyError::Broken(_) => Clause::new("http.limits.4"),
        }
    }
}

/// What a body may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    pub(super) bytes_max: usize,
    /// Bytes per second; zero is any number.
    pub(super) rate_min: u64,
}

/// The body of a request, which may still be arriving.
#[derive(Debug)]
pub(super) struct RequestBody {
    incoming: Incoming,
    /// Frames that were looked at, and are still to be read.
    peeked: VecDeque<Bytes>,
    /// Why nothing more can be read.
    failure: Option<BodyError>,
    /// Whether the client waits for a `100 Continue` before it sends.
    waits: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not read yet.
    Unread,
    /// Read to its end.
    Read,
    /// Not readable, or too large.
    Failed,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, headers: &HeaderMap) -> RequestBody {
        RequestBody {
            incoming,
            peeked: VecDeque::new(),
            failure: None,
            waits: headers.contains_key(header::EXPECT),
            state: State::Unread,
        }
    }

    /// Reads the whole body. The memory is reserved as the bytes arrive.
    pub(super) async fn read(&mut self, limits: BodyLimits, memory: &mut Reservation) -> Result<Vec<u8>, BodyError> {
        let receiving = memory.receiving();
        let result = tokio::select! {
            result = self.read_frames(limits, memory) => result,
            () = receiving.gives_way() => Err(BodyError::GaveWay),
        };
        self.state = if result.is_ok() { State::Read } else { State::Failed };
        result
    }

    async fn read_frames(&mut self, limits: BodyLimits, memory: &mut Reservation) -> Result<Vec<u8>, BodyError> {
        let bytes_max = limits.bytes_max;
        let coming = usize::try_from(self.incoming.size_hint().lower()).unwrap_or(usize::MAX);
        let announced = coming.saturating_add(self.peeked.iter().map(Bytes::len).sum());
        if announced > bytes_max {
            return Err(BodyError::TooLarge(bytes_max));
        }
        let mut body = Vec::new();
        let mut patience = Patience::new(STALL_MAX, limits.rate_min);
        self.waits = false;
        while let Some(data) = self.next_data(&mut patience).await? {
            let len = body.len() + data.len();
            if len > bytes_max {
                return Err(BodyError::TooLarge(bytes_max));
            }
            if len > body.capacity() {
                // At most double what has arrived: announcing a large body must not reserve memory.
                let capacity = len.max(body.capacity() * 2).min(announced.max(len));
                memory.grow_to(capacity).await?;
                body.reserve_exact(capacity - body.len());
            }
            body.extend_from_slice(&data);
        }
        Ok(body)
    }

    /// The next bytes, or nothing at the end.
    async fn next_data(&mut self, patience: &mut Patience) -> Result<Option<Bytes>, BodyError> {
        if let Some(data) = self.peeked.pop_front() {
            return Ok(Some(data));
        }
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        loop {
            let begun = Instant::now();
            let frame = tokio::time::timeout(patience.left(), self.incoming.frame()).await;
            patience.waited(begun.elapsed());
            let frame = match frame.map_err(|_| BodyError::Stalled)? {
                None => return Ok(None),
                Some(frame) => frame.map_err(|error| BodyError::Broken(error.to_string()))?,
            };
            if let Ok(data) = frame.into_data() {
                patience.received(data.len());
                return Ok(Some(data));
            }
        }
    }

    /// Waits until the first `bytes` have arrived, or all of a shorter body. They are still to be read.
    pub(super) async fn peek(&mut self, bytes: usize, limits: BodyLimits) {
        let mut patience = Patience::new(STALL_MAX, limits.rate_min);
        self.waits = false;
        let mut seen = Vec::new();
        let mut len = 0;
        while len < bytes {
            match self.next_data(&mut patience).await {
                Ok(Some(data)) => {
                    len += data.len();
                    seen.push(data);
                }
                Ok(None) => break,
                Err(failure) => {
                    self.failure = Some(failure);
                    break;
                }
            }
        }
        self.peeked.extend(seen);
    }

    /// What [`RequestBody::peek`] has seen, and whether it is all.
    pub(super) fn peeked(&self) -> (Vec<u8>, bool) {
        let is_all = self.failure.is_none() && self.incoming.is_end_stream();
        (self.peeked.iter().flatten().copied().collect(), is_all)
    }

    /// Reads and drops a little of an unread body. Returns whether the connection can serve another request.
    pub(super) async fn drain(mut self) -> bool {
        if self.state == State::Read || self.incoming.is_end_stream() {
            return true;
        }
        if self.waits || self.state == State::Failed || self.failure.is_some() {
            return false;
        }
        let rest = async {
            let mut drained = 0;
            while let Some(frame) = self.incoming.frame().await {
                let Ok(frame) = frame else { return false };
                drained += frame.data_ref().map_or(0, bytes::Bytes::len);
                if drained > DRAINED_BYTES_MAX {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(DRAINING_MAX, rest).await.unwrap_or(false)
    }
}
