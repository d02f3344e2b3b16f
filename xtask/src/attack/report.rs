//! The outcome of the attacks, as a table for people and as JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::observer::{Observation, Summary};

/// The outcome of one attack.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) transport: &'static str,
    /// The duration of the attack, without its preparations.
    pub(super) took_s: f64,
    /// The peak memory, if the server has survived.
    pub(super) peak_bytes: Option<u64>,
    /// What was resident when the server had settled.
    pub(super) resident_bytes: Option<u64>,
    /// What the good client saw.
    pub(super) observation: Observation,
    /// The time to start again after the server was killed.
    pub(super) restart_s: Option<f64>,
    /// The broken bounds.
    pub(super) broken: Vec<String>,
    /// Other figures.
    pub(super) notes: Vec<String>,
}

impl Outcome {
    /// Returns an outcome to be filled in.
    pub(super) fn new(name: &'static str, transport: &'static str) -> Outcome {
        Outcome { name, transport, ..Outcome::default() }
    }

    /// Returns the name, with the transport unless it is plain TCP.
    fn title(&self) -> String {
        if self.transport == "tcp" { self.name.to_owned() } else { format!("{} ({})", self.name, self.transport) }
    }

    /// Returns the broken bounds, with the attack.
    pub(super) fn violations(&self) -> impl Iterator<Item = String> {
        self.broken.iter().map(|broken| format!("{}: {broken}", self.title()))
    }
}

/// Returns what to print when an attack has ended.
pub(super) fn progress(outcome: &Outcome) -> String {
    let mut out = format!("{:4} {} ({:.1} s)\n", verdict(outcome), outcome.title(), outcome.took_s);
    for (kind, texts) in [("broken", &outcome.broken), ("note", &outcome.notes)] {
        for text in texts {
            let _ = writeln!(out, "     {kind}: {text}");
        }
    }
    out
}

/// Returns the table.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let mut out = format!(
        "\n{:34} {:4} {:>6} {:>6} {:>6} {:>21} {:>21} {:>21} {:>7} {:>7}\n",
        "", "", "took", "peak", "later", "SHOW DATABASES", "write", "new connection", "refused", "restart"
    );
    let _ = writeln!(
        out,
        "{:34} {:4} {:>6} {:>6} {:>6} {:>21} {:>21} {:>21} {:>7} {:>7}",
        "attack", "", "s", "MiB", "MiB", "p50/p99/max ms", "p50/p99/max ms", "p50/p99/max ms", "", "s"
    );
    for outcome in outcomes {
        let seen = &outcome.observation;
        let refused = seen.shows.refused + seen.writes.refused + seen.visits.refused;
        let _ = writeln!(
            out,
            "{:28} {:4} {:>6.1} {:>6} {:>6} {:>21} {:>21} {:>21} {:>7} {:>7}",
            outcome.title(),
            verdict(outcome),
            outcome.took_s,
            mebibytes(outcome.peak_bytes),
            mebibytes(outcome.resident_bytes),
            times(&seen.shows),
            times(&seen.writes),
            times(&seen.visits),
            refused,
            outcome.restart_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.2}")),
        );
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.broken.is_empty()).count();
    let _ = write!(out, "{} passed, {failed} failed", outcomes.len() - failed);
    out
}

fn verdict(outcome: &Outcome) -> &'static str {
    if outcome.broken.is_empty() { "ok" } else { "FAIL" }
}

fn mebibytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| (bytes >> 20).to_string())
}

fn times(summary: &Summary) -> String {
    format!("{:.0}/{:.0}/{:.0}", summary.p50_s * 1e3, summary.p99_s * 1e3, summary.max_s * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_counts_the_attacks_with_broken_bounds() {
        let good = Outcome { peak_bytes: Some(3 << 20), ..Outcome::new("good", "tcp") };
        let bad = Outcome { broken: vec!["it ended".to_owned()], ..Outcome::new("bad", "tls") };
        let table = table(&[good, bad.clone()]);
        assert!(table.ends_with("1 passed, 1 failed"), "{table}");
        assert_eq!(bad.violations().collect::<Vec<_>>(), ["bad (tls): it ended"]);
    }
}
