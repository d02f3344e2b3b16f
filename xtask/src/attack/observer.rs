//! The good client: while an attack goes on, it sends `SHOW DATABASES`, a write of one point, and a ping over a new connection, each at a
//! steady pace, from a thread of its own. It remembers which points were acknowledged.
//!
//! A request that is late also delays those that were due meanwhile: they are counted with the time from when they were due. A refused
//! request counts as one that took as long as it may take.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;

use super::bounds::REQUEST_MAX;
use super::client::Connection;
use super::transport::Endpoint;
use super::wire::Login;

/// The database of the points.
pub(super) const DATABASE: &str = "good";

/// The pause between two requests of a kind.
const PACE: Duration = Duration::from_millis(25);

/// The longest answer that the good client expects.
const BODY_BYTES_MAX: usize = 4 << 20;

/// What the good client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Show,
    Write,
    /// A ping over a new connection.
    Visit,
}

/// The times of the good client's requests.
#[derive(Debug, Default)]
struct Samples {
    shows: Times,
    writes: Times,
    visits: Times,
    /// The numbers of the points that were acknowledged.
    acknowledged: Vec<u64>,
    /// The first refusal.
    refusal: Option<String>,
}

#[derive(Debug, Default, Clone)]
struct Times {
    seconds: Vec<f64>,
    refused: usize,
}

/// The times of one kind of request, in seconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Summary {
    pub(super) requests: usize,
    pub(super) refused: usize,
    pub(super) p50_s: f64,
    pub(super) p99_s: f64,
    pub(super) max_s: f64,
}

/// What the good client saw.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Observation {
    pub(super) shows: Summary,
    pub(super) writes: Summary,
    pub(super) visits: Summary,
    /// The first refusal.
    pub(super) refusal: Option<String>,
}

/// The running good client.
#[derive(Debug)]
pub(super) struct Observer {
    samples: Arc<Mutex<Samples>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Observer {
    /// Starts the good client of a server.
    pub(super) fn start(endpoint: &Endpoint, login: Login) -> anyhow::Result<Observer> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let samples = Arc::new(Mutex::new(Samples::default()));
        let (stop, stopped) = watch::channel(false);
        let clients = [Kind::Show, Kind::Write, Kind::Visit].map(|kind| Client {
            kind,
            endpoint: endpoint.clone(),
            login,
            samples: Arc::clone(&samples),
            stopped: stopped.clone(),
        });
        let thread = std::thread::Builder::new().name("observer".to_owned()).spawn(move || {
            runtime.block_on(async {
                let [show, write, visit] = clients;
                tokio::join!(show.run(), write.run(), visit.run());
            });
        })?;
        Ok(Observer { samples, stop, thread: Some(thread) })
    }

    /// Returns what was seen so far.
    pub(super) fn observation(&self) -> Observation {
        let samples = lock(&self.samples);
        Observation {
            shows: samples.shows.summary(),
            writes: samples.writes.summary(),
            visits: samples.visits.summary(),
            refusal: samples.refusal.clone(),
        }
    }

    /// Forgets all times, but not what was acknowledged. Returns what was seen before.
    pub(super) fn begin_again(&self) -> Observation {
        let before = self.observation();
        let mut samples = lock(&self.samples);
        let acknowledged = std::mem::take(&mut samples.acknowledged);
        *samples = Samples { acknowledged, ..Samples::default() };
        before
    }

