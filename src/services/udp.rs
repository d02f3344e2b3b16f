//! Line protocol over UDP. Each datagram stands alone; points of several are written together.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fluxstone_engine::{Engine, ParsedLines, Principal, Statistics, WriteRequest};
use fluxstone_line_protocol::Precision;
use fluxstone_query::Value;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// The longest datagram that there can be.
const DATAGRAM_BYTES_MAX: usize = 1 << 16;

/// The bytes after which a batch is written even if it has few points.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// One `[[udp]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpOptions {
    /// `host:port`; an empty host is every interface.
    pub address: String,
    /// The database that points are written to. It is created if it does not exist.
    pub database: String,
    /// The policy; empty is the default one.
    pub policy: String,
    /// The number of points with which a batch is written.
    pub batch_points: usize,
    /// How many batches may wait to be written. When there are that many, datagrams wait in the system, which drops them at last.
    pub batches_max: usize,
    /// How long a batch waits for more points.
    pub batch_time: Duration,
    /// The bytes of the system's buffer; zero is its own choice.
    pub read_buffer: usize,
    /// The unit of times.
    pub precision: Precision,
}

/// A socket that points are received from.
#[derive(Debug)]
pub(super) struct UdpInput {
    socket: UdpSocket,
    options: UdpOptions,
    engine: Arc<Engine>,
    counts: Arc<Counts>,
}

/// What an input has received and written.
#[derive(Debug, Default)]
struct Counts {
    bytes_received: AtomicU64,
    points_received: AtomicU64,
    datagrams_refused: AtomicU64,
    reads_failed: AtomicU64,
    batches_written: AtomicU64,
    points_written: AtomicU64,
    batches_failed: AtomicU64,
}

impl Counts {
    /// The module `udp`, with InfluxDB's names.
    fn statistics(&self, bind: &str) -> Statistics {
        let value = |counter: &AtomicU64| Value::Integer(counter.load(Ordering::Relaxed) as i64);
        Statistics {
            name: "udp",
            tags: vec![("bind", bind.to_owned())],
            values: vec![
                ("batchesTx", value(&self.batches_written)),
                ("batchesTxFail", value(&self.batches_failed)),
                ("bytesRx", value(&self.bytes_received)),
                ("pointsParseFail", value(&self.datagrams_refused)),
                ("pointsRx", value(&self.points_received)),
                ("pointsTx", value(&self.points_written)),
                ("readFail", value(&self.reads_failed)),
            ],
        }
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

impl UdpInput {
    /// Listens, and creates the database.
    pub(super) async fn bind(options: UdpOptions, engine: Arc<Engine>) -> std::io::Result<UdpInput> {
        let address = match options.address.strip_prefix(':') {
            Some(port) => format!("[::]:{port}"),
            None => options.address.clone(),
        };
        let socket = UdpSocket::bind(&address).await?;
        if options.read_buffer > 0 {
            rustix::net::sockopt::set_socket_recv_buffer_size(&socket, options.read_buffer)?;
        }
        let counts = Arc::new(Counts::default());
        let (counted, bind) = (Arc::clone(&counts), options.address.clone());
        engine.add_statistics(move || Some(counted.statistics(&bind)));
        Ok(UdpInput { socket, options, engine, counts })
    }

    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Receives datagrams until it is dropped. Batches are written by a thread of the runtime that may block.
    pub(super) async fn run(self) {
        let (batches, mut queue) = mpsc::channel::<ParsedLines>(self.options.batches_max.max(1));
        let (engine, options, counts) = (Arc::clone(&self.engine), self.options.clone(), Arc::clone(&self.counts));
        tokio::task::spawn_blocking(move || {
            while let Some(batch) = queue.blocking_recv() {
                write(&engine, &options, &batch, &counts);
            }
        });
        self.receive(&batches).await;
    }

    async fn receive(&self, batches: &mpsc::Sender<ParsedLines>) {
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        let mut batch = ParsedLines::default();
        // When the first point of the batch has waited long enough.
        let mut due = None;
        loop {
            let is_due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = is_due => {}
                received = self.socket.recv(&mut datagram) => match received {
                    Ok(len) => {
                        add(&self.counts.bytes_received, len);
                        self.add(&datagram[..len], &mut batch);
                        if due.is_none() && batch.count > 0 {
                            due = Some(Instant::now() + self.options.batch_time);
                        }
                        if batch.count < self.options.batch_points.max(1) && batch.lines.len() < BATCH_BYTES_MAX {
                            continue;
                        }
                    }
                    Err(error) => {
                        add(&self.counts.reads_failed, 1);
                        tracing::warn!(%error, "can't receive over UDP");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                }
            }
            due = None;
            if batches.send(std::mem::take(&mut batch)).await.is_err() {
                return;
            }
        }
    }

    /// Adds the points of a datagram, unless one of its lines is bad.
    fn add(&self, datagram: &[u8], batch: &mut ParsedLines) {
        match self.engine.lines_of(datagram, self.options.precision) {
            Ok(parsed) => {
                batch.lines.extend_from_slice(&parsed.lines);
                batch.count += parsed.count;
                add(&self.counts.points_received, parsed.count);
            }
            Err(error) => {
                add(&self.counts.datagrams_refused, 1);
                tracing::debug!(%error, "a datagram was dropped");
            }
        }
    }
}

fn write(engine: &Engine, options: &UdpOptions, batch: &ParsedLines, counts: &Counts) {
    let written = engine.write(WriteRequest {
        principal: &Principal::Anyone,
        database: options.database.as_bytes(),
        policy: options.policy.as_bytes(),
        precision: Precision::Nanosecond,
        consistency: b"any",
        body: &batch.lines,
    });
    if let Err(error) = written {
        add(&counts.batches_failed, 1);
        tracing::warn!(%error, "not all points received over UDP were stored");
    } else {
        add(&counts.batches_written, 1);
        add(&counts.points_written, batch.count);
    }
}
