//! `cargo xtask compare`: the cost of Fluxstone compared with that of another server, measured in one run.
//!
//! Both servers get the same bytes in the same batches over the same number of connections, acknowledge only what is on disk, and answer
//! the same queries in turn. Each phase is in a file of its own; this one has their order. Servers are started for each data set, so that
//! the memory of one set is not counted for the next, and are stopped however the run ends.

mod agreement;
mod client;
mod data;
mod growth;
mod load;
mod plot;
mod queries;
mod random;
mod report;
mod server;
mod set_outcome;
mod statistics;
mod targets;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};

use data::{DataSet, Kind};
use report::Outcome;
use server::{Program, Server};
use set_outcome::SetOutcome;

use crate::release;

/// The servers to compare, and the amount of data.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// The other server: the binary of an InfluxDB 1.x to start, or the URL of a running, empty server.
    #[arg(long, default_value = "influxd")]
    peer: String,
    /// The process id of the server at the URL, if it runs on this machine: its CPU time and memory are measured as well.
    #[arg(long, value_name = "PID")]
    peer_pid: Option<u32>,
    /// The binary of Fluxstone; built in release mode by default.
    #[arg(long)]
    server: Option<PathBuf>,
    /// The number of hosts.
    #[arg(long, default_value_t = 100)]
    hosts: usize,
    /// The hours that each host reports for, every 10 seconds.
    #[arg(long, default_value_t = 12)]
    hours: u64,
    /// The number of series in the data set `series`.
    #[arg(long, default_value_t = 100_000)]
    sensors: usize,
    /// The number of lines in one request.
    #[arg(long, default_value_t = 5000)]
    batch: usize,
    /// The number of connections that write concurrently.
    #[arg(long, default_value_t = 2)]
    connections: usize,
    /// The seed of the data and of the choices in the queries.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times each query is sent, with different hosts and times.
    #[arg(long, default_value_t = 11)]
    runs: usize,
    /// Use only these data sets.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
    sets: Vec<Kind>,
    /// Send only the queries whose names contain this.
    #[arg(long, default_value = "")]
    queries: String,
    /// Also write the outcome as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure how costs grow instead, and draw charts into this directory. Needs a peer that can be started.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["json", "peer_pid"])]
    plot: Option<PathBuf>,
}

/// Compares the servers. Different answers are violations; ratios that miss their targets are only printed.
pub(crate) fn compare(root: &Path, options: &Options) -> anyhow::Result<Vec<String>> {
    if options.hosts == 0 || options.hours == 0 || options.sensors == 0 || options.batch == 0 || options.runs == 0 {
        bail!("--hosts, --hours, --sensors, --batch and --runs must be at least 1");
    }
    let fluxstone = release::server(root, options.server.as_deref())?;
    let programs = [Program::fluxstone(&fluxstone)?, Program::peer(&options.peer, options.peer_pid)?];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(directory) = &options.plot {
        let charts = runtime.block_on(or_interrupted(growth::measure(options, &programs)))?;
        std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        for chart in &charts {
            plot::draw(chart, &programs.each_ref().map(|program| program.title.clone()), directory)?;
        }
        return Ok(Vec::new());
    }
    let outcome = runtime.block_on(or_interrupted(run(options, &programs)))?;
    println!("{}", report::table(&outcome));
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&outcome)?;
        std::fs::write(path, json + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(outcome.differences().map(|(query, difference)| format!("{query}: the answers differ: {difference}")).collect())
}

/// Drops `work` if the user interrupts it, which stops the servers and removes their files.
async fn or_interrupted<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}

async fn run(options: &Options, programs: &[Program; 2]) -> anyhow::Result<Outcome> {
    let mut sets = Vec::new();
    for &kind in &options.sets {
        sets.push(run_set(options, programs, kind).await.with_context(|| format!("with the {kind}"))?);
    }
    Ok(Outcome {
        servers: programs.each_ref().map(|program| program.title.clone()),
        cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        hosts: options.hosts,
        hours: options.hours,
        batch: options.batch,
        connections: options.connections,
        seed: options.seed,
        runs: options.runs,
        targets: targets::judge(&sets),
        sets,
    })
}

async fn run_set(options: &Options, programs: &[Program; 2], kind: Kind) -> anyhow::Result<SetOutcome> {
    let set = generate(options, kind).await;
    let servers = [Server::start(&programs[0]).await?, Server::start(&programs[1]).await?];
    let mut loads = [load::Load::default(), load::Load::default()];
    for ((program, server), load) in programs.iter().zip(&servers).zip(&mut loads) {
        let what = format!("{kind} into {}", program.name);
        let bar = progress(format!("loading {what}"), set.batches.len());
        *load = load::load(server, &set, options.connections, &bar).await.context(what.clone())?;
        bar.finish_and_clear();
        let bar = ProgressBar::new_spinner().with_message(format!("settling {what}"));
        bar.enable_steady_tick(Duration::from_millis(100));
        load::settle(server, load).await.context(what)?;
        bar.finish_and_clear();
    }
    let shapes: Vec<_> = queries::mix(kind).iter().filter(|shape| shape.name.contains(&options.queries)).collect();
    let bar = progress(format!("querying {kind}"), shapes.len() * options.runs);
    let mut answered = Vec::new();
    for shape in shapes {
        let texts = shape.texts(&set, options.seed, options.runs);
        answered.push(queries::ask(&servers, shape.name, &texts, &bar).await?);
    }
    bar.finish_and_clear();
    Ok(SetOutcome { kind, rows: set.rows, fields: set.fields, bytes: set.bytes(), loads, queries: answered })
}

async fn generate(options: &Options, kind: Kind) -> DataSet {
    let mut generator = match kind {
        Kind::Integers | Kind::Decimals => data::fleet(kind, options.seed, options.hosts, options.hours),
        Kind::Series => data::sensors(options.seed, options.sensors),
    };
    let bar = progress(format!("generating {kind}"), generator.rows().div_ceil(options.batch));
    let mut set = generator.empty_set();
    while let Some(batch) = generator.batch(options.batch) {
        set.batches.push(batch);
        bar.inc(1);
        // An interrupt is noticed between batches.
        tokio::task::yield_now().await;
    }
    bar.finish_and_clear();
    set
}

fn progress(what: String, steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:32} {wide_bar} {pos}/{len} {elapsed}");
    let bar = ProgressBar::new(steps as u64).with_message(what);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
