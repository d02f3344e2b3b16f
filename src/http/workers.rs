//! The threads that serve connections. Each has a runtime of its own, so that a small request wakes no thread but its own. The
//! thread that accepts connections serves some too, and hands others over to the thread that has the fewest.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::context::blocking_threads_max;
use super::options::HttpOptions;
use super::transport::{DetachedSocket, PeerAddress, Socket};

/// How long the threads for blocking work may take to end after the last answer.
pub const THREADS_GRACE: Duration = Duration::from_secs(10);

/// How long a thread for blocking work is kept without work.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A connection on its way to the thread that serves it.
pub(super) struct Handed {
    pub(super) socket: DetachedSocket,
    pub(super) address: PeerAddress,
    pub(super) seat: Seat,
}

/// The threads beside the one that accepts connections.
pub(super) struct Workers {
    seats: Arc<Seats>,
    /// The threads, in the order of the seats from the second one on.
    senders: Vec<UnboundedSender<Handed>>,
    /// Closed when all threads have ended.
    ended: Receiver<Infallible>,
}

impl Workers {
    /// Starts threads until there are `threads` together with the calling one, or the system gives no more. Each passes the
    /// connections that are handed over to `serve`, until there are no more or `stop` changes, and then lets them finish for `grace`.
    pub(super) fn start<S, F>(threads: usize, blocking_max: usize, serve: &S, stop: &Stop, grace: Duration) -> Workers
    where
        S: Fn(Handed) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (running, ended) = channel(1);
        let mut senders = Vec::new();
        for _ in 1..threads {
            let (sender, handed) = unbounded_channel();
            let (serve, stop, running) = (serve.clone(), stop.clone(), running.clone());
            let started = runtime_with(blocking_max).and_then(|runtime| {
                std::thread::Builder::new().name("fluxstone-http".to_owned()).spawn(move || {
                    runtime.block_on(serve_handed(handed, serve, stop, grace));
                    runtime.shutdown_timeout(THREADS_GRACE);
                    drop(running);
                })
            });
            if let Err(error) = started {
                tracing::warn!(%error, "connections are served by fewer threads");
                break;
            }
            senders.push(sender);
        }
        Workers { seats: Arc::new(Seats::new(senders.len() + 1)), senders, ended }
    }

    /// Returns a seat for a connection on the thread that has the fewest, unless `max` are taken.
    pub(super) fn seat(&self, max: Option<usize>) -> Option<Seat> {
        Seats::take(&self.seats, max)
    }

    /// Hands a connection over to the thread of its seat. Returns those that the calling thread serves.
    pub(super) fn hand_over(&self, socket: Socket, address: PeerAddress, seat: Seat) -> Option<(Socket, Seat)> {
        let Some(sender) = seat.at.checked_sub(1).and_then(|at| self.senders.get(at)) else {
            return Some((socket, seat));
        };
        match socket.detach() {
            Ok(socket) => drop(sender.send(Handed { socket, address, seat })),
            Err(error) => tracing::debug!(%error, "a connection was dropped"),
        }
        None
    }

    /// Completes when a connection of any thread has ended.
    pub(super) async fn connection_ended(&self) {
        self.seats.ended.notified().await;
    }

    /// Tells the threads that no more connections come, and waits for their end.
    pub(super) async fn end(mut self) {
        self.senders.clear();
        // Nothing is ever sent.
        let _ = self.ended.recv().await;
    }
}

/// Makes a runtime for the thread that runs a [`Server`](super::Server) with these options.
///
/// # Errors
/// If the system gives it no descriptors.
pub fn runtime(options: &HttpOptions) -> std::io::Result<Runtime> {
    runtime_with(blocking_threads_max(options))
}

/// Makes the runtime of a thread that serves connections.
fn runtime_with(blocking_max: usize) -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(blocking_max)
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .enable_all()
        .build()
}

/// Tells connections that the server shuts down.
pub(super) type Stop = watch::Receiver<bool>;

/// Serves the connections that are handed over to this thread.
async fn serve_handed<F: Future<Output = ()> + Send + 'static>(
    mut handed: UnboundedReceiver<Handed>,
    serve: impl Fn(Handed) -> F,
    mut stop: Stop,
    grace: Duration,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            next = handed.recv() => match next {
                Some(connection) => drop(connections.spawn(serve(connection))),
                None => break,
            },
            _ = stop.changed() => break,
        }
    }
    handed.close();
    while let Ok(connection) = handed.try_recv() {
        connections.spawn(serve(connection));
    }
    finish(connections, grace).await;
}

