//! Request bodies: read as a whole, with bounds on the size of each, on the memory of all together, and on the time for which
//! a client may stall. Unpacking is left to `gzip`.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::{HeaderMap, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
    #[error("too many bytes of request bodies at once")]
    NoMemory,
    #[error("request body not received in time")]
    Stalled,
    #[error("request body not received: {0}")]
    Broken(String),
}

/// The memory for the bodies of all requests together.
#[derive(Debug, Clone)]
pub(super) struct BodyMemory(Arc<Semaphore>);

/// The bytes that one permit reserves.
const PERMIT_BYTES: usize = 4 << 10;

impl BodyMemory {
    /// Memory of `bytes` bytes.
    pub(super) fn new(bytes: usize) -> BodyMemory {
        BodyMemory(Arc::new(Semaphore::new((bytes / PERMIT_BYTES).min(Semaphore::MAX_PERMITS))))
    }

    /// Returns an empty reservation.
    pub(super) fn reservation(&self) -> Reservation {
        Reservation { memory: self.clone(), held: None }
    }
}

/// Memory reserved for one body, released when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    memory: BodyMemory,
    held: Option<OwnedSemaphorePermit>,
}

impl Reservation {
    /// Grows the reservation to `bytes` in total. Returns whether there was enough memory.
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

/// The body of a request, which may still be arriving.
#[derive(Debug)]
pub(super) struct RequestBody {
    incoming: Incoming,
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
        RequestBody { incoming, waits: headers.contains_key(header::EXPECT), state: State::Unread }
    }

    /// Reads the whole body, of at most `bytes_max` bytes.
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
            let frame = tokio::time::timeout(STALL_MAX, self.incoming.frame()).await;
            let frame = match frame.map_err(|_| BodyError::Stalled)? {
                None => return Ok(body),
                Some(frame) => frame.map_err(|error| BodyError::Broken(error.to_string()))?,
            };
            let Ok(data) = frame.into_data() else { continue };
            let len = body.len() + data.len();
            if len > bytes_max {
                return Err(BodyError::TooLarge(bytes_max));
            }
            if len > body.capacity() {
                // At most double what has arrived: announcing a large body must not reserve memory.
                let capacity = len.max(body.capacity() * 2).min(announced.max(len));
                if !memory.grow_to(capacity) {
                    return Err(BodyError::NoMemory);
                }
                body.reserve_exact(capacity - body.len());
            }
            body.extend_from_slice(&data);
        }
    }

    /// Reads and drops a little of an unread body. Returns whether the connection can serve another request.
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
