//! Looks for a case that notices a fault: first the one that is known to, then those of likely areas, then all.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use fluxstone_conformance::case::Case;

use super::arena::{Arena, Server};
use super::faults::Fault;
use super::weave::SWITCH;

/// How many cases a server with a fault is given at once, since a run does not end early.
const CASES_AT_ONCE: usize = 16;

/// A fault that more of the likely cases notice than this says little about each of them: only one of them is kept.
const TELLING: usize = 24;

/// What became of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Cases notice it: at least one.
    Cases(Vec<String>),
    /// An integration test notices it.
    Test,
    /// The server does not start, or does not take its first administrator.
    NoStart,
    /// The list says why no client can see it.
    Invisible,
    /// Nothing notices it.
    Survived,
}

/// Where to look for cases, and for how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// For one, among all cases.
    One,
    /// For one, but only where it is likely.
    LikelyOne,
    /// For all that are likely, or else for one.
    EveryLikely,
}

/// What is needed to look for cases.
pub(super) struct Hunt<'h> {
    pub(super) root: &'h Path,
    pub(super) binary: &'h Path,
    pub(super) arenas: &'h [Arena<'h>],
    pub(super) effort: Effort,
}

impl Hunt<'_> {
    /// Finds out whether anything notices `fault`. `known` are cases that did before.
    pub(super) async fn fate(&self, fault: &Fault, known: &[String]) -> anyhow::Result<Fate> {
        if let Some(test) = &fault.test {
            return Ok(if self.test_fails(test, &fault.id)? && !self.test_fails(test, "")? {
                Fate::Test
            } else {
                Fate::Survived
            });
        }
        if fault.invisible.is_some() {
            // A case that notices it shows that the reason is wrong, but looking for one takes long.
            return Ok(Fate::Invisible);
        }
        let is_known = |case: &Case| known.iter().any(|id| id == case.id.as_str());
        let is_likely = |case: &Case| fault.likely.iter().any(|prefix| case.id.as_str().starts_with(prefix.as_str()));
        let mut servers = Servers { hunt: self, fault: &fault.id, running: BTreeMap::new() };
        let Some(mut killers) = servers.killers(&is_known, usize::MAX).await? else { return Ok(Fate::NoStart) };
        if killers.is_empty() || self.effort == Effort::EveryLikely {
            let enough = if self.effort == Effort::EveryLikely { TELLING + 1 } else { 1 };
            let more = servers.killers(&|case| is_likely(case) && !is_known(case), enough).await?;
            killers.extend(more.unwrap_or_default());
        }
        if killers.is_empty() && self.effort != Effort::LikelyOne {
            killers.extend(servers.killers(&|case| !is_likely(case) && !is_known(case), 1).await?.unwrap_or_default());
        }
        Ok(if killers.is_empty() { Fate::Survived } else { Fate::Cases(telling(&killers)) })
    }

    /// Whether an integration test, `file::name`, fails with a fault.
    fn test_fails(&self, test: &str, fault: &str) -> anyhow::Result<bool> {
        let (file, name) = test.split_once("::").with_context(|| format!("{test} is not file::name"))?;
        let output = Command::new("cargo")
            .args(["test", "--quiet", "--package", "fluxstone", "--test", file, "--", "--exact", name])
            .current_dir(self.root)
            .env("FLUXSTONE_SERVER", self.binary)
            .env(SWITCH, fault)
            .stderr(Stdio::null())
            .output()
            .context("cargo test")?;
        let text = String::from_utf8_lossy(&output.stdout);
        anyhow::ensure!(text.contains("running 1 test"), "there is no test {test}");
        Ok(!output.status.success())
    }
}

/// The servers with one fault, started when they are needed.
struct Servers<'s> {
    hunt: &'s Hunt<'s>,
    fault: &'s str,
    running: BTreeMap<usize, Server>,
}

impl<'s> Servers<'s> {
    /// The wanted cases that notice the fault, up to a few more than `enough`. `None` if a server does not start.
    async fn killers(
        &mut self,
        wanted: &dyn Fn(&Case) -> bool,
        enough: usize,
    ) -> anyhow::Result<Option<Vec<&'s Case>>> {
        let mut killers: Vec<&Case> = Vec::new();
        for (number, arena) in self.hunt.arenas.iter().enumerate() {
            // What one profile shows, the other one hardly adds to.
            if self.hunt.effort == Effort::EveryLikely && !arena.is_documented() && !killers.is_empty() {
                continue;
            }
            let is_new = |case: &&Case| wanted(case) && !killers.iter().any(|killer| killer.id == case.id);
            let cases: Vec<&Case> = arena.cases.iter().copied().filter(is_new).collect();
            if cases.is_empty() {
                continue;
            }
            let server = match self.running.entry(number) {
                Entry::Occupied(running) => running.into_mut(),
                Entry::Vacant(place) => match Server::start(self.hunt.binary, arena, self.fault).await {
                    Ok(server) => place.insert(server),
                    Err(_) => return Ok(None),
                },
            };
            for some in cases.chunks(CASES_AT_ONCE) {
                let failing = server.failures(some).await;
                if !failing.is_empty() {
                    // Those that fail without any fault do not count.
                    let healthy = Server::start(self.hunt.binary, arena, "").await?.failures(&failing).await;
                    for case in &healthy {
                        eprintln!("{} fails without any fault", case.id);
                    }
                    killers.extend(failing.into_iter().filter(|case| healthy.iter().all(|other| other.id != case.id)));
                }
                if killers.len() >= enough {
                    return Ok(Some(killers));
                }
            }
        }
        Ok(Some(killers))
    }
}

/// The cases to keep: one if there are very many, and else those that are evidence for different clauses.
fn telling(killers: &[&Case]) -> Vec<String> {
    let few = if killers.len() > TELLING { &killers[..1] } else { killers };
    let (mut clauses, mut kept) = (BTreeSet::new(), Vec::new());
    for case in few {
        let known = clauses.len();
        clauses.extend(&case.clauses);
        if clauses.len() > known {
            kept.push(case.id.to_string());
        }
    }
    kept.sort();
    kept
}
