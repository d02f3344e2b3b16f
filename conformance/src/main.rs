//! The `fluxstone-conformance` binary.

fn main() {}
