//! Conformance cases and their runner.
