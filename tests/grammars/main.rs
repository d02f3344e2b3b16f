//! The grammars of the specification against the parsers: what is drawn from a grammar is accepted, and of what is broken, and
//! of every text that the conformance cases send, parser and grammar think alike.

mod cases;
mod influxql;
mod line_protocol;
