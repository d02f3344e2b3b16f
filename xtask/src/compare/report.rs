//! The outcome, as a table for people and as JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::agreement::Agreement;
use super::load::Load;
use super::set_outcome::SetOutcome;
use super::targets::Verdict;

/// The outcome of one run.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Outcome {
    /// Fluxstone and the peer, with their versions.
    pub(super) servers: [String; 2],
    pub(super) cores: usize,
    pub(super) hosts: usize,
    pub(super) hours: u64,
    pub(super) batch: usize,
    pub(super) connections: usize,
    pub(super) seed: u64,
    pub(super) runs: usize,
    pub(super) sets: Vec<SetOutcome>,
    pub(super) targets: Vec<Verdict>,
}

impl Outcome {
    /// Returns the queries whose answers differ, with the difference.
    pub(super) fn differences(&self) -> impl Iterator<Item = (&str, &str)> {
        let queries = self.sets.iter().flat_map(|set| &set.queries);
        queries.filter_map(|query| Some((query.name, query.agreement.difference()?)))
    }
}

/// Returns the table.
pub(super) fn table(outcome: &Outcome) -> String {
    let mut out = String::new();
    // Writing to memory does not fail.
    let _ = put_table(outcome, &mut out);
    out
}

fn put_table(outcome: &Outcome, out: &mut String) -> std::fmt::Result {
    let [ours, peer] = &outcome.servers;
    let Outcome { cores, hosts, hours, batch, connections, seed, runs, .. } = outcome;
    writeln!(out, "{ours} compared with {peer} ({cores} cores)")?;
    writeln!(
        out,
        "{hosts} hosts x {hours} h; batches of {batch} rows on {connections} connections; every write is on disk before its answer; \
         seed {seed}"
    )?;
    for set in &outcome.sets {
        put_load(set, out)?;
    }
    if outcome.sets.iter().any(|set| !set.queries.is_empty()) {
        writeln!(out)?;
        line(out, &format!("queries (median of {runs})"), &["Fluxstone", "peer", "ratio", "answer"])?;
        for query in outcome.sets.iter().flat_map(|set| &set.queries) {
            let [ours, peers] = query.median_s.map(milliseconds);
            let agreement = match query.agreement {
                Agreement::Equal => "equal",
                Agreement::Reordered => "equal except for the order of rows of one time",
                Agreement::Different(_) => "DIFFERENT",
            };
            let answer = format!("{}, {agreement}", bytes(Some(query.bytes as f64)));
            line(out, query.name, &[&ours, &peers, &times(query.ratio()), &answer])?;
        }
    }
    writeln!(out)?;
    line(out, "targets", &["at least", "measured", ""])?;
    for verdict in &outcome.targets {
        let mark = if verdict.is_met { "met" } else { "MISSED" };
        let (at_least, measured) = (times(Some(verdict.at_least)), times(Some(verdict.ratio)));
        line(out, &verdict.target, &[&at_least, &measured, mark])?;
    }
    Ok(())
}

fn put_load(set: &SetOutcome, out: &mut String) -> std::fmt::Result {
    writeln!(out)?;
    line(out, &format!("loading {}", set.kind), &["Fluxstone", "peer", "ratio"])?;
    let rows = set.rows as f64;
    let mut row = |what: &str, of: &dyn Fn(&Load) -> Option<f64>, print: fn(Option<f64>) -> String| {
        let [ours, peers] = set.loads.each_ref().map(|load| print(of(load)));
        line(out, what, &[&ours, &peers, &times(set.ratio(of))])
    };
    row("CPU to load", &|load| load.cpu_s, seconds)?;
    row("CPU until settled", &|load| load.settled_cpu_s, seconds)?;
    row("CPU per million rows, settled", &|load| Some(load.settled_cpu_s? * 1e6 / rows), seconds)?;
    row("time to load", &|load| Some(load.wall_s), seconds)?;
    row("time until settled", &|load| load.settling_s, seconds)?;
    row("peak memory", &|load| Some(load.peak_memory? as f64), bytes)?;
    row("on disk", &|load| Some(load.disk_bytes? as f64), bytes)?;
    row("bytes per value", &|load| Some(load.disk_bytes? as f64 / rows / set.fields as f64), |value| {
        value.map_or_else(unknown, |value| format!("{value:.2}"))
    })?;
    writeln!(out, "  ({} rows of {} fields, {})", set.rows, set.fields, bytes(Some(set.bytes as f64)))
}

