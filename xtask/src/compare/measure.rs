//! The measurement of one data set: loading, settling, queries.

use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use super::data::{self, DataSet, Kind};
use super::options::Options;
use super::server::{Program, Server};
use super::set_outcome::SetOutcome;
use super::{load, queries};

/// Loads a data set into both servers, and sends them its queries.
pub(super) async fn run_set(options: &Options, programs: &[Program; 2], kind: Kind) -> anyhow::Result<SetOutcome> {
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
