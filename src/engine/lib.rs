//! The engine: the one place where catalog, storage and query meet. Executes writes and statements. Knows nothing about HTTP.
//!
//! All calls block (on password hashing, on the disk, on evaluation): servers call them from threads that may block.
//! Invariant: everything that was answered with success is on disk, and readers see nothing that is not on disk.
//!
//! Errors become text in two places: those of writes in `write_error`, those of statements in `statement_error`. Both keep the words of
//! the catalog, of storage and of the evaluator.
//!
//! | file | contents |
//! |---|---|
//! | `engine`, `engine_core`, `options` | opening an engine, and its state |
//! | `request`, `session`, `login`, `passwords` | requests and results as plain values; users logging in |
//! | `prepare`, `authorize` | text to a parsed and authorized query |
//! | `execute`, `statement` | running the statements of a query; the meaning of each statement |
//! | `select`, `into`, `delete`, `definition` | statements that read, write or change something |
//! | `listing`, `schema`, `schema_condition`, `found_series`, `field_keys`, `diagnostics`, `statistics`, `counted`, `counters` | SHOW statements |
//! | `write`, [`ingest`], `write_error` | writing points: requests and shards; the rules of writing; failures |
//! | `delivery`, `subscriptions`, `lines` | what subscriptions get; points as line protocol |
//! | `change`, `catalog_cell` | changes of the catalog and its current version |
//! | `background`, `continuous_queries`, `clock_moves` | work that no request asks for, and doing it when a test moves the clock |
//! | `names`, `queries`, `administration`, `clock`, `statement_error` | names filled in; running queries, and which count; the time; errors |

mod administration;
mod authorize;
mod background;
mod catalog_cell;
mod change;
mod clock;
mod clock_moves;
mod continuous_queries;
mod counted;
mod counters;
mod definition;
mod delete;
mod delivery;
mod diagnostics;
mod engine;
mod engine_core;
mod execute;
mod field_keys;
mod found_series;
pub mod ingest;
mod into;
mod lines;
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
mod shard_counters;
mod slow_queries;
mod statement;
mod statement_error;
mod statistics;
mod subscriptions;
#[cfg(test)]
mod tests;
mod write;
mod write_error;

pub use clock::{Clock, ClockError, ClockMove, ClockSetting, SettableClock, SystemClock};
pub use clock_moves::MoveError;
pub use counted::{Statistics, WrittenPoints};
pub use delivery::{Deliver, DeliveredPoints, DeliveryCounts, DeliveryStatistics, DestinationStatistics, Subscribed};
pub use engine::{Engine, read_catalog};
pub use execute::TakesLong;
pub use lines::ParsedLines;
pub use login::LoginMark;
pub use options::{ContinuousQueryOptions, EngineOptions, EngineSemantics, ShardPrecreationOptions};
pub use request::{
    AuthState, ErrorKind, LoginError, PartialWrite, PointError, Principal, QueryRefusal, QueryRequest, StatementResult,
    WriteError, WriteRequest,
};
pub use session::PreparedQuery;

#[doc(no_inline)]
pub use fluxstone_storage::{Mode, StoreHealth};

pub(crate) use engine_core::Core;
