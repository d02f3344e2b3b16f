//! Looks for a case that notices a fault: first the one that is known to, then those of likely areas, then all.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use fluxstone_conformance::case::{Case, CaseId};

use super::arena::{Arena, Server};
use super::faults::Fault;
use super::weave::SWITCH;

/// What became of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// A case notices it.
    Case(String),
    /// An integration test notices it.
    Test,
    /// The server does not start, or does not take its first administrator.
    NoStart,
    /// The list says why no client can see it.
    Invisible,
    /// Nothing notices it.
    Survived,
}

/// What is needed to look for cases.
pub(super) struct Hunt<'h> {
    pub(super) root: &'h Path,
    pub(super) binary: &'h Path,
    pub(super) arenas: &'h [Arena<'h>],
    /// Whether to look only where a kill is likely.
    pub(super) only_likely: bool,
}

impl Hunt<'_> {
    /// Finds out whether anything notices `fault`. `known` is the case that did before.
    pub(super) async fn fate(&self, fault: &Fault, known: Option<&String>) -> anyhow::Result<Fate> {
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
        let mut servers: Vec<Option<Server>> = self.arenas.iter().map(|_| None).collect();
        let is_known = |case: &Case| known.is_some_and(|id| *id == case.id.to_string());
        let is_likely = |case: &Case| fault.likely.iter().any(|prefix| case.id.as_str().starts_with(prefix.as_str()));
        let passes: [&dyn Fn(&Case) -> bool; 3] =
            [&is_known, &|case| is_likely(case) && !is_known(case), &|case| !is_likely(case) && !is_known(case)];
        let passes = if self.only_likely { &passes[..2] } else { &passes[..] };
        for wanted in passes {
            for (arena, server) in self.arenas.iter().zip(&mut servers) {
                let cases: Vec<&Case> = arena.cases.iter().copied().filter(|case| wanted(case)).collect();
                if cases.is_empty() {
                    continue;
                }
                if server.is_none() {
                    *server = Server::start(self.binary, arena, &fault.id).await.ok();
                }
                let Some(server) = server else { return Ok(Fate::NoStart) };
                if let Some(case) = self.killer(server, arena, &cases).await? {
                    return Ok(Fate::Case(case.to_string()));
                }
            }
        }
        Ok(Fate::Survived)
    }

    /// The first case that fails with the fault and passes without it.
    async fn killer(&self, server: &Server, arena: &Arena<'_>, cases: &[&Case]) -> anyhow::Result<Option<CaseId>> {
        let mut rest = cases;
        while let Some(id) = server.first_failure(rest).await {
            let at = rest.iter().position(|case| case.id == id).context("a case that was not asked for")?;
            let healthy = Server::start(self.binary, arena, "").await?;
            if healthy.first_failure(&rest[at..=at]).await.is_none() {
                return Ok(Some(id));
            }
            eprintln!("{id} fails without any fault");
            rest = &rest[at + 1..];
        }
        Ok(None)
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
