//! The limits on heads, and the reasons to refuse one.

use fluxstone_model::Clause;

/// The largest head of a request, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 1 << 20;

/// The most bytes of a head that hyper gets.
pub(crate) const KEPT_BYTES_MAX: usize = 120 << 10;

/// The most headers that hyper takes.
pub(crate) const HEADERS_MAX: usize = 100;

/// Why a request is refused because of its head. Displays as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// More bytes than a head may have.
    #[error("request head too large: more than {HEAD_BYTES_MAX} bytes")]
    TooLarge,
    /// Too much of it is needed.
    #[error(
        "request headers too large: more than {KEPT_BYTES_MAX} bytes or {HEADERS_MAX} headers that the server reads"
    )]
    HeadersTooLarge,
    /// Too many large heads are being received.
    #[error("too many large request heads at once")]
    Busy,
    /// The first line is not that of a request.
    #[error("malformed HTTP request line")]
    RequestLine,
    /// The target cannot be one.
    #[error("malformed HTTP request: the target {0}")]
    Target(&'static str),
    /// The rest of the head cannot be read.
    #[error("malformed HTTP request: {0}")]
    Malformed(httparse::Error),
    /// The lengths are malformed or contradict each other.
    #[error("malformed HTTP request: invalid Content-Length")]
    Length,
    /// A length and a transfer coding at once, or a transfer coding in HTTP/1.0.
    #[error("malformed HTTP request: unexpected Transfer-Encoding")]
    Coding,
    /// A transfer coding that is not `chunked`.
    #[error("unsupported transfer encoding")]
    UnknownCoding,
    /// HTTP/1.1 without `Host`.
    #[error("missing required Host header")]
    NoHost,
    /// More than one `Host`.
    #[error("too many Host headers")]
    ManyHosts,
    /// An expectation that is not `100-continue`.
    #[error("unknown expectation in the Expect header")]
    Expectation,
    /// What hyper took for a head was not one.
    #[error("malformed HTTP request: its beginning is unclear")]
    OutOfStep,
}

impl HeadError {
    /// The clause that the head does not keep.
    pub(crate) fn clause(&self) -> Clause {
        match self {
            HeadError::TooLarge | HeadError::RequestLine | HeadError::Malformed(_) => Clause::new("http.limits.1"),
            HeadError::HeadersTooLarge | HeadError::Busy => Clause::new("http.limits.11"),
            HeadError::Target(_) => Clause::new("http.target.2"),
            HeadError::Length | HeadError::Coding => Clause::new("http.connection.4"),
            HeadError::UnknownCoding => Clause::new("http.coding.1"),
            HeadError::NoHost | HeadError::ManyHosts => Clause::new("http.connection.3"),
            HeadError::Expectation => Clause::new("http.expect.1"),
            HeadError::OutOfStep => Clause::new("http.connection.1"),
        }
    }
}