    /// Ends the good client. Returns what it saw, and the numbers of the points that were acknowledged.
    pub(super) fn stop(mut self) -> (Observation, Vec<u64>) {
        self.end();
        (self.observation(), std::mem::take(&mut lock(&self.samples).acknowledged))
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic has been printed; the samples up to it remain.
            let _ = thread.join();
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock(samples: &Mutex<Samples>) -> MutexGuard<'_, Samples> {
    samples.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One kind of request, sent until it is stopped.
struct Client {
    kind: Kind,
    endpoint: Endpoint,
    login: Login,
    samples: Arc<Mutex<Samples>>,
    stopped: watch::Receiver<bool>,
}

impl Client {
    async fn run(self) {
        let mut stopped = self.stopped.clone();
        let mut open = None;
        let mut number = 0;
        while !*self.stopped.borrow() {
            let began = Instant::now();
            let answer = tokio::select! {
                answer = tokio::time::timeout(REQUEST_MAX, self.send(&mut open, number)) => Some(answer),
                _ = stopped.wait_for(|stopped| *stopped) => None,
            };
            let is_acknowledged = matches!(answer, Some(Ok(Ok(()))));
            let refusal = match answer {
                // A request that is cut short by the end counts with the time up to then.
                None | Some(Ok(Ok(()))) => None,
                Some(Ok(Err(error))) => Some(format!("{error:#}")),
                Some(Err(_)) => Some(format!("no answer within {} s", REQUEST_MAX.as_secs())),
            };
            if refusal.is_some() || self.kind == Kind::Visit {
                open = None;
            }
            self.record(number, began.elapsed(), refusal, is_acknowledged);
            number += 1;
            tokio::time::sleep(PACE.saturating_sub(began.elapsed())).await;
        }
    }

    fn record(&self, number: u64, elapsed: Duration, refusal: Option<String>, is_acknowledged: bool) {
        let samples = &mut *lock(&self.samples);
        let times = match self.kind {
            Kind::Show => &mut samples.shows,
            Kind::Write => &mut samples.writes,
            Kind::Visit => &mut samples.visits,
        };
        times.add(elapsed, refusal.is_some());
        if let Some(refusal) = refusal {
            samples.refusal.get_or_insert(refusal);
        }
        if is_acknowledged && self.kind == Kind::Write {
            samples.acknowledged.push(number);
        }
    }

    async fn send(&self, open: &mut Option<Connection>, number: u64) -> anyhow::Result<()> {
        let connection = match open {
            Some(connection) => connection,
            None => open.insert(Connection::open(&self.endpoint, BODY_BYTES_MAX).await?),
        };
        let (verb, path, body) = match self.kind {
            Kind::Show => ("GET", "/query?q=SHOW+DATABASES".to_owned(), Bytes::new()),
            Kind::Write => ("POST", format!("/write?db={DATABASE}"), format!("marker n={number}i {number}").into()),
            Kind::Visit => ("GET", "/ping".to_owned(), Bytes::new()),
        };
        let response = connection.send(verb, &self.login.path(&path), body).await?;
        let text = String::from_utf8_lossy(&response.body);
        let is_good = (200..300).contains(&response.status) && !text.contains("\"error\"");
        is_good.then_some(()).with_context(|| {
            format!("{verb} {path}: {} {}", response.status, text.chars().take(200).collect::<String>().trim())
        })
    }
}

impl Times {
    /// Adds a request, and those that were due while it was under way.
    fn add(&mut self, elapsed: Duration, is_refused: bool) {
        if is_refused {
            self.refused += 1;
            self.seconds.push(REQUEST_MAX.as_secs_f64());
            return;
        }
        let mut left = elapsed.as_secs_f64();
        while left > 0.0 {
            self.seconds.push(left);
            left -= PACE.as_secs_f64();
        }
    }

    fn summary(&self) -> Summary {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        // The smallest time that at least this share of the requests does not exceed.
        let quantile = |share: f64| {
            let rank = (sorted.len() as f64 * share).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Summary {
            requests: sorted.len(),
            refused: self.refused,
            p50_s: quantile(0.5),
            p99_s: quantile(0.99),
            max_s: quantile(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_request_delays_those_that_were_due() {
        let mut times = Times::default();
        times.add(Duration::from_millis(20), false);
        times.add(Duration::from_millis(60), false);
        let milliseconds: Vec<u32> = times.seconds.iter().map(|seconds| (seconds * 1e3).round() as u32).collect();
        assert_eq!(milliseconds, [20, 60, 35, 10]);
    }

    #[test]
    fn a_refusal_counts_as_the_longest_time() {
        let mut times = Times::default();
        for _ in 0..98 {
            times.add(Duration::from_millis(1), false);
        }
        times.add(Duration::from_millis(1), true);
        times.add(Duration::from_millis(1), true);
        let summary = times.summary();
        assert_eq!((summary.requests, summary.refused), (100, 2));
        assert_eq!(summary.p50_s, 0.001);
        assert_eq!(summary.p99_s, REQUEST_MAX.as_secs_f64());
    }
}
