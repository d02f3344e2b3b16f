//! The `fluxstone-conformance` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    fluxstone_conformance::cli::main()
}
