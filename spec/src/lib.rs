//! The executable semantics: what a write and a query mean, in the plainest Rust that says it.
//!
//! Where the prose of a clause leaves doubt, this is the text. Data is a list ([`points`]); a write puts points on it
//! ([`mod@write`]), a deletion takes some away ([`database`]); a query reads all of it ([`mod@select`]). Nothing here is fast, nothing is shared with the evaluator and
//! the storage of the server, and each function names the clauses that it transcribes. The server is tested against it:
//! equal data, equal statements, equal answers.
//!
//! The ABNF files beside it run as well: [`mod@grammar`].
//!
//! What is covered: one measurement, one shard that holds all times, SELECT of fields and tags, and of the functions
//! count, sum, mean, min, max, first and last; WHERE on tags, fields and time; GROUP BY tags and time with fill; ORDER BY,
//! LIMIT and OFFSET. Anything else is answered [`select::Unspecified`], never guessed.

pub mod aggregate;
pub mod condition;
pub mod database;
pub mod grammar;
pub mod points;
pub mod select;
pub mod source;
pub mod tie_order;
pub mod write;
