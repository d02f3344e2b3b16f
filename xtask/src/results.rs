//! Runs the conformance suite against the servers of `conformance/results/servers.toml` that are installed here, and compares what it finds
//! with what is published there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use fluxstone_conformance::claims::Claim;
use fluxstone_conformance::known::{Expected, Known};
use fluxstone_conformance::launch::Launcher;
use fluxstone_conformance::report::{self, Outcome, Report};
use fluxstone_conformance::run::Settings;
use fluxstone_conformance::suite::{Selection, Suite};
use fluxstone_conformance::{clauses, fleet};
use serde::Deserialize;

use crate::built;

/// The folder of what is published.
const FOLDER: &str = "conformance/results";

/// Which servers to judge.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the servers whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Run the cases in an order that is drawn with this seed.
    #[arg(long)]
    shuffle: Option<u64>,
    /// Write the HTML matrix of all servers into this folder.
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
    /// Accept what is found.
    #[arg(long)]
    bless: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Servers {
    server: Vec<Server>,
}

/// A server: how it is started, and what is expected of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    name: String,
    title: String,
    /// Whether it is that of this workspace.
    #[serde(default)]
    own: bool,
    /// The command that prints the version of another one.
    #[serde(default)]
    version: Vec<String>,
    /// The beginning of that version.
    #[serde(default)]
    expect: String,
    command: String,
    config: Option<PathBuf>,
    known: Option<PathBuf>,
    #[serde(default)]
    claims: Vec<Claim>,
    jobs: Option<usize>,
}

/// Judges the servers. Whatever is not as expected, or not as published, is a violation.
pub(crate) fn judge(root: &Path, options: &Options) -> anyhow::Result<Vec<String>> {
    let folder = root.join(FOLDER);
    let servers: Servers = toml::from_str(&std::fs::read_to_string(folder.join("servers.toml"))?)?;
    let suite = Suite::read(&root.join("conformance/cases"))?;
    let mut violations = Vec::new();
    for server in servers.server.iter().filter(|server| server.name.contains(&options.only)) {
        let own = server.own.then(|| built::server(root, None)).transpose()?;
        if own.is_none()
            && let Some(reason) = server.is_absent()
        {
            println!("{}: skipped: {reason}", server.name);
            continue;
        }
        let known = server.known.as_ref().map(|path| Known::read(&root.join(path))).transpose()?.unwrap_or_default();
        let report = server.run(root, own.as_deref(), &suite, &known, options.shuffle)?;
        report::print(&mut std::io::stdout().lock(), &report, &known, &clauses::embedded(), false)?;
        if let Some(html) = &options.html {
            report::write_matrix(html, &report, &clauses::embedded())?;
        }
        violations.extend(known.surprises(&report.outcomes, &suite.cases));
        let path = folder.join(format!("{}.md", server.name));
        let page = server.page(report, &known);
        if options.bless {
            std::fs::write(&path, page)?;
        } else if std::fs::read_to_string(&path).unwrap_or_default() != page {
            let name = path.strip_prefix(root).unwrap_or(&path).display();
            violations.push(format!("{name} is not what the run shows: run `cargo xtask results --bless`"));
        }
    }
    Ok(violations)
}

impl Server {
    /// Returns why the server cannot be judged here.
    fn is_absent(&self) -> Option<String> {
        let (program, arguments) = self.version.split_first()?;
        let output = Command::new(program).args(arguments).stderr(Stdio::null()).output();
        let program = self.command.split(' ').next().unwrap_or_default();
        let Ok(output) = output else { return Some(format!("{program} is not installed")) };
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match version.as_str() {
            "" => Some(format!("{program} is not installed")),
            version if version.starts_with(&self.expect) => None,
            version => Some(format!("the version is {version}")),
        }
    }

    /// Runs the cases of what the server claims; `own` is the binary of this workspace.
    fn run(
        &self,
        root: &Path,
        own: Option<&Path>,
        suite: &Suite,
        known: &Known,
        shuffle: Option<u64>,
    ) -> anyhow::Result<Report> {
        let base = self.config.as_ref().map(|path| std::fs::read_to_string(root.join(path))).transpose()?;
        let command = match (own, self.command.split_once(' ')) {
            (Some(own), Some((_, arguments))) => format!("'{}' {arguments}", own.display()),
            _ => self.command.clone(),
        };
        let launcher = Launcher::new(&command, base.unwrap_or_default()).with_context(|| self.command.clone())?;
        let cases = suite.select(&Selection { claims: self.claims.clone(), ..Selection::default() });
        let run: Vec<_> = cases.iter().copied().filter(|case| known.skips(&case.id).is_none()).collect();
        let settings = |target| {
            let settings = Settings::new(target);
            Settings { claims: self.claims.clone(), jobs: self.jobs.unwrap_or(settings.jobs), shuffle, ..settings }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut report = runtime.block_on(fleet::run(&launcher, &settings, &run, |_| {}));
        report.add_skipped(&cases, |case| known.skips(&case.id));
        known.annotate(&mut report.outcomes);
        report.server.clone_from(&self.name);
        // Not where it was built.
        report.target.clone_from(&self.command);
        Ok(report)
    }

    /// Returns the published page: the scores, and what the server does otherwise. Cases that pass or fail by chance are only named.
    fn page(&self, mut report: Report, known: &Known) -> String {
        report.server.clone_from(&self.title);
        let (flaky, outcomes): (Vec<Outcome>, Vec<Outcome>) =
            std::mem::take(&mut report.outcomes).into_iter().partition(|outcome| {
                outcome.expectation.as_ref().is_some_and(|expectation| expectation.expect == Expected::Flaky)
            });
        report.outcomes = outcomes;
        let mut text = format!("# {}\n\nRepeat it with\n\n    {}\n\n", self.title, self.runner());
        text.push_str(&report::to_markdown(&report, known));
        let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for expectation in report.outcomes.iter().chain(&flaky).filter_map(|outcome| outcome.expectation.as_ref()) {
            *reasons.entry((expectation.expect.as_str(), &expectation.reason)).or_default() += 1;
        }
        if !reasons.is_empty() {
            text.push_str("\n### What it does otherwise\n\n| expected | cases | reason |\n|---|---:|---|\n");
        }
        text.extend(
            reasons
                .into_iter()
                .map(|((expect, reason), cases)| format!("| {expect} | {cases} | {} |\n", reason.replace('|', "\\|"))),
        );
        text
    }

    /// The command that does the same.
    fn runner(&self) -> String {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let claims = (!self.claims.is_empty())
            .then(|| self.claims.iter().map(|claim| claim.as_str()).collect::<Vec<_>>().join(","));
        let options = [
            ("--cmd-config", path(&self.config)),
            ("--known", path(&self.known)),
            ("--claim", claims),
            ("--jobs", self.jobs.map(|jobs| jobs.to_string())),
        ];
        let given = options.into_iter().filter_map(|(option, value)| Some(format!(" {option} {}", value?)));
        format!("fluxstone-conformance run --cmd '{}'{}", self.command, given.collect::<String>())
    }
}
