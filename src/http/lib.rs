//! The HTTP API: `/ping`, `/query` and `/write` on hyper, with authentication, request decoding, and JSON and CSV answers that
//! are streamed. Knows nothing of how data is stored: everything behind the endpoints is the [`Api`].
//!
//! Whatever a client sends, the server stays up: heads, bodies, unpacked bodies, queues and waiting times all have limits.

mod answer;
mod api;
mod bind;
mod body;
mod counters;
mod credentials;
mod gzip;
mod parameters;
mod query;
mod reply;
mod routes;
mod server;
mod socket;
mod stream;
mod token;
mod write;

pub use answer::{Answer, AnswerOptions, Epoch};
pub use api::Api;
pub use server::{BLOCKING_THREADS_MAX, HttpOptions, Server};

#[cfg(test)]
mod tests;
