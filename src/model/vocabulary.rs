//! Words of statements that the catalog keeps too.

use std::fmt;

use super::Nanos;

/// Options of CREATE DATABASE ... WITH, CREATE and ALTER RETENTION POLICY; `None` is "not written".
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RetentionOptions {
    /// `DURATION d`; zero is for ever (`INF`).
    pub duration: Option<Nanos>,
    /// `REPLICATION n`.
    pub replication: Option<u32>,
    /// `SHARD DURATION d`.
    pub shard_duration: Option<Nanos>,
    /// `NAME p`, of CREATE DATABASE only.
    pub name: Option<String>,
}

/// What a user may do with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privilege {
    /// Query.
    Read,
    /// Write and delete.
    Write,
    /// Both.
    All,
}

/// How a subscription spreads points over its destinations.
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
