//! What a server claims to do, and the claim that each case is about.
//!
//! A case belongs to one claim: the first line of this table that describes it.
//!
//! | claim | its cases |
//! |---|---|
//! | `auth` | need authentication, cite a clause about it, or have a statement about users |
//! | `admin` | have a statement that creates, changes, lists or drops what a server manages, other than CREATE and DROP DATABASE |
//! | `write-only` | send points and queries only to create databases, or cite a clause about points first; what they read back is judged only where the server claims queries |
//! | `query-full` | have SHOW, INTO or a sub-query, cite a clause about functions, the grammar or oddities, or are what a client sends |
//! | `query-core` | all others: SELECT, and the forms of `/query` |
//!
//! A server that claims nothing but `write-only` is judged as senders of points see it: `Judged` says how far each step is.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::case::{Case, Need, Request, Step};

/// What a server claims to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// It takes points, as agents send them.
    WriteOnly,
    /// It answers SELECT.
    QueryCore,
    /// It answers every query that reads.
    QueryFull,
    /// It is managed by statements.
    Admin,
    /// It knows users and what they may do.
    Auth,
}

/// How far a step is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// The whole answer.
    Whole,
    /// The status, as senders of points read it.
    Status,
    /// Not at all, since it is outside what the server claims.
    Not,
}

/// The kinds of statements that decide on a claim.
struct Statements {
    users: Option<Regex>,
    management: Option<Regex>,
    databases: Option<Regex>,
    wide: Option<Regex>,
}

static STATEMENTS: LazyLock<Statements> = LazyLock::new(|| {
    let regex = |pattern: &str| Regex::new(pattern).ok();
    Statements {
        users: regex(
            r"(?i)\b((create|drop)\s+user|set\s+password|show\s+(users|grants)|(grant|revoke)\s+(all|read|write)\b)",
        ),
        management: regex(
            r"(?i)\b((create|alter|drop)\s+(retention|continuous|subscription)|drop\s+(shard|series|measurement)|delete\s+(from|where)|kill\s+query|create\s+database\s+\S+\s+with|show\s+(databases|retention|continuous|subscriptions|shards?|queries|stats|diagnostics))\b",
        ),
        databases: regex(r"(?i)\b(create|drop)\s+database\b"),
        wide: regex(r"(?i)\b(show\s+(series|measurements|tag|field)|into)\b|\bfrom\s*\("),
    }
});

impl Claim {
    /// All claims, from the smallest.
    pub const ALL: [Claim; 5] = [Claim::WriteOnly, Claim::QueryCore, Claim::QueryFull, Claim::Admin, Claim::Auth];

    /// Returns the claim that a case is about.
    pub fn of(case: &Case) -> Claim {
        let steps = case.steps.iter().map(|step| &step.request);
        let statements: Vec<String> = case
            .preparation
            .iter()
            .chain(steps.clone())
            .filter(|request| is_query(request))
            .map(Request::decoded)
            .collect();
        let any = |regex: &Option<Regex>| {
            regex.as_ref().is_some_and(|regex| statements.iter().any(|statement| regex.is_match(statement)))
        };
        let cites = |subject: &str| case.clauses.iter().any(|clause| clause.subject() == subject);
        let is_about_points = matches!(case.clauses.first().map(crate::case::ClauseId::subject), Some("lp" | "write"));
        let reads = |request: &Request| is_query(request) && !is_about_databases(request);
        if case.needs.contains(&Need::Auth) || cites("auth") || any(&STATEMENTS.users) {
            Claim::Auth
        } else if any(&STATEMENTS.management) {
            Claim::Admin
        } else if steps.clone().any(is_of_sender) && (is_about_points || !steps.clone().any(reads)) {
            Claim::WriteOnly
        } else if any(&STATEMENTS.wide)
            || ["functions", "influxql", "quirk"].into_iter().any(cites)
            || case.id.area() == "clients"
        {
            Claim::QueryFull
        } else {
            Claim::QueryCore
        }
    }

    /// The claim as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Claim::WriteOnly => "write-only",
            Claim::QueryCore => "query-core",
            Claim::QueryFull => "query-full",
            Claim::Admin => "admin",
            Claim::Auth => "auth",
        }
    }
}

impl std::fmt::Display for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a server with these claims has no queries. Without claims, it has all.
pub(crate) fn is_write_only(claims: &[Claim]) -> bool {
    !claims.is_empty() && claims.iter().all(|claim| *claim == Claim::WriteOnly)
}

