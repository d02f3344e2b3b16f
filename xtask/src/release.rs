//! Builds the server in release mode, for the chores that measure it or kill it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Builds the server, unless a binary is given, and returns the absolute path of the binary.
pub(crate) fn server(root: &Path, given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => build(root)?,
    };
    path.canonicalize().with_context(|| path.display().to_string())
}

fn build(root: &Path) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--bin", "fluxstone"])
        .current_dir(root)
        .status()
        .context("cargo build")?;
    ensure!(status.success(), "the server cannot be built");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/fluxstone"))
}
