//! The executable semantics: the meaning of writes and queries, in the plainest possible Rust.
//!
//! Where the prose of a clause is ambiguous, this code decides. Data is lists of points in shards ([`points`]); a write adds points
//! to them ([`mod@write`]), a deletion removes some ([`database`]), and a query reads all of them ([`mod@select`]), policy by policy
//! ([`policies`]). Nothing here is fast, nothing is shared with the evaluator and the storage of the server except data types and
//! the syntax tree, and each function names the clauses that it transcribes. The server is tested against this crate: equal data and
//! equal statements must give equal answers.
//!
//! A query is answered in these steps:
//!
//! | step | file |
//! |---|---|
//! | the rows that FROM names, including sub-queries | [`from`] |
//! | the meaning of names | [`schema`] |
//! | the columns of the answer | [`columns`] |
//! | the rows and times that WHERE keeps | [`condition`], [`time`], [`time_literal`] |
//! | groups, and SLIMIT | [`group`] |
//! | rows that are points | [`rows`], [`tie_order`] |
//! | rows that are results of functions | [`results`], [`functions`], [`fill`] |
//! | arithmetic and comparisons | [`value`], [`constants`], [`operands`] |
//! | what the steps share, and the answer | [`scope`], [`answer`] |
//! | the points that INTO writes | [`into`] |
//!
//! Answers are those of the default profile. For `sample`, which chooses at random, [`functions::selectors::is_sample`] decides
//! which choices are correct.
//!
//! The ABNF grammars of the specification are executable as well: crate `fluxstone-grammar`. So is the table of privileges: [`privileges`]. The order of
//! the durable steps of storage is a state machine, which a model checker explores: [`durability`].

pub mod answer;
pub mod columns;
pub mod condition;
pub mod constants;
pub mod database;
pub mod durability;
pub mod fill;
pub mod from;
pub mod functions;
pub mod group;
pub mod into;
pub mod operands;
pub mod points;
pub mod policies;
pub mod privileges;
pub mod results;
pub mod rows;
pub mod schema;
pub mod scope;
pub mod select;
pub mod source;
pub mod tie_order;
pub mod time;
pub mod time_literal;
pub mod value;
pub mod write;
