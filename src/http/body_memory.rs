//! The memory that request bodies, and what they are parsed into, may take together. What is short is waited for a little
//! while, and the slowest body gives way: a client that sends little for a long time cannot keep the others out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The bytes that one permit reserves.
const PERMIT_BYTES: usize = 4 << 10;

/// How long a body waits for memory.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How long it waits for one slow body to give way before the next one has to.
const GIVING_WAY_MAX: Duration = Duration::from_millis(100);

/// Bodies that arrived at this rate or faster, in bytes per second, do not give way.
const FAST_ENOUGH: u64 = 256 << 10;

/// How long a body is received before it has a rate.
const RATE_AFTER: Duration = Duration::from_secs(1);

/// Memory could not be reserved. Displays as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoMemory {
    /// Not now.
    #[error("too many bytes of request bodies at once: more than {0} bytes (max-body-memory)")]
    Short(usize),
    /// Never.
    #[error("request body too large: needs {needed} bytes of memory, more than {max} (max-body-memory)")]
    Never { needed: usize, max: usize },
}

/// The memory for the bodies of all requests together.
#[derive(Debug, Clone)]
pub(super) struct BodyMemory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    permits: Arc<Semaphore>,
    bytes: usize,
    receiving: Mutex<Vec<Weak<Receiving>>>,
}

impl BodyMemory {
    /// Memory of `bytes` bytes.
    pub(super) fn new(bytes: usize) -> BodyMemory {
        let permits = (bytes / PERMIT_BYTES).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let bytes = permits * PERMIT_BYTES;
        BodyMemory(Arc::new(Shared { permits: Arc::new(Semaphore::new(permits)), bytes, receiving: Mutex::default() }))
    }

    /// Returns an empty reservation.
    pub(super) fn reservation(&self) -> Reservation {
        Reservation { memory: self.clone(), held: None, receiving: None }
    }

    /// Makes the slowest body give way.
    fn reclaim(&self) {
        let mut receiving = self.0.receiving.lock();
        receiving.retain(|body| body.strong_count() > 0);
        let slow = receiving.iter().filter_map(Weak::upgrade).filter_map(|body| Some((body.rate()?, body)));
        let slowest = slow.filter(|(rate, _)| *rate < FAST_ENOUGH).min_by_key(|(rate, _)| *rate);
        if let Some((_, body)) = slowest {
            receiving.retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(&body)));
            body.give_way.notify_one();
        }
    }
}

/// A body that is being received.
#[derive(Debug)]
pub(super) struct Receiving {
    begun: Instant,
    bytes: AtomicUsize,
    give_way: Notify,
}

impl Receiving {
    /// Completes when the memory is needed for others.
    pub(super) async fn gives_way(&self) {
        self.give_way.notified().await;
    }

    /// Bytes per second, if the body has had time to arrive.
    fn rate(&self) -> Option<u64> {
        let time = self.begun.elapsed();
        let bytes = self.bytes.load(Ordering::Relaxed) as u64;
        (time >= RATE_AFTER && bytes > 0).then(|| bytes.saturating_mul(1000) / (time.as_millis() as u64).max(1))
    }
}

/// Memory reserved for one request, released when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    memory: BodyMemory,
    held: Option<OwnedSemaphorePermit>,
    receiving: Option<Weak<Receiving>>,
}

impl Reservation {
    /// Registers the body, from now until the result is dropped, as one that may have to give way.
    pub(super) fn receiving(&mut self) -> Arc<Receiving> {
        let body = Arc::new(Receiving { begun: Instant::now(), bytes: AtomicUsize::new(0), give_way: Notify::new() });
        let mut receiving = self.memory.0.receiving.lock();
        if receiving.len() == receiving.capacity() {
            receiving.retain(|body| body.strong_count() > 0);
        }
        receiving.push(Arc::downgrade(&body));
        self.receiving = Some(Arc::downgrade(&body));
        drop(receiving);
        body
    }

    /// Grows the reservation by `bytes`, and waits for that if memory is short.
    pub(super) async fn grow_by(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        self.grow_to((held * PERMIT_BYTES).saturating_add(bytes)).await
    }

    /// Grows the reservation to `bytes` in total, and waits for that if memory is short.
    pub(super) async fn grow_to(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let shared = Arc::clone(&self.memory.0);
        if bytes > shared.bytes {
            return Err(NoMemory::Never { needed: bytes, max: shared.bytes });
        }
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        // Fits, as the sum of all permits does.
        let more = bytes.div_ceil(PERMIT_BYTES).saturating_sub(held) as u32;
        let permit = match Arc::clone(&shared.permits).try_acquire_many_owned(more) {
            Ok(permit) => permit,
            Err(_) => self.wait_for(more).await.ok_or(NoMemory::Short(shared.bytes))?,
        };
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        if let Some(receiving) = self.receiving.as_ref().and_then(Weak::upgrade) {
            receiving.bytes.store(bytes, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn wait_for(&self, permits: u32) -> Option<OwnedSemaphorePermit> {
        let mut acquired = std::pin::pin!(Arc::clone(&self.memory.0.permits).acquire_many_owned(permits));
        let deadline = Instant::now() + WAIT_MAX;
        while Instant::now() < deadline {
            self.memory.reclaim();
            if let Ok(permit) = tokio::time::timeout(GIVING_WAY_MAX, &mut acquired).await {
                return permit.ok();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: http.limits.3
    #[tokio::test(start_paused = true)]
    async fn bodies_share_a_bounded_memory() {
        let memory = BodyMemory::new(1 << 20);
        let mut one = memory.reservation();
        let mut two = memory.reservation();
        assert_eq!(one.grow_to(600 << 10).await, Ok(()));
        assert_eq!(one.grow_to(700 << 10).await, Ok(()));
        assert_eq!(two.grow_to(400 << 10).await, Err(NoMemory::Short(1 << 20)));
        let never = Err(NoMemory::Never { needed: usize::MAX, max: 1 << 20 });
        assert_eq!(one.grow_to(usize::MAX).await, never);
        drop(one);
        assert_eq!(two.grow_to(1 << 20).await, Ok(()));
    }

    // spec: http.limits.3
    #[tokio::test(start_paused = true)]
    async fn what_is_short_is_waited_for() {
        let memory = BodyMemory::new(1 << 20);
        let mut one = memory.reservation();
        let mut two = memory.reservation();
        assert_eq!(one.grow_to(1 << 20).await, Ok(()));
        let release = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(one);
        };
        assert_eq!(tokio::join!(two.grow_to(1 << 20), release).0, Ok(()));
    }

    // spec: http.rate.2
    #[tokio::test(start_paused = true)]
    async fn the_slowest_body_gives_way() {
        let memory = BodyMemory::new(1 << 20);
        let (mut slow, mut slower, mut fast) = (memory.reservation(), memory.reservation(), memory.reservation());
        let (slow_body, slower_body) = (slow.receiving(), slower.receiving());
        slow.grow_to(600 << 10).await.unwrap();
        slower.grow_to(400 << 10).await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let gives_way = async {
            slower_body.gives_way().await;
            drop(slower);
        };
        let fast_body = fast.receiving();
        assert_eq!(tokio::join!(fast.grow_to(300 << 10), gives_way).0, Ok(()));
        let asked = tokio::time::timeout(Duration::ZERO, slow_body.gives_way()).await;
        assert!(asked.is_err(), "one was enough");
        drop((slow, fast_body));
    }
}
