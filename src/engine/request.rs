//! Requests to the engine and its results, as plain values.

use bstr::BString;
use fluxstone_influxql::Parameters;
use fluxstone_line_protocol::Precision;
use fluxstone_model::Clause;
use fluxstone_query::SeriesRows;

/// The user on whose behalf a request runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Authentication is off: everything is allowed.
    Anyone,
    /// Authentication is on, but nobody can log in because no administrator exists.
    Nobody,
    /// An authenticated user.
    User(String),
}

/// Whether requests need credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthState {
    /// No administrator exists: no credentials are read, requests run as [`Principal::Nobody`].
    NoAdmin,
    /// Credentials are required.
    Ready,
}

/// Why a login failed. Displays as clients see it (status 401).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants")]
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
    /// Empty means the default policy.
    pub policy: &'a [u8],
    pub precision: Precision,
    /// The `consistency` parameter as received; empty if absent.
    pub consistency: &'a [u8],
    pub body: &'a [u8],
}

/// Why a write was refused or only partly done. Displays as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct WriteError {
    /// The kind, which determines the HTTP status.
    pub kind: ErrorKind,
    /// The text, usually UTF-8.
    pub text: BString,
    /// The clause that the write does not keep, or that says why it failed.
    pub clause: Clause,
    /// What is not stored, if the rest is. `None` says that nothing is stored, unless storage itself failed.
    pub partial: Option<Box<PartialWrite>>,
}

/// What is not stored of a write whose other points are stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartialWrite {
    /// The first points that have a reason of their own, in the order of the request: as many as bad lines are reported.
    pub not_stored: Vec<PointError>,
    /// Whether there are more of them.
    pub has_more: bool,
    /// Whether there are shards that refused all of their points, named here or not.
    pub shards_refused: bool,
}

/// Why a point is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointError {
    /// The index of the point among those of the body, as [`Engine::parse_lines`](super::Engine::parse_lines) gives them.
    pub index: usize,
    /// The reason, usually UTF-8.
    pub text: BString,
    /// The clause that the point does not keep.
    pub clause: Clause,
}

/// The kind of an error, with the HTTP status that it maps to.
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

/// The text of a query and its parameters.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the parameters of /query")]
pub struct QueryRequest<'a> {
    pub principal: &'a Principal,
    pub text: &'a str,
    pub parameters: &'a Parameters,
    /// The `db` parameter; empty if absent.
    pub database: &'a str,
    /// Whether the request was a GET, where statements that write return a warning.
    pub read_only: bool,
    /// The most rows in one piece of a series.
    pub chunk_rows: usize,
}

/// Why a query was refused before anything ran. Displays as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct QueryRefusal {
    /// [`ErrorKind::BadRequest`], [`ErrorKind::Forbidden`] or [`ErrorKind::Unavailable`].
    pub kind: ErrorKind,
    /// The text, with its prefix `error parsing query: ` or `error authorizing query: `.
    pub text: String,
    /// The clause that the query does not keep.
    pub clause: Clause,
}

/// A piece of the answer to one statement.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StatementResult {
    /// The position of the statement, counted from 0.
    pub statement_id: usize,
    /// At most one series, or a piece of one.
    pub series: Option<SeriesRows>,
    /// Warnings.
    pub messages: Vec<String>,
    /// Whether more results of this statement follow.
    pub more: bool,
    /// Whether the next of them belongs to the same chunk, if the answer is sent in chunks.
    pub joins_next: bool,
    /// Why the statement failed.
    pub error: Option<String>,
    /// The clause that says so.
    pub clause: Option<Clause>,
}
