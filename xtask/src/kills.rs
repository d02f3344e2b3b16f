//! Kills the server many times while clients write, and checks that no acknowledged write is lost.
//!
//! The rounds themselves are the integration test `durability`; this module builds the optimised server and sets the number of rounds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::built;

/// The server to kill, and how many times.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many times to kill the server.
    #[arg(long, default_value_t = 1000)]
    rounds: usize,
    /// The server's binary; built in release mode by default.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

/// Runs the rounds. A lost write is a violation.
pub(crate) fn rounds(root: &Path, options: &Options) -> anyhow::Result<Vec<String>> {
    let server = built::server(root, options.server.as_deref())?;
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
        vec!["an acknowledged write was lost, or the rounds could not run".to_owned()]
    })
}
