//! The command line: `run`, `list`, `show`, `record`; the other commands are those of `modes`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::case::{Case, Profile};
use crate::chosen::{Chosen, suite};
use crate::client::Target;
use crate::known::Known;
use crate::launch::Launcher;
use crate::modes::{self, Mode};
use crate::reach::Reach;
use crate::report::{self, Outcome, Report};
use crate::run::{self, Settings};
use crate::show::{self, RECORDED};
use crate::smoke::smoke;
use crate::suite::Selection;
use crate::{clauses, fleet, record};

/// The longest time to wait for an answer of a first look, in seconds.
const SMOKE_TIMEOUT: u64 = 2;

/// The most lines about what is not as expected; the report has shown all failures.
const SURPRISES_MAX: usize = 50;

/// Judges any server that claims the InfluxDB 1.2 HTTP API.
#[derive(Debug, Parser)]
#[command(name = "fluxstone-conformance", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run cases against a server and report. The exit status is 1 if a case fails that --known does not list.
    Run(Box<RunArgs>),
    /// List the cases.
    List(Chosen),
    /// Show a case: its rule, its clauses, its requests as curl commands, the answers it expects, and what versions of InfluxDB answer.
    Show {
        /// The identifier of a case, or a prefix of several.
        id: String,
        /// Read cases from this folder instead of the built-in ones.
        #[arg(long, value_name = "DIR")]
        cases: Option<PathBuf>,
    },
    /// Fill a real server's answers into case files that lack them.
    Record {
        #[command(flatten)]
        server: Box<ServerArgs>,
        /// Replace existing answers, too.
        #[arg(long)]
        again: bool,
        /// The case files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    #[command(flatten)]
    Other(Mode),
}

#[derive(Debug, Args)]
struct ServerArgs {
    #[command(flatten)]
    reach: Reach,
    /// An administrator of the server, if authentication is on.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// The administrator's password.
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// An administrator's bearer token, instead of user and password.
    #[arg(long, conflicts_with = "user")]
    token: Option<String>,
    /// The answer to expect where the documentation and InfluxDB 1.2.4 disagree.
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// The server's configuration file. Runs only the cases that need some of its settings.
    #[arg(long, value_name = "FILE")]
    target_config: Option<PathBuf>,
    /// Seconds to wait for an answer.
    #[arg(long, default_value_t = 30)]
    timeout: u64,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
struct RunArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    chosen: Chosen,
    /// Start a server for each configuration that cases need, with this command. `{port}`, `{data}` and `{config}` are filled in.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["target", "user", "password", "token", "target_config", "drop_existing"])]
    cmd: Option<String>,
    /// The file that the settings of cases are added to, for `{config}` in the command. `{port}` and `{data}` are filled in.
    #[arg(long, value_name = "FILE", requires = "cmd")]
    cmd_config: Option<PathBuf>,
    /// Run the exclusive cases even if the server holds databases or users that they will drop.
    #[arg(long)]
    drop_existing: bool,
    /// How many cases run at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = jobs)]
    jobs: usize,
    /// Run the cases in an order that this number draws.
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// Seconds that the whole run may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    run_timeout: u64,
    /// Take a first look: run one case of each subject and claim, which takes seconds.
    #[arg(long, conflicts_with_all = ["report_badge", "update_expectations"])]
    smoke: bool,
    /// Show differences of equivalent answers too.
    #[arg(long)]
    verbose: bool,
    /// The expectation file: failures that are known, with reasons (TOML).
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// Accept the recorded answers of another version of InfluxDB.
    #[arg(long, value_name = "VERSION", conflicts_with = "known")]
    version: Option<String>,
    /// Write what the run shows into the expectation file.
    #[arg(long, requires = "known")]
    update_expectations: bool,
    /// The server's name in reports, instead of its version.
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Write a JSON report.
    #[arg(long, value_name = "FILE")]
    report_json: Option<PathBuf>,
    /// Write a summary in Markdown, for the page of a CI run.
    #[arg(long, value_name = "FILE")]
    report_markdown: Option<PathBuf>,
    /// Write a report in the Test Anything Protocol.
    #[arg(long, value_name = "FILE")]
    report_tap: Option<PathBuf>,
    /// Write a badge with the share of cases that passed, as SVG.
    #[arg(long, value_name = "FILE")]
    report_badge: Option<PathBuf>,
    /// Write a `JUnit` report.
    #[arg(long, value_name = "FILE")]
    report_junit: Option<PathBuf>,
    /// Add this run to the matrix of servers in this folder.
    #[arg(long, value_name = "DIR")]
    report_html: Option<PathBuf>,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli.command) {
        Ok(code) => code,
        // The reader of the output has closed it, as `head` does.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("fluxstone-conformance: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command {
        Command::Run(args) => runtime.block_on(run_cases(*args)),
        Command::List(chosen) => list(&chosen),
        Command::Show { id, cases } => show(&id, cases.as_deref()),
        Command::Other(mode) => runtime.block_on(modes::execute(mode)),
        Command::Record { server, again, files } => runtime.block_on(async {
            let settings = server.as_written()?;
            for file in files {
                let filled = record::fill_in(&settings, &file, again).await?;
                println!("{}: {filled} answers filled in", file.display());
            }
            Ok(ExitCode::SUCCESS)
        }),
    }
}