/// Returns how far a step is judged.
///
/// A server without queries has no databases that are created first, so neither queries nor refusals for want of a database or path
/// (404) are judged, nor what senders do not use.
pub(crate) fn judged(claims: &[Claim], step: &Step) -> Judged {
    if !is_write_only(claims) {
        Judged::Whole
    } else if !is_of_sender(&step.request) || step.expected.status == 404 || step.expected.status >= 500 {
        Judged::Not
    } else {
        Judged::Status
    }
}

/// Whether a request goes to `/query`.
pub(crate) fn is_query(request: &Request) -> bool {
    path(request) == "/query"
}

/// Whether a request is one that senders of points make.
fn is_of_sender(request: &Request) -> bool {
    matches!((request.verb.as_str(), path(request)), ("POST", "/write") | ("GET" | "HEAD", "/ping"))
}

fn path(request: &Request) -> &str {
    request.target.split('?').next().unwrap_or_default()
}

fn is_about_databases(request: &Request) -> bool {
    STATEMENTS.databases.as_ref().is_some_and(|databases| databases.is_match(&request.decoded()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::case::tests::case_with;
    use crate::suite::Suite;

    #[test]
    fn a_case_belongs_to_the_claim_of_its_statements_clauses_and_needs() {
        let step = |request: &str| format!("[[case.step]]\nrequest = '{request}'\nresponse.status = 200");
        let query = |statement: &str| step(&format!("GET /query?q={}", statement.replace(' ', "+")));
        let write = step("POST /write?db=d");
        for (clauses, extra, steps, claim) in [
            ("a.1", "", step("GET /ping"), Claim::WriteOnly),
            ("a.1", "", [query("CREATE DATABASE d"), write.clone()].join("\n"), Claim::WriteOnly),
            ("lp.a.1", "", [write.clone(), query("SELECT f FROM m")].join("\n"), Claim::WriteOnly),
            ("select.a.1", "", [write.clone(), query("SELECT f FROM m")].join("\n"), Claim::QueryCore),
            ("a.1", "", step("GET /status"), Claim::QueryCore),
            ("lp.a.1", "", query("SELECT f FROM m"), Claim::QueryCore),
            ("http.a.1", "", query("CREATE DATABASE d"), Claim::QueryCore),
            ("select.a.1", "", query("SELECT f FROM (SELECT f FROM m)"), Claim::QueryFull),
            ("functions.a.1", "", query("SELECT max(f) FROM m"), Claim::QueryFull),
            ("a.1", "", query("show tag keys"), Claim::QueryFull),
            ("a.1", "", query("DROP SERIES FROM m"), Claim::Admin),
            ("lp.a.1", "exclusive = true", [write, query("SHOW RETENTION POLICIES")].join("\n"), Claim::Admin),
            ("a.1", "", query("SET PASSWORD FOR u = %27p%27"), Claim::Auth),
            ("a.1", "needs = ['auth']", step("GET /ping"), Claim::Auth),
            ("auth.a.1", "", step("GET /ping"), Claim::Auth),
        ] {
            let case = case_with(&format!("clauses = ['{clauses}']\n{extra}\n{steps}"));
            assert_eq!(Claim::of(&case), claim, "{clauses} {extra} {steps}");
        }
    }

    #[test]
    fn every_claim_has_many_cases() {
        let mut counts: BTreeMap<Claim, usize> = BTreeMap::new();
        for case in &Suite::embedded().unwrap().cases {
            *counts.entry(Claim::of(case)).or_default() += 1;
        }
        assert!(Claim::ALL.iter().all(|claim| counts.get(claim).is_some_and(|count| *count >= 100)), "{counts:?}");
    }

    #[test]
    fn of_a_server_without_queries_only_the_status_of_writes_is_judged() {
        let step = |request: &str, status: u16| {
            let step = format!("clauses = ['a.1']\n[[case.step]]\nrequest = '{request}'\nresponse.status = {status}");
            case_with(&step).steps.remove(0)
        };
        let only = [Claim::WriteOnly];
        assert_eq!(judged(&only, &step("POST /write?db=d", 204)), Judged::Status);
        assert_eq!(judged(&only, &step("POST /write?db=d", 400)), Judged::Status);
        assert_eq!(judged(&only, &step("POST /write?db=d", 404)), Judged::Not);
        for (request, status) in [("GET /query?q=x", 200), ("GET /write?db=d", 405), ("GET /status", 204)] {
            assert_eq!(judged(&only, &step(request, status)), Judged::Not, "{request}");
        }
        assert_eq!(judged(&[Claim::WriteOnly, Claim::QueryCore], &step("GET /query?q=x", 200)), Judged::Whole);
        assert_eq!(judged(&[], &step("POST /write?db=d", 404)), Judged::Whole);
    }
}
