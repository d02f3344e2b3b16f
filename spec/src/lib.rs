//! The executable semantics of the specification.
