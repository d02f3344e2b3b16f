//! The clients and tools that `tests/real_clients/install.sh` installs, and how a test says that one is absent.

#![allow(dead_code, reason = "each integration test uses a part of it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A path in the folder that clients and tools are installed into.
pub(crate) fn path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients").join(path)
}

/// Prints that a test is skipped, past the capture of output of passing tests.
pub(crate) fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}
