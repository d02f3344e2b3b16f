//! The `fluxstone` binary.

use std::process::ExitCode;

/// The memory that queries and bodies took goes back to the system within seconds. The allocator of the C library keeps most of it.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    fluxstone::cli::run()
}