async fn run_cases(args: RunArgs) -> anyhow::Result<ExitCode> {
    let known = args.known()?;
    let suite = args.chosen.suite()?;
    let mut cases = args.chosen.of(&suite);
    if args.smoke {
        cases = smoke(&cases, args.cmd.is_some() || args.server.is_administrator());
    }
    let known = if known.skips_by_version() { known.of_version(&version(&args).await?) } else { known };
    let (run, skipped): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| known.skips(&case.id).is_none());
    if run.is_empty() {
        bail!("no case is selected");
    }
    let mut report = judge(&args, &run).await?;
    let known = known.of_version(&report.server);
    if !skipped.is_empty() {
        report.add_skipped(&cases, |case| known.skips(&case.id));
    }
    known.annotate(&mut report.outcomes);
    if args.smoke {
        let (few, all) = (report.outcomes.len(), suite.cases.len());
        report.selection =
            Some(format!("this is a first look, not a score: {few} of {all} cases, one for each subject and claim"));
    }
    if let Some(label) = &args.label {
        report.server.clone_from(label);
    }
    write_reports(&args, &report, &known)?;
    if let Some(path) = args.known.as_deref().filter(|_| args.update_expectations) {
        std::fs::write(path, known.updated(&read(path)?, &report.outcomes, &suite.cases)?)
            .with_context(|| path.display().to_string())?;
        println!("{} is updated", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let surprises = known.surprises(&report.outcomes, &suite.cases);
    if surprises.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nnot as expected: {}", surprises.len());
    for surprise in surprises.iter().take(SURPRISES_MAX) {
        println!("  {surprise}");
    }
    Ok(ExitCode::FAILURE)
}

/// Returns the version of the target, or of a server that is started to find it out.
async fn version(args: &RunArgs) -> anyhow::Result<String> {
    let settings = |target| args.settings(target);
    match args.launcher()? {
        Some(launcher) => Ok(fleet::version(&launcher, &settings).await?),
        None => Ok(run::version(&settings(args.server.target()?)).await),
    }
}

/// Runs the cases against the target, or against servers that are started for them.
async fn judge(args: &RunArgs, cases: &[&Case]) -> anyhow::Result<Report> {
    let bar =
        ProgressBar::new(cases.len() as u64).with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}")?);
    let progress = |outcome: &Outcome| {
        bar.set_message(outcome.id.to_string());
        bar.inc(1);
    };
    let limit = Duration::from_secs(args.run_timeout);
    let settings = |target| args.settings(target);
    let report = if let Some(launcher) = args.launcher()? {
        within(limit, fleet::run(&launcher, &settings, cases, progress)).await?
    } else {
        let mut settings = settings(args.server.target()?);
        settings.credentials = args.server.credentials();
        settings.token.clone_from(&args.server.token);
        settings.config = args.server.config()?;
        settings.held = run::inspect(&settings).await?;
        match within(limit, run::run(&settings, cases, progress)).await {
            Ok(report) => report,
            Err(error) => {
                run::clean(&settings).await;
                return Err(error.context("what the run made has been dropped"));
            }
        }
    };
    bar.finish_and_clear();
    Ok(report)
}

