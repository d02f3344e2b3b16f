//! The reasons to refuse a request, and the answer to each: the one place that knows its status, headers and text.
//!
//! Errors of a single statement are not refusals: they are part of the answer to a query.

use fluxstone_engine::{ErrorKind, QueryRefusal, WriteError};
use fluxstone_model::Clause;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

use super::bind::BindError;
use super::body::BodyError;
use super::body_memory::NoMemory;
use super::control::ControlError;
use super::credentials::Unauthorized;
use super::gzip::GzipError;
use super::head::HeadError;
use super::parameters::PAIRS_MAX;
use super::reply::{Reply, ReplyStyle};

/// Why a request is refused. Displays as clients see it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("too many pairs in the query string: more than {PAIRS_MAX}")]
    TooManyParameters,
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Gzip(#[from] GzipError),
    /// `/query` without a query.
    #[error("missing required parameter \"q\"")]
    NoQuery,
    #[error("too many pairs or parts in the request body: more than {PAIRS_MAX}")]
    TooManyPairs,
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Query(#[from] QueryRefusal),
    #[error("too many asynchronous queries")]
    TooManyAsync,
    /// `/write` without a database.
    #[error("database is required")]
    NoDatabase,
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A part of a write was stored, as a script says.
    #[error("partial write: a scripted fault dropped the rest of the lines dropped={0}")]
    PartStored(usize),
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A form of the explorer that does not come from a page of this server.
    #[error("this form does not come from a page of this server, or the page is too old: open it again")]
    ForeignForm,
    /// The explorer has no such clause.
    #[error("there is no such clause")]
    NoClause,
    /// Nobody reads this answer.
    #[error("client is gone")]
    ClientGone,
    /// A defect of the server.
    #[error("internal error")]
    Panicked,
}

impl Refusal {
    /// The answer, in the form that the request asks for. `challenge` is the `Www-Authenticate` header of a 401.
    pub(super) fn reply(&self, style: &ReplyStyle, challenge: &HeaderValue) -> Reply {
        let mut reply = match self {
            // The line that is quoted may not be UTF-8; its bytes are kept.
            Refusal::Write(error) => style.error(self.status(), &error.text),
            _ => style.error(self.status(), self.to_string().as_bytes()),
        };
        reply.extensions_mut().insert(self.clause());
        if let Refusal::Unauthorized(_) | Refusal::Control(ControlError::Unauthorized(_)) = self {
            reply.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.clone());
        }
        reply
    }

    /// The clause that the request does not keep, or that says why it failed.
    pub(super) fn clause(&self) -> Clause {
        match self {
            Refusal::Head(error) => error.clause(),
            Refusal::TooManyParameters => Clause::new("http.limits.11"),
            Refusal::Unauthorized(error) => error.clause(),
            Refusal::Body(error) => error.clause(),
            Refusal::Gzip(error) => error.clause(),
            Refusal::NoQuery => Clause::new("http.q.1"),
            Refusal::TooManyPairs => Clause::new("http.limits.9"),
            Refusal::Bind(error) => error.clause(),
            Refusal::Query(refusal) => refusal.clause,
            Refusal::TooManyAsync => Clause::new("http.async.2"),
            Refusal::NoDatabase => Clause::new("write.db.1"),
            Refusal::Write(error) => error.clause,
            Refusal::PartStored(_) => Clause::new("control.faults.2"),
            Refusal::Control(error) => error.clause(),
            Refusal::ForeignForm => Clause::new("explorer.csrf.1"),
            Refusal::NoClause => Clause::new("explorer.clause.1"),
            Refusal::ClientGone => Clause::new("http.cancel.1"),
            Refusal::Panicked => Clause::new("http.panic.1"),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Refusal::Head(error) => status_of_head(error),
            Refusal::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Refusal::Body(BodyError::TooLarge(_) | BodyError::Memory(NoMemory::Never { .. }))
            | Refusal::TooManyPairs
            | Refusal::TooManyParameters
            | Refusal::Gzip(GzipError::TooLarge(_) | GzipError::Memory(NoMemory::Never { .. })) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Refusal::Body(BodyError::Memory(NoMemory::Short(_)) | BodyError::GaveWay)
            | Refusal::Gzip(GzipError::Memory(NoMemory::Short(_)))
            | Refusal::TooManyAsync => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Body(BodyError::Stalled) => StatusCode::REQUEST_TIMEOUT,
            Refusal::Body(BodyError::Broken(_))
            | Refusal::Gzip(
                GzipError::Empty
                | GzipError::Truncated
                | GzipError::Header
                | GzipError::Checksum
                | GzipError::Corrupt(_),
            )
            | Refusal::NoQuery
            | Refusal::Bind(_)
            | Refusal::NoDatabase
            | Refusal::PartStored(_)
            | Refusal::ClientGone => StatusCode::BAD_REQUEST,
            Refusal::Control(error) => error.status(),
            Refusal::ForeignForm => StatusCode::FORBIDDEN,
            Refusal::NoClause => StatusCode::NOT_FOUND,
            Refusal::Query(refusal) => status_of(refusal.kind),
            Refusal::Write(error) => status_of(error.kind),
            Refusal::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The status for a head that is refused.
fn status_of_head(error: &HeadError) -> StatusCode {
    match error {
        HeadError::TooLarge | HeadError::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        HeadError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        HeadError::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
        HeadError::Expectation => StatusCode::EXPECTATION_FAILED,
        HeadError::RequestLine
        | HeadError::Target(_)
        | HeadError::Malformed(_)
        | HeadError::Length
        | HeadError::Coding
        | HeadError::NoHost
        | HeadError::ManyHosts
        | HeadError::OutOfStep => StatusCode::BAD_REQUEST,
    }
}

/// The status for an error of the engine.
fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
