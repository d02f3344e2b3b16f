//! Conformance cases for the InfluxDB 1.2 HTTP API, and the runner that judges any server by them.
//!
//! # The map
//!
//! | module | contents |
//! |---|---|
//! | [`case`] | cases, and how they are read from TOML; a value of these types is complete and can be run |
//! | [`suite`] | all cases, embedded in the binary or read from a folder, and the selection of some; [`smoke`] selects those of a first look |
//! | [`claims`] | what a server claims to do, and the claim of each case |
//! | [`clauses`] | the clauses of the specification, read from its pages |
//! | [`evidence`] | what is known about clauses and cases besides: tests that cite them, faults that are noticed, versions |
//! | [`target`], [`client`] | where requests go; the HTTP client of the runner, the repository's tests and its tools |
//! | [`verdict`] | compares an answer with the expected one: a pure function; `headers`, `content` and `relaxation` say what may differ |
//! | `names`, `statement` | names that no other case uses: put into requests, and taken out of answers |
//! | `attempt` | one case against a target |
//! | [`run`] | runs cases against a target, several at once; `turn` keeps two runs apart, [`settings`] says how |
//! | [`known`], `expectation` | the file of expected differences |
//! | [`launch`], [`fleet`] | start servers with the configurations that cases need, and run the cases against them |
//! | [`report`] | the outcome of a run, and its forms: console, JSON, `JUnit`, HTML |
//! | [`record`] | fills a server's answers into case files |
//! | `modes` | the commands `explain`, `compare`, `copy` and `import`; `case_file` writes cases |
//! | [`show`], `curl` | cases as text; requests as commands |
//! | [`cli`], `chosen` | the command line; `reach` has the options of targets |
//!
//! Only [`client`] touches the network, and nothing in this crate depends on the server of this repository.

#![allow(clippy::format_push_string, reason = "reports are small, and read better so")]

mod attempt;
pub mod case;
mod case_file;
mod chosen;
pub mod claims;
pub mod clauses;
pub mod cli;
pub mod client;
mod content;
mod curl;
pub mod evidence;
mod expectation;
pub mod fleet;
mod headers;
pub mod known;
pub mod launch;
mod modes;
pub mod names;
mod reach;
pub mod record;
mod relaxation;
pub mod report;
pub mod run;
pub mod settings;
pub mod show;
pub mod smoke;
mod statement;
pub mod suite;
pub mod target;
mod turn;
pub mod verdict;
