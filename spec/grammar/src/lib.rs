//! Executable grammars: the ABNF files of the specification as generators and recognisers of sentences; and random data with valid
//! statements about them ([`points`], [`statements`]).
//!
//! [`Grammar::read`] parses a file of RFC 5234 and RFC 7405 into rules; [`Grammar::sentence`] draws a random sentence of a rule;
//! [`Grammar::mutate`] edits one, which may break it; [`Grammar::derives`] decides whether a rule derives a text. A parser is
//! tested against its grammar: it must accept every sentence that is drawn, and agree with the grammar about every edited one.
//!
//! Terminals are numbers: bytes for line protocol, code points for InfluxQL. A file defines every rule that it uses, including
//! those of RFC 5234's appendix. Prose values express what ABNF cannot; two forms are supported:
//!
//! - `<not before RULE>` matches the empty text if no text that RULE derives begins here. This makes a word as long as possible.
//! - `<other than RULE>` matches the empty text if RULE does not derive what the enclosing rule has matched so far. This excludes
//!   reserved words from identifiers.
//!
//! The rules that they name must not use prose themselves.

mod abnf;
mod choices;
mod generate;
mod mutate;
mod network;
mod node;
pub mod points;
mod recognise;
mod rules;
pub mod statements;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

pub use abnf::AbnfError;
pub use choices::Choices;
pub use generate::Size;
pub use node::Rule;
pub use rules::Grammar;

/// `spec/grammar/line-protocol.abnf`; its terminals are bytes, its start is `body`.
pub static LINE_PROTOCOL: LazyLock<Grammar> =
    LazyLock::new(|| of_file("line-protocol.abnf", include_str!("../line-protocol.abnf")));

/// `spec/grammar/influxql.abnf`; its terminals are code points, its start is `text`.
pub static INFLUXQL: LazyLock<Grammar> = LazyLock::new(|| of_file("influxql.abnf", include_str!("../influxql.abnf")));

/// Reads a file of this crate. A test shows that it is well-formed.
fn of_file(name: &str, text: &str) -> Grammar {
    Grammar::read(text).unwrap_or_else(|error| panic!("spec/grammar/{name}: {error}"))
}

/// Returns bytes as terminals.
pub fn bytes(text: &[u8]) -> Vec<u32> {
    text.iter().copied().map(u32::from).collect()
}

/// Returns code points as terminals.
pub fn characters(text: &str) -> Vec<u32> {
    text.chars().map(u32::from).collect()
}
