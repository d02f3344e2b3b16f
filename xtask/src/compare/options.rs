//! The options of `cargo xtask compare`.

use std::path::PathBuf;

use super::data::Kind;

/// The servers to compare, and the amount of data.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// The other server: the binary of an InfluxDB 1.x to start, or the URL of a running, empty server.
    #[arg(long, default_value = "influxd")]
    pub(super) peer: String,
    /// The process id of the server at the URL, if it runs on this machine: its CPU time and memory are measured as well.
    #[arg(long, value_name = "PID")]
    pub(super) peer_pid: Option<u32>,
    /// The binary of Fluxstone; built in release mode by default.
    #[arg(long)]
    pub(super) server: Option<PathBuf>,
    /// The number of hosts.
    #[arg(long, default_value_t = 100)]
    pub(super) hosts: usize,
    /// The hours that each host reports for, every 10 seconds.
    #[arg(long, default_value_t = 12)]
    pub(super) hours: u64,
    /// The number of series in the data set `series`.
    #[arg(long, default_value_t = 100_000)]
    pub(super) sensors: usize,
    /// The number of lines in one request.
    #[arg(long, default_value_t = 5000)]
    pub(super) batch: usize,
    /// The number of connections that write concurrently.
    #[arg(long, default_value_t = 2)]
    pub(super) connections: usize,
    /// The seed of the data and of the choices in the queries.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// How many times each query is sent, with different hosts and times.
    #[arg(long, default_value_t = 11)]
    pub(super) runs: usize,
    /// Use only these data sets.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
    pub(super) sets: Vec<Kind>,
    /// Send only the queries whose names contain this.
    #[arg(long, default_value = "")]
    pub(super) queries: String,
    /// Also write the outcome as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Measure how costs grow instead, and draw charts into this directory. Needs a peer that can be started.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["json", "peer_pid"])]
    pub(super) plot: Option<PathBuf>,
}
