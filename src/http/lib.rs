//! The HTTP API: `/ping`, `/query` and `/write` on hyper, with authentication, request decoding, and JSON and CSV answers that
//! are streamed. Does not know how data are stored: the engine is the [`Api`].
//!
//! Whatever a client sends, the server stays up: heads, bodies, unpacked bodies, queues and waiting times are all limited.
//!
//! | file | what it holds |
//! |---|---|
//! | `listeners`, `transport`, `tls` | TCP and unix sockets, and the encryption of connections |
//! | `server`, `workers`, `connections`, `socket` | accepting, the threads that serve connections, limits of connections, shutting down |
//! | `context`, `options`, `counters` | what all requests share: engine, settings, bounds, statistics |
//! | `gate`, `administration`, `body_memory`, `patience` | the bounds: jobs, which queries have slots of their own, memory, rates |
//! | `head`, `requests` | the heads of requests, read before hyper reads them: targets, and where bodies end |
//! | `routes`, `access_log`, `access_file` | paths, verbs, the headers of every answer, the log of requests |
//! | `parameters`, `units`, `bind`, `body`, `gzip`, `multipart` | decoding of requests |
//! | `credentials`, `token` | authentication |
//! | `query`, `write`, `variables`, `readiness` | the endpoints |
//! | `control` | what tests may do: move the clock, script faults, read the requests, drop everything |
//! | `explorer` | pages for people: addresses, sessions and forms |
//! | `metrics`, `metric_names`, `request_metrics` | the metrics for Prometheus |
//! | `refusal`, `reply` | the reasons to refuse a request, and answers that are not streamed |
//! | `brief` | which queries the thread of a connection runs |
//! | `answer`, `stream`, `packing` | encoding of results in JSON and CSV, their way to the socket, and their compression |

mod access_file;
mod access_log;
mod administration;
mod answer;
mod api;
mod bind;
mod body;
mod body_memory;
mod brief;
mod connections;
mod context;
mod control;
mod counters;
mod credentials;
mod explorer;
mod gate;
mod gzip;
mod head;
mod listeners;
mod metric_names;
mod metrics;
mod multipart;
mod options;
mod packing;
mod parameters;
mod patience;
mod query;
mod readiness;
mod refusal;
mod reply;
mod request_metrics;
mod requests;
mod routes;
mod server;
mod slots;
mod socket;
mod stream;
mod tls;
mod token;
mod transport;
mod units;
mod variables;
mod workers;
mod write;

pub use access_file::AccessLog;
pub use answer::{Answer, AnswerOptions};
pub use api::Api;
pub use control::{
    Action, Controls, Cut, Delay, Fault, FaultError, FixedAnswer, Received, Script, StorePart, TooManyFaults,
};
#[doc(hidden)]
pub use head::{HeadError, Target};
pub use listeners::UnixSocketError;
pub use options::HttpOptions;
#[doc(hidden)]
pub use requests::{Heads, LargeHeads, Requests};
pub use server::Server;
pub use tls::{Tls, TlsError};
pub use units::precision;
pub use workers::{THREADS_GRACE, runtime};

#[cfg(test)]
mod tests;
