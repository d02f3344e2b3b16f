//! The engine: the one place where catalog, storage and query meet. Executes writes and statements. Knows nothing of HTTP.
//!
//! All calls block (on password hashing, on the disk, on evaluation): servers call them from a thread made for that.
//! Invariant: whatever was answered with success is on disk, and readers see nothing that is not.
//!
//! Errors become text in two places: a write's in `write`, a statement's in `statement_error`; both carry the words of
//! the catalog, of storage and of the evaluator unchanged.

mod authorize;
mod background;
mod catalog_cell;
mod change;
mod clock;
mod continuous_queries;
mod counters;
mod definition;
mod delete;
mod diagnostics;
mod engine;
mod engine_core;
mod execute;
mod field_keys;
mod into;
mod listing;
mod login;
mod names;
mod options;
mod passwords;
mod prepare;
mod queries;
mod request;
mod schema;
mod schema_condition;
mod select;
mod session;
mod statement;
mod statement_error;
#[cfg(test)]
mod tests;
mod write;

pub use clock::{Clock, SystemClock};
pub use engine::Engine;
pub use options::{ContinuousQueryOptions, EngineOptions, EngineSemantics};
pub use prepare::PreparedQuery;
pub use request::{
    AuthState, ErrorKind, LoginError, Principal, QueryRefusal, QueryRequest, StatementResult, WriteError, WriteRequest,
};

pub(crate) use engine_core::Core;
