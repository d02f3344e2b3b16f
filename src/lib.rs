//! Fluxstone: a server for the InfluxDB 1.2 HTTP API.
//!
//! To run it, see `README.md`. To embed it, for example in the tests of a client library, see [`Server`]:
//!
//! ```
//! let server = fluxstone::Server::ephemeral()?;
//! println!("listening on {}", server.url());
//! # Ok::<(), fluxstone::StartError>(())
//! ```
//!
//! [`testing`] has the same server with a clock that stands still, faults, and a log of what it received.
//!
//! The rest of this page is the map for those who change it.
//!
//! # Layers
//!
//! Each layer is a crate in a folder of `src/`, re-exported here. A crate uses only crates of lower layers: Cargo enforces it.
//!
//! | layer | crate | what it holds | what it does not know |
//! |---|---|---|---|
//! | 6 | [`cli`], [`config`], [`Server`] (this crate) | command line; settings with InfluxDB's section and key names, and environment overrides; embedding | |
//! | 5 | [`http`] | hyper server, routing, authentication, request decoding, JSON and CSV encoding, streaming | how data are stored |
//! | 5 | [`services`] | delivery to subscriptions, and line protocol over UDP | how data are stored |
//! | 3 | [`explorer`] | the pages of the explorer: models in, HTML and SVG out | HTTP, the engine |
//! | 4 | [`engine`] | executes statements and writes, where catalog, storage and query meet; background services | HTTP |
//! | 3 | [`query`] | planner and pure evaluator; [`query::functions`] has a file for each family of functions | files, clocks, the catalog |
//! | 3 | [`storage`] | write-ahead log, memtables, segment files, series index, compaction, snapshots | InfluxQL |
//! | 3 | [`catalog`] | databases, policies, shard groups, users, grants, continuous queries, subscriptions: a value with pure transitions | files |
//! | 2 | [`columns`] | the seam between storage and query: batches, blocks, summaries, sources | the insides of storage and of query |
//! | 2 | [`influxql`] | text to syntax tree, static validation, tree to normalized text | data |
//! | 2 | [`line_protocol`] | bytes to points that borrow from them | databases |
//! | 2 | [`codec`] | pure block encoders and decoders | files |
//! | 1 | [`model`] | times, units, values, names, ids, tag sets, series keys | everything else |
//! | 1 | [`go`] | what InfluxDB inherits from Go: quoting, number and duration text, JSON, regular expressions, heap order | everything else |
//! | 1 | [`compat`] | the one list of points where the documentation and InfluxDB 1.2.4 disagree | everything else |
//!
//! # Five rules
//!
//! 1. **The log is the database.** Every change is one record in one append-only log. Applying a record is deterministic:
//!    whatever is not deterministic (server time, ids, salts, `now()`) is decided beforehand and stored in it. An acknowledgement means that the
//!    record is durable. Recovery is replay.
//! 2. **The cost of a record is known before it is logged.** What does not fit is refused with a clear error, so that replay
//!    always fits.
//! 3. **Readers never wait for a writer's disk.** A query works on an immutable snapshot.
//! 4. **A limit belongs to the work.** Permits and reservations move into the job and are released when the job ends, whatever
//!    became of the client. Every loop whose length a client controls checks whether it should stop.
//! 5. **Side effects stay at the edges.** Parsers, codecs, validation, planning, evaluation and catalog transitions are pure.
//!    Clocks, disks, sockets and randomness come in through small traits.
//!
//! # The write path
//!
//! 1. `http/routes.rs` finds the endpoint; `http/write.rs` authenticates, checks the privilege, and reads the body (`http/body.rs`).
//!    On a blocking thread it unpacks the body (`http/gzip.rs`) and passes it to the engine.
//! 2. `engine/write.rs` checks the database and the privilege, and has the body parsed.
//! 3. `line_protocol/lib.rs` parses the body to points that borrow from it.
//! 4. `engine/ingest/` applies the rules of writing (types, limits), and resolves each point to a series and fields.
//! 5. `storage/transaction.rs` makes one log record of the points and `storage/commit/committer.rs` makes it durable.
//! 6. `storage/memtable/` takes the points; `storage/sealing/sealer.rs` writes full or old memtables to segment files
//!    (`storage/segment/`), which `storage/sealing/compaction.rs` merges.
//!
//! # The query path
//!
//! 1. `http/query.rs` authenticates, reads the parameters (`http/parameters.rs`, `http/bind.rs`), and passes the text to the
//!    engine on a blocking thread.
//! 2. `engine/prepare.rs` parses it with [`influxql::parse`], and checks privileges.
//! 3. `engine/execute.rs` runs the statements in order, and `engine/statement.rs` chooses the file for each: `engine/select.rs`; for
//!    SHOW, `engine/listing.rs` (the catalog), `engine/schema.rs` and `engine/field_keys.rs` (the schema), and
//!    `engine/diagnostics.rs`; `engine/definition.rs` (CREATE and the like); `engine/delete.rs`.
//! 4. `query/planner.rs` plans a SELECT; `query/evaluate.rs` evaluates it over a snapshot (`storage/snapshot.rs`).
//! 5. `http/answer/` encodes the result piece by piece, and `http/stream.rs` sends the pieces.
//!
//! # Where is ...
//!
//! Each rule is a numbered clause in `spec/`. What checks it names it: a test in a `// spec:` comment, at the end of the file that
//! implements it or in the tests of its crate, and a conformance case in `clauses`.
//! `grep -rnF "lp.escape.1" src tests conformance/cases` finds them.
//!
//! | what | where |
//! |---|---|
//! | parsing of line protocol, and its errors | `line_protocol/`: `series.rs`, `fields.rs`, `timestamp.rs`, `fault.rs` |
//! | parsing of InfluxQL | `influxql/lexer.rs`, a file for each kind of statement in `influxql/grammar/` |
//! | validation of statements, and its errors | `influxql/validate.rs`, `influxql/calls.rs`, `influxql/invalid.rs` |
//! | separation of statements, empty statements | `influxql/grammar/mod.rs` |
//! | execution of a statement | `engine/statement.rs`, and from there the file of its kind |
//! | names filled in: database, policy, `:MEASUREMENT` | `engine/names.rs` |
//! | a function such as `MEDIAN` | `query/functions/`: `aggregates.rs`, `selectors.rs`, `transformations.rs`, `predictors.rs`; its name and arguments are read in `query/calls.rs` |
//! | GROUP BY time, `fill` | `query/windows.rs`, `query/fill.rs` |
//! | WHERE | `query/conditions.rs`, `query/time_bounds.rs` |
//! | types and limits of points, partial writes | `engine/ingest/`, `engine/write.rs` |
//! | SELECT INTO | `engine/into.rs` |
//! | the text of an error | the enum of its subject: `grep -rn "the text" src --include=*.rs` |
//! | the status of an error | `http/refusal.rs` |
//! | authentication, bearer tokens | `http/credentials.rs`, `http/token.rs`; passwords in `engine/passwords.rs` |
//! | privileges | `engine/authorize.rs`, `catalog/user.rs`; held against the table in `spec/authentication.md` by `engine/tests/privileges.rs` |
//! | JSON and CSV answers, chunked answers, `max-row-limit` | `http/answer/` |
//! | `epoch` and `precision` | `http/units.rs` |
//! | paths, verbs, headers | `http/routes.rs`, `http/reply.rs` |
//! | TLS, and the unix socket | `http/tls.rs`, `http/listeners.rs` |
//! | limits on requests and connections | `http/context.rs`, `http/server.rs`, `http/body.rs` |
//! | a clock that tests set, scripted faults, `/fluxstone/` | `engine/clock.rs`, `engine/clock_moves.rs`, `http/control/`; for Rust: `testing.rs` |
//! | a setting | `config/settings.rs`; what it becomes: `server/options.rs` |
//! | retention, and other work in the background | `engine/background.rs`; policies in `catalog/policy.rs` |
//! | the explorer | what pages look like: `explorer/`; addresses, sessions, forms: `http/explorer/` |
//! | metrics, readiness, the log of requests | `http/metrics.rs`, `http/readiness.rs`, `http/access_log.rs`; the process's own log: `cli/logging.rs` |
//! | statistics, slow queries | `engine/statistics.rs`, `engine/slow_queries.rs` |
//! | continuous queries | created in `engine/definition.rs`, stored in `catalog/continuous_query.rs`, run by `engine/continuous_queries/` |
//! | subscriptions | decided in `catalog/decisions/subscription.rs`; what they get: `engine/subscriptions.rs`; delivered by `services/` |
//! | line protocol over UDP | `services/udp.rs` |
//! | the format of the log | `storage/log/`, `storage/record.rs`; to the bit in `spec/storage.md` |
//! | the format of segment files | `storage/segment/layout.rs`, `codec/` |
//! | deletions, and series that they leave without values | `engine/delete.rs`, `storage/removal.rs` |
//! | recovery, repair | `storage/log/recovery.rs`, `storage/sealing/checkpoint.rs`, `storage/repair/` |
//! | text of numbers, durations, quoted names | `go/` |
//! | differences between the profiles | `compat/lib.rs`, `spec/compatibility.md` |

pub mod cli;
pub mod config;
mod server;
pub mod testing;

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
pub use fluxstone_explorer as explorer;
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
pub use fluxstone_services as services;
#[doc(inline)]
pub use fluxstone_storage as storage;
