//! Builds programs of the workspace in release mode, for the chores that measure them, kill them, or pack them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Builds the server, unless a binary is given, and returns the absolute path of the binary.
pub(crate) fn server(root: &Path, given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => programs(root, &["fluxstone"])?.join("fluxstone"),
    };
    path.canonicalize().with_context(|| path.display().to_string())
}

/// Builds programs, each of the package of its name, and returns the folder that has them.
pub(crate) fn programs(root: &Path, names: &[&str]) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--locked"]).current_dir(root);
    for name in names {
        command.args(["--package", name, "--bin", name]);
    }
    let status = command.status().context("cargo build")?;
    ensure!(status.success(), "{} cannot be built", names.join(" and "));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release"))
}
