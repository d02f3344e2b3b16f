//! Runs every fuzz target for a short time, with the requests of the conformance cases as seeds.
//!
//! The targets are built with the stable toolchain: coverage guides them, and debug assertions and overflow checks are on. A sanitizer,
//! which needs a nightly toolchain, would find little in code that forbids `unsafe`. For a longer run, pass more seconds; its findings are
//! in `fuzz/corpus` and `fuzz/artifacts`, which git ignores.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::seeds;

/// The options of a cargo-fuzz build with the stable toolchain.
const BUILD: [&str; 3] = ["--sanitizer", "none", "--dev"];
/// libFuzzer's limits for one input: seconds, MiB of memory, bytes.
const LIMITS: [&str; 3] = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=4096"];

/// Runs each target of `fuzz/Cargo.toml` whose name contains `only`. A target that fails is a violation.
pub(crate) fn smoke(root: &Path, only: &str, seconds: u32) -> anyhow::Result<Vec<String>> {
    if !is_installed() {
        println!("fuzz-smoke: skipped: cargo-fuzz is not installed (cargo install cargo-fuzz)");
        return Ok(Vec::new());
    }
    let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).context("fuzz/Cargo.toml")?;
    seeds::write(&root.join("fuzz/corpus"))?;
    anyhow::ensure!(cargo_fuzz(root).arg("build").args(BUILD).status()?.success(), "the fuzz targets cannot be built");
    let mut violations = Vec::new();
    for target in targets(&manifest).into_iter().filter(|target| target.contains(only)) {
        let time = format!("-max_total_time={seconds}");
        let output = cargo_fuzz(root)
            .arg("run")
            .args(BUILD)
            .args([target, "--", &time, "-print_final_stats=1"])
            .args(LIMITS)
            .output()
            .context("cargo fuzz")?;
        let report = String::from_utf8_lossy(&output.stderr);
        println!("fuzz-smoke: {target}, {} runs in {seconds} s", runs(&report).unwrap_or("no"));
        if !output.status.success() {
            println!("{report}");
            violations.push(format!("the fuzz target {target} failed"));
        }
    }
    Ok(violations)
}

fn cargo_fuzz(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.arg("fuzz").current_dir(root);
    command
}

fn is_installed() -> bool {
    let status = Command::new("cargo").args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Returns the number of inputs in libFuzzer's report.
fn runs(report: &str) -> Option<&str> {
    let line = report.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    line.map(str::trim)
}

/// Returns the names of the `[[bin]]` tables.
fn targets(manifest: &str) -> Vec<&str> {
    let tables = manifest.split("[[bin]]").skip(1);
    tables.filter_map(|table| table.split("name = \"").nth(1)?.split('"').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_runs_is_read_from_the_report() {
        assert_eq!(runs("Done\nstat::number_of_executed_units: 1161923\nstat::peak_rss_mb: 70\n"), Some("1161923"));
        assert_eq!(runs("==1== ERROR"), None);
    }

    #[test]
    fn targets_are_the_binaries_of_the_manifest() {
        let manifest = "[package]\nname = \"x\"\n[[bin]]\nname = \"a\"\npath = \"a.rs\"\n[[bin]]\nname = \"b\"\n";
        assert_eq!(targets(manifest), ["a", "b"]);
    }
}
