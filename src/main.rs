//! The `fluxstone` binary.

fn main() {}
