//! Random data: a list of steps that change a database.
//!
//! There are two policies with different shards, and two measurements with the fields `f` (float), `i` (integer), `s` (string), `b`
//! (boolean) and `v`, whose type varies between shards and measurements, and the tags `host` and `dc`; in `n`, `dc` may be a field.
//! There are few different values and times, so that ties, overwritten points and absent fields are common.

use fluxstone::model::{TimeRange, Timestamp};

use super::choices::Choices;

/// A change to a database.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Writes lines to one shard, with times in nanoseconds.
    Write { policy: &'static str, shard: usize, lines: Vec<String> },
    /// Deletes the values of the series with one value of `host` in a range of times.
    Delete { host: &'static str, range: TimeRange },
    /// Writes the data in memory to files.
    Seal,
    /// Restarts the store.
    Reopen,
}

/// The first policy is the default one.
pub(crate) const POLICIES: [&str; 2] = ["", "other"];

/// Returns when the shards of a policy begin, except the first one.
pub(crate) fn shard_starts(policy: &str) -> &'static [i64] {
    if policy.is_empty() { &[10_000, 20_000] } else { &[14_500] }
}

/// Returns the ranges of the shards of a policy.
pub(crate) fn shards(policy: &str) -> Vec<TimeRange> {
    let mut shards = vec![TimeRange::ALL];
    for start in shard_starts(policy) {
        let last = shards.len() - 1;
        shards[last].max = Timestamp(start - 1);
        shards.push(TimeRange { min: Timestamp(*start), max: Timestamp::MAX });
    }
    shards
}

/// The earliest time of a point.
pub(crate) const FIRST: i64 = -4_000;
/// The latest time of a point.
pub(crate) const LAST: i64 = 30_000;

/// Returns the steps for one database.
pub(crate) fn steps(choices: &mut Choices<'_>) -> Vec<Step> {
    let types = choices.between(0, 0xffff) as usize;
    let mut steps = Vec::new();
    for _ in 0..=choices.below(6) {
        match choices.below(8) {
            0 => steps.push(delete(choices)),
            1 => steps.push(Step::Seal),
            2 => steps.push(Step::Reopen),
            _ => steps.extend(writes(choices, types)),
        }
    }
    steps.extend(writes(choices, types));
    steps
}

fn delete(choices: &mut Choices<'_>) -> Step {
    let host = choices.one_of(&["", "a", "b", "c"]);
    let ends = [time(choices), time(choices)];
    let range = TimeRange { min: Timestamp(ends[0].min(ends[1])), max: Timestamp(ends[0].max(ends[1])) };
    Step::Delete { host, range: if choices.once_in(3) { TimeRange::ALL } else { range } }
}

/// Writes some lines, grouped by shard.
fn writes(choices: &mut Choices<'_>, types: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let policy = if choices.once_in(4) { POLICIES[1] } else { POLICIES[0] };
    let shards = shards(policy);
    let mut lines: Vec<Vec<String>> = vec![Vec::new(); shards.len()];
    for _ in 0..choices.below(30) {
        let time = time(choices);
        let shard = shards.iter().position(|times| times.contains(Timestamp(time))).unwrap_or(0);
        if let Some(line) = line(choices, types >> (2 * shard + 3 * policy.len()), time) {
            lines[shard].push(line);
        }
    }
    for (shard, lines) in lines.into_iter().enumerate() {
        if !lines.is_empty() {
            steps.push(Step::Write { policy, shard, lines });
        }
    }
    steps
}

fn time(choices: &mut Choices<'_>) -> i64 {
    choices.between(FIRST / 500, LAST / 500) * 500
}

/// Returns a point; `types` decides the type of `v`.
fn line(choices: &mut Choices<'_>, types: usize, time: i64) -> Option<String> {
    let is_second = choices.once_in(4);
    let mut series = String::from(if is_second { "n" } else { "m" });
    let tag_dc = !(is_second && types & 1 == 1);
    for (key, values) in [("host", ["", "a", "b", "c"]), ("dc", ["", "x", "y", "x"])] {
        let value = choices.one_of(&values);
        if !value.is_empty() && (key == "host" || tag_dc) {
            series = format!("{series},{key}={value}");
        }
    }
    let present = choices.below(64);
    let mut fields = Vec::new();
    if present & 1 > 0 {
        fields.push(format!("f={}", float(choices)));
    }
    if present & 2 > 0 {
        fields.push(format!("i={}i", integer(choices)));
    }
    if present & 4 > 0 {
        fields.push(format!("s=\"{}\"", choices.one_of(&["", "u", "uv"])));
    }
    if present & 8 > 0 {
        fields.push(format!("b={}", choices.below(2) == 1));
    }
    if present & 16 > 0 {
        let of_measurement = if is_second { types >> 1 } else { types };
        fields.push(match of_measurement % 4 {
            0 => format!("v={}", float(choices)),
            1 => format!("v={}i", integer(choices)),
            2 => format!("v=\"{}\"", choices.one_of(&["", "u", "uv"])),
            _ => format!("v={}", choices.below(2) == 1),
        });
    }
    if is_second && !tag_dc && present & 32 > 0 {
        fields.push(format!("dc=\"{}\"", choices.one_of(&["x", "y"])));
    }
    (!fields.is_empty()).then(|| format!("{series} {} {time}", fields.join(",")))
}

fn float(choices: &mut Choices<'_>) -> f64 {
    match choices.below(12) {
        0 => 0.1,
        1 => -1e17,
        // Equal values of several series are common.
        2..=4 => 1.0,
        _ => choices.between(-8, 8) as f64 / 4.0,
    }
}

fn integer(choices: &mut Choices<'_>) -> i64 {
    match choices.below(16) {
        0 => i64::MAX,
        1 => i64::MIN + 1,
        2 => (1 << 53) + 1,
        _ => choices.between(-3, 4),
    }
}
