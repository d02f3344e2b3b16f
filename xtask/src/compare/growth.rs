//! How costs grow: with the size of batches, the number of series, and the number of points.

use anyhow::Context as _;

use super::data::Kind;
use super::measure::run_set;
use super::options::Options;
use super::plot::{Chart, Line};
use super::server::Program;
use super::set_outcome::SetOutcome;

/// The rows of one request.
const BATCHES: [usize; 5] = [50, 200, 1000, 5000, 20_000];
/// The least number of hosts whose rows are loaded with each size of batch, so that the cost can be measured ...
const BATCH_HOSTS: usize = 50;
/// ... and the hours.
const BATCH_HOURS: u64 = 2;
/// The series of ten points each.
const SENSORS: [usize; 5] = [10_000, 30_000, 100_000, 300_000, 1_000_000];
/// The hours of data that queries read.
const HOURS: [u64; 5] = [2, 6, 12, 24, 48];
/// The queries whose times are drawn: one over a part of the points, one over all of them, and two that should follow the series.
const QUERIES: [&str; 4] = ["single-groupby-1-1-1", "double-groupby-1", "lastpoint", "count-all"];

/// The resolution of CPU times: less cannot be told from nothing.
const TICK_S: f64 = 0.01;

/// Measures everything that is drawn, and draws each chart once its figures are known.
pub(super) async fn measure(
    options: &Options,
    programs: &[Program; 2],
    draw: &dyn Fn(&Chart) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    draw(&ingest_by_batch(options, programs).await?)?;
    by_series(options, programs).await?.iter().try_for_each(draw)?;
    queries_by_points(options, programs).await?.iter().try_for_each(draw)
}

async fn ingest_by_batch(options: &Options, programs: &[Program; 2]) -> anyhow::Result<Chart> {
    let mut chart =
        Chart::new("ingest-by-batch", "CPU to load rows of ten fields", "rows in a request", "µs for each row");
    for batch in BATCHES {
        let options = Options {
            batch,
            hosts: options.hosts.max(BATCH_HOSTS),
            hours: BATCH_HOURS,
            queries: "none".to_owned(),
            ..options.clone()
        };
        let set = run_set(&options, programs, Kind::Integers).await?;
        chart.push(batch as f64, |server| {
            set.loads[server].cpu_s.map(|cpu_s| cpu_s.max(TICK_S) * 1e6 / set.rows as f64)
        })?;
    }
    Ok(chart)
}

async fn by_series(options: &Options, programs: &[Program; 2]) -> anyhow::Result<[Chart; 2]> {
    let mut cpu =
        Chart::new("ingest-by-series", "CPU to load ten points of each series", "series", "µs for each point");
    let mut memory = Chart::new("memory-by-series", "Peak memory", "series", "MB");
    for sensors in SENSORS {
        let options = Options { sensors, queries: "none".to_owned(), ..options.clone() };
        let set = run_set(&options, programs, Kind::Series).await?;
        cpu.push(sensors as f64, |server| {
            set.loads[server].cpu_s.map(|cpu_s| cpu_s.max(TICK_S) * 1e6 / set.rows as f64)
        })?;
        memory.push(sensors as f64, |server| set.loads[server].peak_memory.map(|bytes| bytes as f64 / 1e6))?;
    }
    Ok([cpu, memory])
}

async fn queries_by_points(options: &Options, programs: &[Program; 2]) -> anyhow::Result<Vec<Chart>> {
    let chart = |name: &str| Chart::new(&format!("query-{name}"), name, "points of each series", "ms");
    let mut charts: Vec<Chart> = QUERIES.into_iter().map(chart).collect();
    for hours in HOURS {
        let options = Options { hours, queries: String::new(), ..options.clone() };
        let set: SetOutcome = run_set(&options, programs, Kind::Integers).await?;
        let points = set.rows as f64 / options.hosts as f64;
        for (chart, name) in charts.iter_mut().zip(QUERIES) {
            let query = set.queries.iter().find(|query| query.name == name).with_context(|| name.to_owned())?;
            chart.push(points, |server| Some(query.median_s[server] * 1e3))?;
        }
    }
    Ok(charts)
}

impl Chart {
    /// Adds a point to the line of each server.
    fn push(&mut self, x: f64, y: impl Fn(usize) -> Option<f64>) -> anyhow::Result<()> {
        for (server, Line(points)) in self.lines.iter_mut().enumerate() {
            points.push((x, y(server).context("the costs of a server that was not started here")?));
        }
        Ok(())
    }
}
