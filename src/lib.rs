//! Fluxstone: a server for the InfluxDB 1.2 HTTP API.
//!
//! # The map
//!
//! A module may use the floors below it, never a floor above. `cargo xtask check` enforces this from the `use` lines.
//!
//! | floor | module | what lives there | knows nothing of |
//! |---|---|---|---|
//! | 6 | [`cli`], [`config`] | command line; settings with InfluxDB's section and key names and environment overrides | |
//! | 5 | [`http`] | hyper server, routing, authentication, request decoding, JSON and CSV encoding, streaming | how data is stored |
//! | 4 | [`engine`] | executes statements and writes: where catalog, storage and query meet; background work | HTTP |
//! | 3 | [`query`] | planner and pure evaluator; [`query::functions`] one file for each family | files, clocks, threads, the catalog |
//! | 3 | [`storage`] | log, memtables, segment files, series index, snapshots (which implement [`query::Source`]) | InfluxQL statements |
//! | 3 | [`catalog`] | databases, policies, shard groups, users, grants, continuous queries: a value with pure transitions | files |
//! | 2 | [`influxql`] | text to syntax tree, static validation, tree to normalised text | data |
//! | 2 | [`line_protocol`] | bytes to points that borrow from them | databases |
//! | 2 | [`codec`] | pure block encoders and decoders | files |
//! | 1 | [`model`] | the nouns: times, values, names, tag sets, series keys | everything else |
//! | 1 | [`compat`] | the one list of points where documentation and InfluxDB 1.2.4 disagree | everything else |
//!
//! # Three rules
//!
//! 1. **The log is the database.** Every change is one record in one append-only log; applying a record is deterministic.
//!    An acknowledgement means that the record is on disk.
//! 2. **Readers never wait for a writer's disk.** A query works on an immutable snapshot; taking it waits at most while one
//!    record is applied in memory.
//! 3. **Effects live at the rim.** Parsers, codecs, validation, planning, evaluation and catalog transitions are pure.

pub mod cli;
pub mod config;
mod server;

pub use server::{Server, ServerBuilder, StartError};

#[doc(inline)]
pub use fluxstone_catalog as catalog;
#[doc(inline)]
pub use fluxstone_codec as codec;
#[doc(inline)]
pub use fluxstone_columns as columns;
#[doc(inline)]
pub use fluxstone_compat as compat;
#[doc(inline)]
pub use fluxstone_engine as engine;
#[doc(inline)]
pub use fluxstone_go as go;
#[doc(inline)]
pub use fluxstone_http as http;
#[doc(inline)]
pub use fluxstone_influxql as influxql;
#[doc(inline)]
pub use fluxstone_line_protocol as line_protocol;
#[doc(inline)]
pub use fluxstone_model as model;
#[doc(inline)]
pub use fluxstone_query as query;
#[doc(inline)]
pub use fluxstone_storage as storage;
