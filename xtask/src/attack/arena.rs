//! What an attack has at hand: the server's address, the good client, and a place for what it finds.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::observer::{Observation, Observer};
use super::server::Server;
use super::transport::Endpoint;
use super::wire::{Answer, Request};
use crate::usage;

/// The number of lines of one request of [`Arena::load`].
const BATCH: usize = 5000;

/// The surroundings of one attack.
#[derive(Debug)]
pub(super) struct Arena {
    /// Where the server is.
    pub(super) address: Endpoint,
    udp: Option<SocketAddr>,
    pid: u32,
    observer: Observer,
    /// What the good client saw before the attack itself.
    calm: RefCell<Option<Observation>>,
    began: Cell<Instant>,
    findings: RefCell<Findings>,
}

/// What an attack found out by itself.
#[derive(Debug, Default, Clone)]
pub(super) struct Findings {
    /// For the report only.
    pub(super) notes: Vec<String>,
    /// Broken bounds that depend on the speed of the machine.
    pub(super) late: Vec<String>,
    /// Other broken bounds.
    pub(super) broken: Vec<String>,
}

/// The end of an attack.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) observer: Observer,
    pub(super) calm: Option<Observation>,
    pub(super) took: Duration,
    pub(super) findings: Findings,
}

impl Arena {
    /// Returns the surroundings of an attack on a server.
    pub(super) fn new(server: &Server, observer: Observer) -> Arena {
        Arena {
            address: server.endpoint.clone(),
            udp: server.udp,
            pid: server.pid(),
            observer,
            calm: RefCell::new(None),
            began: Cell::new(Instant::now()),
            findings: RefCell::default(),
        }
    }

    /// Returns the address that takes datagrams.
    pub(super) fn udp(&self) -> anyhow::Result<SocketAddr> {
        self.udp.context("the server takes no datagrams")
    }

    /// Ends the preparations: what the good client saw up to here does not count for the attack.
    pub(super) fn begin(&self) {
        *self.calm.borrow_mut() = Some(self.observer.begin_again());
        self.began.set(Instant::now());
    }

    /// Ends the attack.
    pub(super) fn end(self) -> Ending {
        Ending {
            observer: self.observer,
            calm: self.calm.into_inner(),
            took: self.began.get().elapsed(),
            findings: self.findings.into_inner(),
        }
    }

    /// Notes a figure.
    pub(super) fn note(&self, note: impl Into<String>) {
        self.findings.borrow_mut().notes.push(note.into());
    }

    /// Reports a broken bound.
    pub(super) fn broken(&self, what: impl Into<String>) {
        self.findings.borrow_mut().broken.push(what.into());
    }

    /// Reports a broken bound that depends on the speed of the machine.
    pub(super) fn late(&self, what: impl Into<String>) {
        self.findings.borrow_mut().late.push(what.into());
    }

    /// Reports a time, which must not exceed `max`.
    pub(super) fn time(&self, what: &str, took: Duration, max: Duration) {
        let text = format!("{what}: {:.2} s", took.as_secs_f64());
        if took > max {
            self.late(format!("{text}, more than {:.2} s", max.as_secs_f64()));
        } else {
            self.note(text);
        }
    }

    /// Returns the server's CPU time so far, in seconds.
    pub(super) fn cpu_s(&self) -> anyhow::Result<f64> {
        usage::cpu_s(self.pid)
    }

    /// Runs a query that must succeed, and returns how long that took.
    pub(super) async fn query(&self, database: &str, text: &str) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let answer = Request::query(database, text).exchange(&self.address, u64::MAX).await?;
        if answer.status != 200 || answer.start.contains("\"error\"") {
            bail!("{text}: {}", answer.brief());
        }
        Ok(began.elapsed())
    }

    /// Creates a database and writes lines to it in batches, as a good client does.
    pub(super) async fn load(&self, database: &str, lines: impl Iterator<Item = String>) -> anyhow::Result<Duration> {
        self.query("", &format!("CREATE DATABASE \"{database}\"")).await?;
        let began = Instant::now();
        let mut lines = lines.peekable();
        while lines.peek().is_some() {
            let batch: Vec<String> = lines.by_ref().take(BATCH).collect();
            let answer = Request::write(database, batch.join("\n").into()).exchange(&self.address, u64::MAX).await?;
            if answer.status != 204 {
                bail!("a batch: {}", answer.brief());
            }
        }
        Ok(began.elapsed())
    }

    /// Sends requests from as many clients at once, waits for all answers, of which at most `read_max` bytes each are read, and notes how
    /// they were answered.
    pub(super) async fn at_once(&self, requests: impl Iterator<Item = Request>, read_max: u64) -> Vec<Answer> {
        let mut clients = JoinSet::new();
        for request in requests {
            let address = self.address.clone();
            clients.spawn(async move { request.exchange(&address, read_max).await.unwrap_or_default() });
        }
        let answers = clients.join_all().await;
        self.count(&answers);
        answers
    }

    /// Notes how requests were answered.
    pub(super) fn count(&self, answers: &[Answer]) {
        let mut counts = BTreeMap::new();
        for answer in answers {
            *counts.entry(answer.brief()).or_insert(0) += 1;
        }
        for (brief, count) in counts.into_iter().take(4) {
            self.note(format!("{count} x {brief}"));
        }
    }

    /// Sends the same query from `clients` clients at once.
    pub(super) async fn queries(&self, database: &str, text: &str, clients: usize, read_max: u64) -> Vec<Answer> {
        let request = Request::query(database, text);
        self.at_once(std::iter::repeat_n(request, clients), read_max).await
    }

    /// Sends requests whose clients leave after `stay` if the answer has not arrived by then, and notes those that were answered.
    pub(super) async fn leave(&self, request: &Request, clients: usize, stay: Duration) {
        let mut left = JoinSet::new();
        for _ in 0..clients {
            let (address, request) = (self.address.clone(), request.clone());
            left.spawn(async move { tokio::time::timeout(stay, request.exchange(&address, u64::MAX)).await });
        }
        let answers = left.join_all().await.into_iter().filter_map(|answer| Some(answer.ok()?.unwrap_or_default()));
        self.count(&answers.collect::<Vec<_>>());
    }

    /// Sends requests whose clients do not wait for an answer, but leave after `stay`.
    pub(super) async fn abandon(&self, request: &Request, clients: usize, stay: Duration) {
        let mut left = JoinSet::new();
        for _ in 0..clients {
            let (address, request) = (self.address.clone(), request.clone());
            left.spawn(async move {
                let stream = request.send_only(&address).await;
                tokio::time::sleep(stay).await;
                drop(stream);
            });
        }
        left.join_all().await;
    }
}

/// Returns a point of each of `count` series of the measurement `m`. Each tag has far fewer values than the default limit.
pub(super) fn series(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("m,host=h{},rack=r{} v={n} {n}", n / 100, n % 100))
}

/// Returns a text that repeats another one, as a body.
pub(super) fn repeated(before: &str, text: &str, count: usize, after: &str) -> Bytes {
    let mut body = String::with_capacity(before.len() + text.len() * count + after.len());
    body.push_str(before);
    for _ in 0..count {
        body.push_str(text);
    }
    body.push_str(after);
    body.into()
}
