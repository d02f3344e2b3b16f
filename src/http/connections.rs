//! The open connections, and which of them is closed when descriptors run out: one that has sent no request, if there is any, and of
//! those the one that is idle for the longest time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How often the same trouble is logged.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// The open connections of a server, by number.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Mutex<(u64, BTreeMap<u64, Arc<Activity>>)>,
}

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    close: Notify,
}

#[derive(Debug)]
struct State {
    /// The requests in progress ...
    requests: usize,
    /// ... and since when there has been none.
    since: Instant,
    /// Whether there was ever a request.
    is_used: bool,
}

impl Activity {
    /// Marks the connection as busy until the result is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        let mut state = self.state.lock();
        (state.requests, state.is_used) = (state.requests + 1, true);
        Busy(Arc::clone(self))
    }

    /// Completes when the connection is to be closed.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }

    /// Returns whether it was ever used, and since when it is idle, if it is: the least one is closed first.
    fn idleness(&self) -> Option<(bool, Instant)> {
        let state = self.state.lock();
        (state.requests == 0).then_some((state.is_used, state.since))
    }
}

/// A request in progress.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        (state.requests, state.since) = (state.requests - 1, Instant::now());
    }
}

/// An open connection, until it is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection<'c> {
    pub(super) activity: Arc<Activity>,
    number: u64,
    connections: &'c Connections,
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.connections.open.lock().1.remove(&self.number);
    }
}

impl Connections {
    /// Adds a connection, which is idle.
    pub(super) fn open(&self) -> OpenConnection<'_> {
        let activity = Arc::new(Activity {
            state: Mutex::new(State { requests: 0, since: Instant::now(), is_used: false }),
            close: Notify::new(),
        });
        let mut open = self.open.lock();
        open.0 += 1;
        let number = open.0;
        open.1.insert(number, Arc::clone(&activity));
        OpenConnection { activity, number, connections: self }
    }

    /// Closes the connection that has been idle for the longest time, one without any request first. Returns whether there was one.
    pub(super) fn close_idlest(&self) -> bool {
        let mut open = self.open.lock();
        let idle = open.1.iter().filter_map(|(number, activity)| Some((activity.idleness()?, *number)));
        let idlest = idle.min().and_then(|(_, number)| open.1.remove(&number));
        if let Some(activity) = &idlest {
            activity.close.notify_one();
        }
        idlest.is_some()
    }
}

/// Says when trouble that goes on is to be logged again.
#[derive(Debug, Default)]
pub(super) struct LoggedRarely(Option<Instant>);

impl LoggedRarely {
    pub(super) fn due(&mut self) -> bool {
        let due = self.0.is_none_or(|last| last.elapsed() >= LOG_INTERVAL);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: http.limits.8
    #[tokio::test(start_paused = true)]
    async fn the_idlest_connection_is_closed() {
        let connections = Connections::default();
        let mut open = Vec::new();
        for _ in 0..3 {
            open.push(connections.open());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let busy = open[0].activity.busy();
        let is_closed =
            async |at: usize| tokio::time::timeout(Duration::ZERO, open[at].activity.closed()).await.is_ok();
        assert!(connections.close_idlest());
        assert_eq!([is_closed(0).await, is_closed(1).await, is_closed(2).await], [false, true, false]);
        drop(busy);
        assert!(connections.close_idlest());
        assert!(is_closed(2).await, "the other one was busy a moment ago");
        assert!(connections.close_idlest() && is_closed(0).await);
        assert!(!connections.close_idlest());
    }

    // spec: http.limits.8
    #[tokio::test(start_paused = true)]
    async fn a_connection_without_any_request_is_closed_first() {
        let connections = Connections::default();
        let used = connections.open();
        drop(used.activity.busy());
        tokio::time::advance(Duration::from_secs(1)).await;
        let silent = connections.open();
        assert!(connections.close_idlest());
        assert!(tokio::time::timeout(Duration::ZERO, silent.activity.closed()).await.is_ok());
        assert!(connections.close_idlest());
        assert!(tokio::time::timeout(Duration::ZERO, used.activity.closed()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_is_logged_once_a_minute() {
        let mut logged = LoggedRarely::default();
        assert!(logged.due() && !logged.due());
        tokio::time::advance(LOG_INTERVAL).await;
        assert!(logged.due() && !logged.due());
    }
}
