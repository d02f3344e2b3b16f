//! Continuous queries: stored as text. The engine parses, runs and shows them.

use serde::{Deserialize, Serialize};

/// A continuous query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinuousQuery {
    /// Unique within its database.
    pub name: String,
    /// The whole CREATE CONTINUOUS QUERY statement in normal form, with exact numbers and all names filled in.
    pub text: String,
    /// The user who created it, with whose privileges it runs. `None` if it was created without authentication, or by a version
    /// that did not record the author: then it runs with all privileges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Whether the author was dropped: a later user of that name is another one. No record holds it; dropping a user sets it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub author_dropped: bool,
    /// The time that counts as that of the last run, in nanoseconds since 1970; `None` if it has not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<i64>,
}
