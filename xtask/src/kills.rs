//! Kills the server again and again while clients write, and looks for what was acknowledged. The rounds themselves are the
//! test `durability`; here they get the optimised server and their number.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// What is run, and how often it is killed.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often the server is killed.
    #[arg(long, default_value_t = 1000)]
    rounds: usize,
    /// A server that is built already; without it, one is built in release mode.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

/// Runs the rounds; something lost is a violation.
pub(crate) fn rounds(root: &Path, options: &Options) -> anyhow::Result<Vec<String>> {
    let server = match &options.server {
        Some(server) => server.clone(),
        None => build(root)?,
    };
    let server = server.canonicalize().with_context(|| server.display().to_string())?;
    let status = Command::new("cargo")
        .args(["test", "--quiet", "--test", "durability", "--", "--nocapture"])
        .current_dir(root)
        .env("KILL_ROUNDS", options.rounds.to_string())
        .env("FLUXSTONE_SERVER", server)
        .status()
        .context("cargo test")?;
    Ok(if status.success() {
        Vec::new()
    } else {
        vec!["a kill lost something, or the rounds could not run".to_owned()]
    })
}

fn build(root: &Path) -> anyhow::Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--bin", "fluxstone"])
        .current_dir(root)
        .status()
        .context("cargo build")?;
    ensure!(status.success(), "the server can't be built");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/fluxstone"))
}
