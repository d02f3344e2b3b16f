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
mod measure;
mod options;
mod plot;
mod queries;
mod random;
mod report;
mod server;
mod set_outcome;
mod statistics;
mod targets;

use std::path::Path;

use anyhow::{Context as _, bail};

use measure::run_set;
pub(crate) use options::Options;
use report::Outcome;
use server::Program;

use crate::built;

/// Compares the servers. Different answers are violations; ratios that miss their targets are only printed.
pub(crate) fn compare(root: &Path, options: &Options) -> anyhow::Result<Vec<String>> {
    if options.hosts == 0 || options.hours == 0 || options.sensors == 0 || options.batch == 0 || options.runs == 0 {
        bail!("--hosts, --hours, --sensors, --batch and --runs must be at least 1");
    }
    let fluxstone = built::server(root, options.server.as_deref())?;
    let programs = [Program::fluxstone(&fluxstone)?, Program::peer(&options.peer, options.peer_pid)?];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(directory) = &options.plot {
        std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        let titles = programs.each_ref().map(|program| program.title.clone());
        let draw = |chart: &plot::Chart| plot::draw(chart, &titles, directory);
        runtime.block_on(or_interrupted(growth::measure(options, &programs, &draw)))?;
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
