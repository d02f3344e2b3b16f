//! Counts the instructions of the hot paths with valgrind's callgrind, and compares them with the counts in `benches/guard.toml`.
//!
//! Unlike times, the counts hardly depend on what else the machine does, so that a change of a few percent is one of the code. They do
//! depend on the compiler: with another one than the committed counts are of, nothing is judged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// How much a count may differ from the committed one, either way, in percent.
const TOLERANCE: u64 = 3;

/// The options of `cargo xtask guard`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Count only the paths whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Replace the committed counts by those of this run.
    #[arg(long)]
    bless: bool,
}

/// The committed counts.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Committed {
    /// The compiler of which they are.
    rustc: String,
    /// Instructions for each unit of a path's work.
    instructions: BTreeMap<String, u64>,
}

/// A line of the list that the program of the paths prints.
#[derive(Debug, PartialEq)]
struct HotPath {
    name: String,
    times: u64,
    units: u64,
    unit: String,
}

/// Counts the instructions of each path. Those that need more, or fewer, than is committed are violations.
pub(crate) fn guard(root: &Path, options: &Options) -> anyhow::Result<Vec<String>> {
    if !is_installed() {
        println!("guard: skipped: valgrind is not installed");
        return Ok(Vec::new());
    }
    let file = root.join("benches/guard.toml");
    let committed: Committed = match std::fs::read_to_string(&file) {
        Ok(text) => toml::from_str(&text).with_context(|| file.display().to_string())?,
        Err(_) => Committed::default(),
    };
    let rustc = text_of(Command::new("rustc").arg("-V"))?.trim().to_owned();
    if rustc != committed.rustc && !options.bless {
        println!("guard: skipped: the committed counts are of {}, this is {rustc}", committed.rustc);
        return Ok(Vec::new());
    }
    let program = build(root)?;
    let list = text_of(&mut Command::new(&program))?;
    let paths = list.lines().map(hot_path).collect::<anyhow::Result<Vec<HotPath>>>()?;
    let mut counts = BTreeMap::new();
    for path in paths.iter().filter(|path| path.name.contains(&options.only)) {
        let count = count(&program, path)?;
        let before =
            committed.instructions.get(&path.name).map_or(String::new(), |before| format!(", {before} committed"));
        println!("guard: {}: {count} instructions for each {}{before}", path.name, path.unit);
        counts.insert(path.name.clone(), count);
    }
    if !options.bless {
        return Ok(violations(&committed.instructions, &counts));
    }
    let mut instructions = if rustc == committed.rustc { committed.instructions } else { BTreeMap::new() };
    instructions.retain(|name, _| paths.iter().any(|path| path.name == *name));
    instructions.extend(counts);
    let text = toml::to_string(&Committed { rustc, instructions })?;
    let head = "# Instructions of the hot paths in `guard.rs`, for each unit of their work. `cargo xtask guard --bless` renews them.\n\n";
    std::fs::write(&file, format!("{head}{text}"))?;
    Ok(Vec::new())
}

fn is_installed() -> bool {
    let status = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Returns what a command prints.
fn text_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("{command:?}"))?;
    anyhow::ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8(output.stdout)?)
}

/// Builds the program of the paths. Returns where it is.
fn build(root: &Path) -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["bench", "--bench", "guard", "--no-run", "--message-format", "json"]).current_dir(root);
    let messages = text_of(&mut cargo)?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut programs = messages
        .filter(|message| message["target"]["name"] == "guard")
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.next().context("cargo did not say where the program is")
}

/// Reads a line of the list.
fn hot_path(line: &str) -> anyhow::Result<HotPath> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, times, units, unit] = fields[..] else { anyhow::bail!("not a path: {line}") };
    Ok(HotPath { name: name.to_owned(), times: times.parse()?, units: units.parse()?, unit: unit.to_owned() })
}

/// Returns the instructions for each unit of work: what more times need, so that the preparation is left out.
fn count(program: &Path, path: &HotPath) -> anyhow::Result<u64> {
    let once = collect(program, &path.name, 1)?;
    let often = collect(program, &path.name, 1 + path.times)?;
    Ok(often.saturating_sub(once) / (path.times * path.units))
}

/// Runs the work of a path under callgrind, and returns the instructions of the process.
fn collect(program: &Path, name: &str, times: u64) -> anyhow::Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args([name, &times.to_string()]);
    let output = valgrind.output().context("valgrind")?;
    let report = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{name} failed: {report}");
    collected(&report).with_context(|| format!("valgrind counted nothing: {report}"))
}

/// Reads the number of instructions from callgrind's report.
fn collected(report: &str) -> Option<u64> {
    let (_, count) = report.lines().find_map(|line| line.split_once("Collected : "))?;
    count.split_whitespace().next()?.parse().ok()
}

fn violations(committed: &BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) -> Vec<String> {
    let judged = counts.iter().filter_map(|(name, &count)| {
        let Some(&before) = committed.get(name) else {
            return Some(format!("{name} has no committed count: accept {count} with `cargo xtask guard --bless`"));
        };
        let change = (count as f64 / before as f64 - 1.0) * 100.0;
        let text = format!("{name} needs {count} instructions instead of {before} ({change:+.1}%)");
        let is_close = count.abs_diff(before) * 100 <= before * TOLERANCE;
        match count < before {
            _ if is_close => None,
            true => Some(format!("{text}: keep it so with `cargo xtask guard --bless`")),
            false => Some(text),
        }
    });
    judged.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_and_lists_are_read() {
        let report = "==7== Events    : Ir\n==7== Collected : 25680227\n==7== \n";
        assert_eq!(collected(report), Some(25_680_227));
        assert_eq!(collected("valgrind: cannot execute"), None);
        let path = hot_path("parse-lines\t20\t2000\tline of ten fields").unwrap();
        let want = HotPath { name: "parse-lines".into(), times: 20, units: 2000, unit: "line of ten fields".into() };
        assert_eq!(path, want);
        assert!(hot_path("parse-lines\t20").is_err() && hot_path("a\tb\tc\td").is_err());
    }

    #[test]
    fn counts_may_differ_by_three_percent() {
        let counts = |counts: &[(&str, u64)]| counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let committed = counts(&[("a", 1000), ("b", 1000), ("c", 1000), ("d", 1000)]);
        let found = violations(&committed, &counts(&[("a", 1030), ("b", 970), ("c", 1031), ("d", 969), ("e", 5)]));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("c needs 1031") && found[1].contains("keep it so") && found[2].contains("e has no"));
    }
}