/// Waits for a run, unless it takes too long or is interrupted.
async fn within<T>(limit: Duration, running: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::select! {
        ended = tokio::time::timeout(limit, running) => ended.with_context(|| format!("the run took longer than {} s", limit.as_secs())),
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn write_reports(args: &RunArgs, report: &Report, known: &Known) -> anyhow::Result<()> {
    let clauses = clauses::embedded();
    report::print(&mut io::stdout().lock(), report, known, &clauses, args.verbose)?;
    let write = |path: &Path, text: String| std::fs::write(path, text).with_context(|| path.display().to_string());
    if let Some(path) = &args.report_json {
        write(path, serde_json::to_string_pretty(report)? + "\n")?;
    }
    if let Some(path) = &args.report_markdown {
        write(path, report::to_markdown(report, known))?;
    }
    if let Some(path) = &args.report_tap {
        write(path, report::to_tap(report, known))?;
    }
    if let Some(path) = &args.report_badge {
        write(path, report::to_badge(report))?;
    }
    if let Some(path) = &args.report_junit {
        write(path, report::to_junit(report, known)?)?;
    }
    if let Some(folder) = &args.report_html {
        report::write_matrix(folder, report, &clauses)?;
    }
    Ok(())
}

fn list(chosen: &Chosen) -> anyhow::Result<ExitCode> {
    let suite = chosen.suite()?;
    let mut out = io::stdout().lock();
    for case in chosen.of(&suite) {
        writeln!(out, "{:<48} {}", case.id, case.about)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(id: &str, folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    let suite = suite(folder)?;
    let cases = suite.select(&Selection { ids: vec![id.to_owned()], ..Selection::default() });
    if cases.is_empty() {
        bail!("there is no case `{id}`");
    }
    let clauses = clauses::embedded();
    let mut out = io::stdout().lock();
    for case in cases {
        show::write_case(&mut out, case, &clauses)?;
        show::write_history(&mut out, case)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the number of cases that run at once. It is bounded, since each has a connection.
fn jobs(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|jobs| (1..=64).contains(jobs));
    number.ok_or_else(|| "give a number from 1 to 64".to_owned())
}

impl ServerArgs {
    fn target(&self) -> anyhow::Result<Target> {
        self.reach.target()
    }

    fn credentials(&self) -> Option<(String, String)> {
        self.user.clone().zip(self.password.clone())
    }

    fn is_administrator(&self) -> bool {
        self.user.is_some() || self.token.is_some()
    }

    fn config(&self) -> anyhow::Result<toml::Table> {
        let Some(path) = &self.target_config else { return Ok(toml::Table::new()) };
        toml::from_str(&read(path)?).with_context(|| path.display().to_string())
    }

    /// Settings for `record`, which sends names as cases have them.
    fn as_written(&self) -> anyhow::Result<Settings> {
        Ok(Settings {
            credentials: self.credentials(),
            token: self.token.clone(),
            profile: self.profile,
            config: self.config()?,
            answer_limit: Duration::from_secs(self.timeout),
            mark: None,
            ..Settings::new(self.target()?)
        })
    }
}

impl RunArgs {
    fn known(&self) -> anyhow::Result<Known> {
        if let Some(path) = &self.known {
            return Ok(Known::read(path)?);
        }
        let Some(version) = &self.version else { return Ok(Known::default()) };
        let recorded = RECORDED.iter().find(|(recorded, _)| recorded.starts_with(version.as_str()));
        let (name, text) = recorded.with_context(|| format!("no answers of version {version} are recorded"))?;
        Ok(Known::parse(name, text)?)
    }

    fn launcher(&self) -> anyhow::Result<Option<Launcher>> {
        let Some(command) = &self.cmd else { return Ok(None) };
        let base = self.cmd_config.as_deref().map(read).transpose()?.unwrap_or_default();
        Ok(Some(Launcher::new(command, base)?))
    }

    fn settings(&self, target: Target) -> Settings {
        let limit = if self.smoke { self.server.timeout.min(SMOKE_TIMEOUT) } else { self.server.timeout };
        Settings {
            profile: self.server.profile,
            answer_limit: Duration::from_secs(limit),
            claims: self.chosen.claims.clone(),
            jobs: self.jobs,
            shuffle: self.shuffle,
            drop_existing: self.drop_existing,
            ..Settings::new(target)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Claim;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    /// Each command of the README is one that the runner takes, and those that need no server run.
    #[test]
    fn the_commands_of_the_readme_work() {
        let readme = include_str!("../README.md");
        let commands = readme.lines().filter_map(|line| line.strip_prefix("    fluxstone-conformance "));
        let commands: Vec<&str> = commands.map(|line| line.split("  # ").next().unwrap_or(line)).collect();
        assert!(commands.len() > 5, "{commands:?}");
        for line in commands {
            let words = std::iter::once("fluxstone-conformance".to_owned()).chain(shlex::split(line).unwrap());
            let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            match cli.command {
                Command::Run(args) => {
                    assert!(
                        args.server.reach.target.is_some()
                            || Launcher::new(&args.cmd.unwrap(), "{port}".to_owned()).is_ok()
                    );
                }
                command @ (Command::List(_) | Command::Show { .. }) => {
                    execute(command).unwrap();
                }
                Command::Record { .. } | Command::Other(_) => {}
            }
        }
    }

    /// Each step of `spec/README.md` selects cases, and what its last command selects for a claim is the whole claim.
    #[test]
    fn the_steps_of_an_implementation_select_cases() {
        let guide = include_str!("../../spec/README.md");
        let suite = suite(None).unwrap();
        let mut whole = Vec::new();
        let lines = guide.lines().map(str::trim_start).filter(|line| line.starts_with("fluxstone-conformance run "));
        for line in lines {
            let cli =
                Cli::try_parse_from(shlex::split(line).unwrap()).unwrap_or_else(|error| panic!("{line}: {error}"));
            let Command::Run(args) = cli.command else { panic!("{line}") };
            let chosen = args.chosen.of(&suite);
            assert!(chosen.len() >= 10, "{line}: {}", chosen.len());
            if !line.contains("--clause") {
                assert!(chosen.iter().all(|case| args.chosen.claims.contains(&Claim::of(case))), "{line}");
                whole.extend(chosen);
            }
            for clause in &args.chosen.clauses {
                let selection = Selection { clauses: vec![clause.clone()], ..Selection::default() };
                assert!(!suite.select(&selection).is_empty(), "{line}: no case cites {clause}");
            }
        }
        assert_eq!(whole.len(), suite.cases.len(), "the claims together are the whole suite");
    }
}
