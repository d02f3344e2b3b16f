//! The executable semantics: what a write and a query mean, in the plainest Rust that says it.
//!
//! Where the prose of a clause leaves doubt, this is the text. Data is lists of points in shards ([`points`]); a write puts points
//! on them ([`mod@write`]), a deletion takes some away ([`database`]); a query reads all of them ([`mod@select`]), policy by policy
//! ([`policies`]). Nothing here is fast, nothing is shared
//! with the evaluator and the storage of the server but nouns and the syntax tree, and each function names the clauses that it
//! transcribes. The server is tested against it: equal data, equal statements, equal answers.
//!
//! A query is answered in the order in which it is read here:
//!
//! | step | file |
//! |---|---|
//! | which rows FROM names, sub-queries included | [`from`] |
//! | what a name means | [`schema`] |
//! | which columns the answer has | [`columns`] |
//! | which rows WHERE keeps, and of which times | [`condition`], [`time`], [`time_literal`] |
//! | which rows belong together, and SLIMIT | [`group`] |
//! | rows that are points | [`rows`], [`tie_order`] |
//! | rows that are results of functions | [`results`], [`functions`], [`fill`] |
//! | arithmetic and comparisons | [`value`], [`operands`] |
//! | what INTO writes | [`into`] |
//!
//! Answers are those of the default profile. Of `sample`, which chooses at random, [`functions::selectors::is_sample`] says
//! which choices are right.
//!
//! The ABNF files beside it run as well: [`mod@grammar`].

pub mod columns;
pub mod condition;
pub mod database;
pub mod fill;
pub mod from;
pub mod functions;
pub mod grammar;
pub mod group;
pub mod into;
pub mod operands;
pub mod points;
pub mod policies;
pub mod results;
pub mod rows;
pub mod schema;
pub mod select;
pub mod source;
pub mod tie_order;
pub mod time;
pub mod time_literal;
pub mod value;
pub mod write;
