//! Random data: a list of steps that change a database.
//!
//! There are two policies with different shards. The points are those of `fluxstone_grammar::points`.

use fluxstone::model::{TimeRange, Timestamp};
use fluxstone_grammar::Choices;
use fluxstone_grammar::points::{line, time};

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
