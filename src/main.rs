//! The `fluxstone` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    fluxstone::cli::run()
}