/// Writes a name, followed by right-aligned cells.
fn line(out: &mut String, name: &str, cells: &[&str]) -> std::fmt::Result {
    write!(out, "{name:<32}")?;
    for cell in cells {
        write!(out, " {cell:>12}")?;
    }
    writeln!(out)
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(unknown, |value| format!("{value:.2} s"))
}

fn milliseconds(value_s: f64) -> String {
    let value = value_s * 1e3;
    if value < 100.0 { format!("{value:.2} ms") } else { format!("{value:.0} ms") }
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2} x"))
}

fn bytes(value: Option<f64>) -> String {
    let Some(value) = value else { return unknown() };
    match value {
        ..1e3 => format!("{value} B"),
        ..1e6 => format!("{:.1} kB", value / 1e3),
        _ => format!("{:.1} MB", value / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::super::data::Kind;
    use super::super::queries::Answered;
    use super::*;

    fn outcome() -> Outcome {
        let load = |cpu_s: f64| Load {
            wall_s: 1.0,
            cpu_s: Some(cpu_s),
            settled_cpu_s: Some(cpu_s + 1.0),
            settling_s: Some(3.0),
            peak_memory: Some(100_000_000),
            disk_bytes: Some(5_000_000),
        };
        let query = |name, median_s, difference: Option<&str>| Answered {
            name,
            example: "SELECT 1".to_owned(),
            median_s,
            bytes: 2_345,
            agreement: difference.map_or(Agreement::Equal, |text| Agreement::Different(text.to_owned())),
        };
        let set = SetOutcome {
            kind: Kind::Integers,
            rows: 432_000,
            fields: 10,
            bytes: 140_000_000,
            loads: [load(0.5), Load { peak_memory: None, ..load(9.0) }],
            queries: vec![
                query("double-groupby-all", [0.1, 1.6], None),
                query("count-all", [0.002, 0.002], Some("somewhere")),
            ],
        };
        let sets = vec![set];
        Outcome {
            servers: ["fluxstone 1".to_owned(), "InfluxDB 2".to_owned()],
            cores: 2,
            hosts: 100,
            hours: 12,
            batch: 5000,
            connections: 2,
            seed: 1,
            runs: 3,
            targets: super::super::targets::judge(&sets),
            sets,
        }
    }

    #[test]
    fn the_table_has_measures_ratios_answers_and_targets() {
        let table = table(&outcome());
        for expected in [
            "CPU to load                            0.50 s       9.00 s      18.00 x\n",
            "peak memory                          100.0 MB      unknown            -\n",
            "bytes per value                          1.16         1.16       1.00 x\n",
            "double-groupby-all                     100 ms      1600 ms      16.00 x 2.3 kB, equal\n",
            "count-all                             2.00 ms      2.00 ms       1.00 x 2.3 kB, DIFFERENT\n",
            "integers: CPU to load                 15.00 x      18.00 x          met\n",
            "integers: CPU until settled           13.00 x       6.67 x       MISSED\n",
            "queries, geometric mean               18.00 x       4.00 x       MISSED\n",
        ] {
            assert!(table.contains(expected), "{expected}is not in\n{table}");
        }
    }

    #[test]
    fn differences_are_named() {
        assert_eq!(outcome().differences().collect::<Vec<_>>(), [("count-all", "somewhere")]);
    }

    #[test]
    fn the_json_has_everything() {
        let json = serde_json::to_value(outcome()).unwrap();
        assert_eq!(json["sets"][0]["loads"][0]["cpu_s"], 0.5);
        assert_eq!(json["sets"][0]["queries"][1]["agreement"]["different"], "somewhere");
        assert_eq!(json["targets"][0]["is_met"], true);
    }
}
