//! The performance targets of Fluxstone compared with InfluxDB 1.6, as ratios within one run on one machine.

use super::data::Kind;
use super::queries::Answered;
use super::set_outcome::SetOutcome;
use super::statistics;

/// One target, and whether the run met it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Verdict {
    pub(super) target: String,
    /// How many times as much the peer needed as Fluxstone.
    pub(super) ratio: f64,
    pub(super) at_least: f64,
    pub(super) is_met: bool,
}

/// Returns the verdicts on all targets for which something was measured.
pub(super) fn judge(sets: &[SetOutcome]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut target = |target: String, ratio: Option<f64>, at_least: f64| {
        if let Some(ratio) = ratio {
            verdicts.push(Verdict { target, ratio, at_least, is_met: ratio >= at_least });
        }
    };
    for set in sets {
        let kind = set.kind;
        let (load, settled, on_disk) = match kind {
            Kind::Integers => (15.0, 13.0, Some(1.6)),
            Kind::Decimals => (15.0, 13.0, Some(6.0)),
            Kind::Series => (12.0, 10.0, None),
        };
        target(format!("{kind}: CPU to load"), set.ratio(|load| load.cpu_s), load);
        target(format!("{kind}: CPU until settled"), set.ratio(|load| load.settled_cpu_s), settled);
        if let Some(on_disk) = on_disk {
            target(format!("{kind}: peak memory"), set.ratio(|load| load.peak_memory.map(|b| b as f64)), 4.0);
            target(format!("{kind}: on disk"), set.ratio(|load| load.disk_bytes.map(|b| b as f64)), on_disk);
        }
    }
    let queries = || sets.iter().flat_map(|set| &set.queries);
    let slowest = queries().filter_map(|q| Some((q.name, q.ratio()?))).min_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((name, ratio)) = slowest {
        target(format!("slowest query ({name})"), Some(ratio), 2.5);
    }
    for (name, at_least) in
        [("lastpoint", 10.0), ("count-all", 10.0), ("high-cpu-all", 12.0), ("groupby-every-series", 12.0)]
    {
        let query = queries().find(|query| query.name == name);
        target(name.to_owned(), query.and_then(Answered::ratio), at_least);
    }
    let ratios: Vec<f64> = queries().filter_map(Answered::ratio).collect();
    target("queries, geometric mean".to_owned(), statistics::geometric_mean(&ratios), 18.0);
    verdicts
}
