//! Conformance cases for the InfluxDB 1.2 HTTP API, and the runner that judges any server by them.
//!
//! # The map
//!
//! | module | what lives there |
//! |---|---|
//! | [`case`] | what a case is, and how it is read from TOML; a value of these types can be run as it is |
//! | [`suite`] | all cases: embedded in the binary or read from a folder, and chosen from |
//! | [`clauses`] | the clauses of the specification, read from its pages |
//! | [`client`] | sends one request to the target and returns what came back |
//! | [`verdict`] | compares an answer with the expected one: a pure function |
//! | [`run`] | plays cases against a target |
//! | [`known`] | the file of expected differences |
//! | [`report`] | what a run found, and its forms: console, JSON, `JUnit`, HTML |
//! | [`record`] | fills in the answers of a real server |
//! | [`cli`] | the command line |
//!
//! Only [`client`] touches the network, and nothing here knows the server that this repository also holds.

#![allow(clippy::format_push_string, reason = "reports are small, and read better so")]

pub mod case;
pub mod clauses;
pub mod cli;
pub mod client;
pub mod known;
pub mod record;
pub mod report;
pub mod run;
pub mod suite;
pub mod verdict;
