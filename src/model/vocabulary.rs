//! Options and privileges that occur both in statements and in the catalog.

use std::fmt;

use super::Nanos;

/// The options of CREATE DATABASE ... WITH, CREATE RETENTION POLICY and ALTER RETENTION POLICY; `None` means that the option
/// was not given.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RetentionOptions {
    /// `DURATION d`; zero means forever (`INF`).
    pub duration: Option<Nanos>,
    /// `REPLICATION n`.
    pub replication: Option<u32>,
    /// `SHARD DURATION d`.
    pub shard_duration: Option<Nanos>,
    /// `NAME p`, only in CREATE DATABASE.
    pub name: Option<String>,
}

/// The privilege of a user on a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privilege {
    /// Query.
    Read,
    /// Write and delete.
    Write,
    /// Both.
    All,
}

/// How a subscription distributes points to its destinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionMode {
    /// Each point to each destination.
    All,
    /// Each point to one destination.
    Any,
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Privilege::Read => "READ",
            Privilege::Write => "WRITE",
            Privilege::All => "ALL PRIVILEGES",
        })
    }
}

impl fmt::Display for SubscriptionMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SubscriptionMode::All => "ALL",
            SubscriptionMode::Any => "ANY",
        })
    }
}
