//! The engine: the one place where catalog, storage and query meet. Executes writes and statements. Knows nothing of HTTP.
//!
//! All calls block (on password hashing, on the disk, on evaluation): servers call them from a thread made for that.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use crate::compat::Compat;
use crate::influxql::Parameters;
use crate::line_protocol::Precision;
use crate::query::SeriesRows;

/// How to open an engine: the parts of the configuration that concern it.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// `[data] dir`.
    pub data_dir: PathBuf,
    /// `[data] wal-dir`.
    pub log_dir: PathBuf,
    /// `[meta] retention-autocreate`.
    pub retention_autocreate: bool,
    /// `[http] auth-enabled`.
    pub auth_enabled: bool,
    /// `[data] cache-max-memory-size`, bytes.
    pub memtable_bytes_max: usize,
    /// `[data] max-series-per-database`; zero is no limit.
    pub series_per_database_max: u64,
    /// `[data] max-values-per-tag`; zero is no limit.
    pub values_per_tag_max: u64,
    /// `[coordinator] max-select-point`, `max-select-series`, `max-select-buckets`.
    pub select_limits: crate::query::SelectLimits,
    /// `[coordinator] query-timeout`, nanoseconds; zero is none.
    pub query_timeout_ns: u64,
    /// `[coordinator] max-concurrent-queries`; zero is no limit.
    pub concurrent_queries_max: usize,
    /// `[retention] check-interval`, nanoseconds; zero (also for `[retention] enabled = false`) never drops expired data.
    pub retention_check_ns: u64,
    /// `[compat]`.
    pub compat: Compat,
}

/// Everything behind the API.
#[derive(Debug)]
pub struct Engine;

/// On whose behalf a request runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Authentication is off: everything is allowed.
    Anyone,
    /// Authentication is on and nobody is logged in, because there is no administrator who could be.
    Nobody,
    /// A user who proved who they are.
    User(String),
}

/// Whether credentials can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthState {
    /// No administrator exists: no credentials are read, requests run as [`Principal::Nobody`].
    NoAdmin,
    /// Credentials are needed.
    Ready,
}

/// Why a login failed. Displays as clients see it (status 401).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum LoginError {
    #[error("username required")]
    UsernameRequired,
    #[error("authorization failed")]
    Failed,
}

/// A request to write points. The body is line protocol, unpacked.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the parameters of /write")]
pub struct WriteRequest<'a> {
    pub principal: &'a Principal,
    pub database: &'a [u8],
    /// Empty is the default policy.
    pub policy: &'a [u8],
    pub precision: Precision,
    /// The `consistency` parameter as it came; empty is none.
    pub consistency: &'a [u8],
    pub body: &'a [u8],
}

/// Why a write was refused or done in part. Displays as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct WriteError {
    /// Which status the error has.
    pub kind: ErrorKind,
    /// The text, usually UTF-8.
    pub text: bstr::BString,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong: 400.
    BadRequest,
    /// Not allowed: 403.
    Forbidden,
    /// The database does not exist: 404.
    NotFound,
    /// Too many requests at once: 503.
    Unavailable,
    /// Anything else: 500.
    Internal,
}

/// The text of a query with what it needs to be prepared.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the parameters of /query")]
pub struct QueryRequest<'a> {
    pub principal: &'a Principal,
    pub text: &'a str,
    pub parameters: &'a Parameters,
    /// The `db` parameter; empty is none.
    pub database: &'a str,
    /// Whether the request came by GET: writing statements run with a warning.
    pub read_only: bool,
    /// Rows in one piece of a series.
    pub chunk_rows: usize,
}

/// A query that is parsed and authorized, ready to run.
#[derive(Debug)]
pub struct PreparedQuery;

/// Why a query was refused before anything ran. Displays as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct QueryRefusal {
    /// [`ErrorKind::BadRequest`] or [`ErrorKind::Forbidden`].
    pub kind: ErrorKind,
    /// The text, with its prefix `error parsing query: ` or `error authorizing query: `.
    pub text: String,
}

/// A piece of the answer to one statement.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StatementResult {
    /// Counted from 0 by position.
    pub statement_id: usize,
    /// At most one series, or a piece of one.
    pub series: Option<SeriesRows>,
    /// Warnings.
    pub messages: Vec<String>,
    /// Whether anything more of this statement follows.
    pub more: bool,
    /// Why the statement failed.
    pub error: Option<String>,
}

impl Engine {
    /// Opens the data directories and recovers what was acknowledged.
    pub fn open(options: EngineOptions) -> Result<Engine, crate::storage::StorageError> {
        let _ = options;
        Err(crate::storage::StorageError::ReadOnly)
    }

    /// Whether credentials can be asked for.
    pub fn auth_state(&self) -> AuthState {
        AuthState::NoAdmin
    }

    /// Checks a user's password. Slow on purpose the first time; later times are answered from memory.
    pub fn login(&self, user: &str, password: &str) -> Result<Principal, LoginError> {
        let _ = (user, password);
        Err(LoginError::Failed)
    }

    /// The user that a verified token names, if they exist.
    pub fn user(&self, name: &str) -> Option<Principal> {
        let _ = name;
        None
    }

    /// The checks of a write that come before its body is looked at: the database exists, the user may write to it.
    pub fn authorize_write(&self, principal: &Principal, database: &[u8]) -> Result<(), WriteError> {
        let _ = (principal, database);
        Ok(())
    }

    /// Parses, checks, logs and stores points; returns when they are on disk.
    pub fn write(&self, request: WriteRequest<'_>) -> Result<(), WriteError> {
        let _ = request;
        Ok(())
    }

    /// Parses, binds, validates and authorizes a query.
    pub fn prepare(&self, request: QueryRequest<'_>) -> Result<PreparedQuery, QueryRefusal> {
        let _ = request;
        Ok(PreparedQuery)
    }

    /// Runs the statements in order and hands each piece of their answers to `emit`, until all are done, `emit` breaks or
    /// `cancelled` becomes true.
    ///
    /// A result that comes with the same `statement_id` as the one before it and an error **replaces** that one in an
    /// answer that is collected rather than chunked (the `compat.query.error-*` clauses).
    pub fn execute(
        &self,
        query: PreparedQuery,
        cancelled: &AtomicBool,
        emit: &mut dyn FnMut(StatementResult) -> ControlFlow<()>,
    ) {
        let _ = (query, cancelled, emit);
    }
}
