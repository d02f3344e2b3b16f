//! Runs every fuzz target for a short time. Long runs are done by hand: `cargo +nightly fuzz run TARGET`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

/// Runs each target of `fuzz/Cargo.toml`; a target that finds something is a violation.
pub(crate) fn smoke(root: &Path, seconds: u32) -> anyhow::Result<Vec<String>> {
    for (tool, args) in [("cargo-fuzz", ["fuzz", "--version"]), ("a nightly toolchain", ["+nightly", "--version"])] {
        if !is_present(&args) {
            println!("fuzz-smoke: skipped, since {tool} is not installed");
            return Ok(Vec::new());
        }
    }
    let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).context("fuzz/Cargo.toml")?;
    let mut violations = Vec::new();
    for target in targets(&manifest) {
        println!("fuzz-smoke: {target}, {seconds} s");
        let limit = format!("-max_total_time={seconds}");
        let status = Command::new("cargo")
            .args(["+nightly", "fuzz", "run", target, "--", &limit, "-verbosity=0"])
            .current_dir(root)
            // The outer cargo's choice of toolchain must not reach the inner one.
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .status()
            .context("cargo fuzz")?;
        if !status.success() {
            violations.push(format!("the fuzz target {target} failed"));
        }
    }
    Ok(violations)
}

fn is_present(args: &[&str]) -> bool {
    let status = Command::new("cargo")
        .args(args)
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The names of the `[[bin]]` tables.
fn targets(manifest: &str) -> Vec<&str> {
    let tables = manifest.split("[[bin]]").skip(1);
    tables.filter_map(|table| table.split("name = \"").nth(1)?.split('"').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_binaries_of_the_manifest() {
        let manifest = "[package]\nname = \"x\"\n[[bin]]\nname = \"a\"\npath = \"a.rs\"\n[[bin]]\nname = \"b\"\n";
        assert_eq!(targets(manifest), ["a", "b"]);
    }
}
