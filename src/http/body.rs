//! Bodies of requests: read whole, with bounds on their size, on the memory of all of them together, and on the time that a
//! client may be silent.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::{HeaderMap, StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a client may send nothing in the middle of a body.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What is read of a body that nobody needs, so that the client gets to read the answer.
const DRAINED_BYTES_MAX: usize = 256 << 10;

/// How long that may take.
const DRAINING_MAX: Duration = Duration::from_secs(2);

/// Why a body was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("request body too large: more than {0} bytes (max-body-size)")]
    TooLarge(usize),
    #[error("too many bytes of request bodies at once")]
    NoMemory,
    #[error("request body not received in time")]
    Silent,
    #[error("request body not received: {0}")]
    Broken(String),
}

impl BodyError {
    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            BodyError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::NoMemory => StatusCode::SERVICE_UNAVAILABLE,
            BodyError::Silent => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// The memory that all bodies together may take.
#[derive(Debug, Clone)]
pub(super) struct BodyMemory(Arc<Semaphore>);

/// Bytes that a permit stands for.
const PERMIT_BYTES: usize = 4 << 10;

impl BodyMemory {
    /// So many bytes for all.
    pub(super) fn new(bytes: usize) -> BodyMemory {
        BodyMemory(Arc::new(Semaphore::new((bytes / PERMIT_BYTES).min(Semaphore::MAX_PERMITS))))
    }

    /// Nothing yet.
    pub(super) fn reservation(&self) -> Reservation {
        Reservation { memory: self.clone(), held: None }
    }
}

/// Memory held for one body, given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    memory: BodyMemory,
    held: Option<OwnedSemaphorePermit>,
}

impl Reservation {
    /// Holds `bytes` in all, if there are so many.
    pub(super) fn grow_to(&mut self, bytes: usize) -> bool {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(PERMIT_BYTES).saturating_sub(held);
        let Ok(more) = u32::try_from(more) else { return false };
        let Ok(permit) = Arc::clone(&self.memory.0).try_acquire_many_owned(more) else { return false };
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        true
    }
}

/// The body of a request that may still be on its way.
#[derive(Debug)]
pub(super) struct RequestBody {
    incoming: Incoming,
    /// Whether the client waits for a `100 Continue` before it sends.
    waits: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody has read it.
    Unread,
    /// It was read to its end.
    Read,
    /// It could not be read, or was too much.
    Failed,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, headers: &HeaderMap) -> RequestBody {
        RequestBody { incoming, waits: headers.contains_key(header::EXPECT), state: State::Unread }
    }

    /// Reads it all.
    pub(super) async fn read(&mut self, bytes_max: usize, memory: &mut Reservation) -> Result<Vec<u8>, BodyError> {
        let result = self.read_frames(bytes_max, memory).await;
        self.state = if result.is_ok() { State::Read } else { State::Failed };
        result
    }

    async fn read_frames(&mut self, bytes_max: usize, memory: &mut Reservation) -> Result<Vec<u8>, BodyError> {
        let announced = usize::try_from(self.incoming.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > bytes_max {
            return Err(BodyError::TooLarge(bytes_max));
        }
        let mut body = Vec::new();
        self.waits = false;
        loop {
            let frame = tokio::time::timeout(SILENCE_MAX, self.incoming.frame()).await;
            let frame = match frame.map_err(|_| BodyError::Silent)? {
                None => return Ok(body),
                Some(frame) => frame.map_err(|error| BodyError::Broken(error.to_string()))?,
            };
            let Ok(data) = frame.into_data() else { continue };
            let len = body.len() + data.len();
            if len > bytes_max {
                return Err(BodyError::TooLarge(bytes_max));
            }
            if len > body.capacity() {
                // Never more at once than what came already: an announcement costs nothing.
                let capacity = len.max(body.capacity() * 2).min(announced.max(len));
                if !memory.grow_to(capacity) {
                    return Err(BodyError::NoMemory);
                }
                body.reserve_exact(capacity - body.len());
            }
            body.extend_from_slice(&data);
        }
    }

    /// Reads a little of what nobody read. Says whether the connection can serve another request.
    pub(super) async fn drain(mut self) -> bool {
        if self.state == State::Read || self.incoming.is_end_stream() {
            return true;
        }
        if self.waits || self.state == State::Failed {
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
