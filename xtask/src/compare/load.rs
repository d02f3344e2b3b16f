//! Loads a data set into one server, and measures the cost.

use std::time::{Duration, Instant};

use anyhow::bail;
use bytes::Bytes;
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::task::JoinSet;

use super::client::Connection;
use super::data::DataSet;
use super::server::Server;

/// The database of every data set.
pub(super) const DATABASE: &str = "benchmark";
/// The interval of checks whether a server has settled.
const LOOK: Duration = Duration::from_millis(500);
/// A server has settled when its files did not change for this long. InfluxDB checks for compactions every second or less often, and
/// its two steps wait for 3 s and 6 s.
const QUIET: Duration = Duration::from_secs(10);
/// The largest share of one core that a settled server uses.
const QUIET_CPU: f64 = 0.02;
/// The resolution of CPU times.
const CPU_TICK_S: f64 = 0.01;
/// The longest time to wait for a server to settle.
const SETTLE_LIMIT: Duration = Duration::from_mins(10);

/// The cost of loading a data set. What is not known of a server that was not started here is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Load {
    /// The time from the first request to the last answer.
    pub(super) wall_s: f64,
    /// The CPU time until the last answer.
    pub(super) cpu_s: Option<f64>,
    /// The CPU time until the server had settled.
    pub(super) settled_cpu_s: Option<f64>,
    /// The time from the last answer until the server had settled.
    pub(super) settling_s: Option<f64>,
    /// The peak until the server had settled.
    pub(super) peak_memory: Option<u64>,
    /// The size of all files after the server had settled.
    pub(super) disk_bytes: Option<u64>,
}

/// Writes a data set into a new database. Batch n is sent over connection n modulo `connections`.
pub(super) async fn load(
    server: &Server,
    set: &DataSet,
    connections: usize,
    bar: &ProgressBar,
) -> anyhow::Result<Load> {
    let connections = connections.clamp(1, set.batches.len().max(1));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(&server.address).await?);
    }
    open[0].change(&format!("CREATE DATABASE {DATABASE}")).await?;
    let (cpu_before, begun) = (server.cpu_s()?, Instant::now());
    let mut writers = JoinSet::new();
    for (first, connection) in open.into_iter().enumerate() {
        let batches = set.batches.iter().skip(first).step_by(connections).cloned().collect();
        writers.spawn(write(connection, batches, bar.clone()));
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    let wall_s = begun.elapsed().as_secs_f64();
    Ok(Load { wall_s, cpu_s: since(cpu_before, server.cpu_s()?), ..Load::default() })
}

async fn write(mut connection: Connection, batches: Vec<Bytes>, bar: ProgressBar) -> anyhow::Result<()> {
    for batch in batches {
        connection.write(DATABASE, batch).await?;
        bar.inc(1);
    }
    Ok(())
}

/// Waits until the server has settled: neither its files nor its CPU time change any more. Of a server that was not started here,
/// the files are not known.
pub(super) async fn settle(server: &Server, load: &mut Load) -> anyhow::Result<()> {
    let Some(mut cpu_s) = server.cpu_s()? else { return Ok(()) };
    let mut disk = server.disk_bytes()?;
    let (cpu_at_last_answer, last_answer) = (cpu_s, Instant::now());
    let mut quiet_since = last_answer;
    while quiet_since.elapsed() < QUIET {
        if last_answer.elapsed() > SETTLE_LIMIT {
            bail!("the server is still busy {} minutes after the last write", SETTLE_LIMIT.as_secs() / 60);
        }
        tokio::time::sleep(LOOK).await;
        let (disk_now, cpu_now) = (server.disk_bytes()?, server.cpu_s()?.unwrap_or_default());
        let is_busy = cpu_now - cpu_s > quiet_since.elapsed().as_secs_f64() * QUIET_CPU + CPU_TICK_S;
        if disk_now != disk || is_busy {
            (disk, cpu_s, quiet_since) = (disk_now, cpu_now, Instant::now());
        }
    }
    load.settled_cpu_s = load.cpu_s.map(|loading| loading + cpu_s - cpu_at_last_answer);
    load.settling_s = Some((quiet_since - last_answer).as_secs_f64());
    load.peak_memory = server.peak_memory()?;
    load.disk_bytes = disk;
    Ok(())
}

fn since(before: Option<f64>, now: Option<f64>) -> Option<f64> {
    Some(now? - before?)
}
