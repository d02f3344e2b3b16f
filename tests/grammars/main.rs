//! The parsers against the grammars of the specification. A parser accepts the sentences that a grammar derives and refuses
//! broken ones; parser and grammar agree on every text that the conformance cases send.

mod cases;
mod influxql;
mod line_protocol;
mod messages;