/// Lets connections finish for a while, and then ends them.
pub(super) async fn finish(mut connections: JoinSet<()>, grace: Duration) {
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, finished).await.is_err() {
        tracing::warn!("requests were cut off");
    }
}

/// How many connections each thread has.
#[derive(Debug)]
struct Seats {
    /// For each thread, those that are not about to end.
    of_thread: Vec<AtomicUsize>,
    /// Those of all threads that are open.
    open: AtomicUsize,
    ended: Notify,
}

impl Seats {
    fn new(threads: usize) -> Seats {
        let of_thread = (0..threads).map(|_| AtomicUsize::new(0)).collect();
        Seats { of_thread, open: AtomicUsize::new(0), ended: Notify::new() }
    }

    /// Of threads that have equally many connections, the first one gets the next: the connection needs no other thread then.
    fn take(seats: &Arc<Seats>, max: Option<usize>) -> Option<Seat> {
        if max.is_some_and(|max| seats.open.load(Ordering::Acquire) >= max) {
            return None;
        }
        let counts = seats.of_thread.iter().map(|count| count.load(Ordering::Relaxed));
        let at = counts.enumerate().min_by_key(|&(_, count)| count).map_or(0, |(at, _)| at);
        seats.open.fetch_add(1, Ordering::AcqRel);
        seats.of_thread[at].fetch_add(1, Ordering::Relaxed);
        Some(Seat { seats: Arc::clone(seats), at, left: AtomicBool::new(false) })
    }
}

/// The place of an open connection on a thread, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    at: usize,
    left: AtomicBool,
}

impl Seat {
    /// Tells that the connection ends after its current answer: the thread is free for another one.
    pub(super) fn leave(&self) {
        if !self.left.swap(true, Ordering::Relaxed) {
            self.seats.of_thread[self.at].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
        self.seats.open.fetch_sub(1, Ordering::AcqRel);
        self.seats.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_goes_to_the_thread_with_the_fewest() {
        let seats = Arc::new(Seats::new(3));
        let take = || Seats::take(&seats, None).unwrap();
        let taken: Vec<_> = (0..7).map(|_| take()).collect();
        assert_eq!(taken.iter().map(|seat| seat.at).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2, 0]);
        taken[1].leave();
        taken[1].leave();
        assert_eq!(take().at, 1);
        let before = seats.open.load(Ordering::Relaxed);
        drop(taken);
        assert_eq!((before, seats.open.load(Ordering::Relaxed)), (7, 0));
        assert!(seats.of_thread.iter().all(|count| count.load(Ordering::Relaxed) == 0));
    }

    // spec: http.limits.7
    #[test]
    fn those_that_are_about_to_end_count_as_open() {
        let seats = Arc::new(Seats::new(2));
        let one = Seats::take(&seats, Some(1)).unwrap();
        one.leave();
        assert!(Seats::take(&seats, Some(1)).is_none());
        drop(one);
        assert!(Seats::take(&seats, Some(1)).is_some());
    }

    #[tokio::test]
    async fn threads_serve_what_is_handed_over_and_end() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_stopping, stop) = watch::channel(false);
        let (tell, mut told) = unbounded_channel();
        let serve = move |_: Handed| {
            let tell = tell.clone();
            async move {
                let _ = tell.send(std::thread::current().id());
            }
        };
        let workers = Workers::start(2, 1, &serve, &stop, Duration::from_secs(10));
        drop(serve);
        for own in [true, false] {
            let _far = std::net::TcpStream::connect(address).unwrap();
            let stream = listener.accept().await.unwrap().0;
            // The first one keeps its seat, so that the next one gets the seat of the other thread.
            let kept = workers.hand_over(Socket::Tcp(stream), address.ip().into(), workers.seat(None).unwrap());
            assert_eq!(kept.is_some(), own);
            std::mem::forget(kept);
        }
        assert_ne!(told.recv().await, Some(std::thread::current().id()));
        workers.connection_ended().await;
        workers.end().await;
        assert!(told.recv().await.is_none());
    }
}
