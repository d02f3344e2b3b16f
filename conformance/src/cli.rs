//! The command line: `run`, `list`, `show`, `record`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::case::{Answer, Case, Level, Profile, Request};
use crate::client::Target;
use crate::known::Known;
use crate::launch::Launcher;
use crate::report::{self, Outcome, Report};
use crate::run::{self, Settings};
use crate::suite::{Selection, Suite};
use crate::{clauses, fleet, record};

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
    /// Show a case: its rule, its clauses, its requests as curl commands, and the answers it expects.
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
        server: ServerArgs,
        /// Replace existing answers, too.
        #[arg(long)]
        again: bool,
        /// The case files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct ServerArgs {
    /// The server, as a URL such as <http://127.0.0.1:8086>.
    #[arg(long)]
    target: Option<Target>,
    /// An administrator of the server, if authentication is on.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// The administrator's password.
    #[arg(long, requires = "user")]
    password: Option<String>,
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
struct Chosen {
    /// Only the cases of these areas (the first word of their identifiers).
    #[arg(long, value_delimiter = ',')]
    area: Vec<String>,
    /// Only the cases of these levels.
    #[arg(long, value_enum, value_delimiter = ',')]
    level: Vec<Level>,
    /// Only these cases; a prefix of identifiers up to a dot selects all of them.
    #[arg(long = "case", value_name = "ID", value_delimiter = ',')]
    ids: Vec<String>,
    /// Read cases from this folder instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    chosen: Chosen,
    /// Start a server for each configuration that cases need, with this command. `{port}`, `{data}` and `{config}` are filled in.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["target", "user", "password", "target_config", "drop_existing"])]
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
    /// Show differences of equivalent answers too.
    #[arg(long)]
    verbose: bool,
    /// Expected differences, with reasons (TOML).
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// The server's name in reports, instead of its version.
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Write a JSON report.
    #[arg(long, value_name = "FILE")]
    report_json: Option<PathBuf>,
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
    let known = args.known.as_deref().map(Known::read).transpose()?.unwrap_or_default();
    let suite = suite(args.chosen.cases.as_deref())?;
    let cases = suite.select(&args.chosen.selection());
    if cases.is_empty() {
        bail!("no case is selected");
    }
    let mut report = judge(&args, &cases).await?;
    if let Some(label) = &args.label {
        report.server.clone_from(label);
    }
    write_reports(&args, &report, &known)?;
    let unexpected =
        report.outcomes.iter().any(|outcome| outcome.verdict.is_failure() && known.reason(&outcome.id).is_none());
    Ok(if unexpected { ExitCode::FAILURE } else { ExitCode::SUCCESS })
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
    let report = if let Some(command) = &args.cmd {
        let base = args.cmd_config.as_deref().map(|path| read(path)).transpose()?.unwrap_or_default();
        let launcher = Launcher::new(command, base)?;
        within(limit, fleet::run(&launcher, &settings, cases, progress)).await?
    } else {
        let mut settings = settings(args.server.target()?);
        settings.credentials = args.server.credentials();
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
    if let Some(path) = &args.report_junit {
        write(path, report::to_junit(report, known)?)?;
    }
    if let Some(folder) = &args.report_html {
        report::write_matrix(folder, report, &clauses)?;
    }
    Ok(())
}

fn list(chosen: &Chosen) -> anyhow::Result<ExitCode> {
    let suite = suite(chosen.cases.as_deref())?;
    let mut out = io::stdout().lock();
    for case in suite.select(&chosen.selection()) {
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
        show_case(&mut out, case, &clauses)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show_case(
    out: &mut impl Write,
    case: &Case,
    clauses: &BTreeMap<crate::case::ClauseId, clauses::Clause>,
) -> io::Result<()> {
    writeln!(out, "{} ({}:{})\n{}", case.id, case.file, case.line, case.about)?;
    if let Some(source) = &case.source {
        writeln!(out, "{source}")?;
    }
    for id in &case.clauses {
        writeln!(out, "\n[{id}] {}", clauses.get(id).map_or("(no such clause)", |clause| &clause.text))?;
    }
    for request in &case.preparation {
        writeln!(out, "\n# preparation\n{}", curl(request))?;
    }
    for step in &case.steps {
        writeln!(out, "\n{}", curl(&step.request))?;
        show_answer(out, &step.expected)?;
        if let Some(alternative) = &step.alternative {
            writeln!(out, "\n# or, in the profile {}: {}", alternative.profile, alternative.because)?;
            show_answer(out, &alternative.answer)?;
        }
    }
    writeln!(out)
}

fn show_answer(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    writeln!(out, "HTTP/1.1 {}", answer.status)?;
    for (name, rule) in &answer.headers {
        writeln!(out, "{name}: {rule}")?;
    }
    if let Some(body) = &answer.body {
        writeln!(out, "\n{}", body.to_string().trim_end_matches('\n'))?;
    }
    Ok(())
}

/// Returns a request as a command for a POSIX shell, with InfluxDB's default port.
fn curl(request: &Request) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let verb = match request.verb.as_str() {
        "HEAD" => "-I".to_owned(),
        verb => format!("-i -X {verb}"),
    };
    let mut command = format!("curl {verb} {}", quoted(&format!("http://127.0.0.1:8086{}", request.target)));
    for (name, value) in &request.headers {
        command.push_str(&format!(" -H {}", quoted(&format!("{name}: {value}"))));
    }
    if !request.body.is_empty() {
        command.push_str(&format!(" --data-binary {}", quoted(&String::from_utf8_lossy(&request.body))));
    }
    command
}

/// Reads the number of cases that run at once. It is bounded, since each has a connection.
fn jobs(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|jobs| (1..=64).contains(jobs));
    number.ok_or_else(|| "give a number from 1 to 64".to_owned())
}

fn suite(folder: Option<&Path>) -> anyhow::Result<Suite> {
    Ok(match folder {
        Some(folder) => Suite::read(folder)?,
        None => Suite::embedded()?,
    })
}

impl ServerArgs {
    fn target(&self) -> anyhow::Result<Target> {
        self.target.clone().context("give the server with --target, or for `run` the command that starts it with --cmd")
    }

    fn credentials(&self) -> Option<(String, String)> {
        self.user.clone().zip(self.password.clone())
    }

    fn config(&self) -> anyhow::Result<toml::Table> {
        let Some(path) = &self.target_config else { return Ok(toml::Table::new()) };
        toml::from_str(&read(path)?).with_context(|| path.display().to_string())
    }

    /// Settings for `record`, which sends names as cases have them.
    fn as_written(&self) -> anyhow::Result<Settings> {
        Ok(Settings {
            credentials: self.credentials(),
            profile: self.profile,
            config: self.config()?,
            answer_limit: Duration::from_secs(self.timeout),
            mark: None,
            ..Settings::new(self.target()?)
        })
    }
}

impl RunArgs {
    fn settings(&self, target: Target) -> Settings {
        Settings {
            profile: self.server.profile,
            answer_limit: Duration::from_secs(self.server.timeout),
            jobs: self.jobs,
            shuffle: self.shuffle,
            drop_existing: self.drop_existing,
            ..Settings::new(target)
        }
    }
}

impl Chosen {
    fn selection(&self) -> Selection {
        Selection { areas: self.area.clone(), levels: self.level.clone(), ids: self.ids.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_request_is_shown_as_a_command() {
        let request = Request {
            verb: "POST".to_owned(),
            target: "/write?db=d".to_owned(),
            headers: vec![("A".to_owned(), "b".to_owned())],
            body: b"m s=\"it's\"".to_vec(),
        };
        assert_eq!(
            curl(&request),
            r#"curl -i -X POST 'http://127.0.0.1:8086/write?db=d' -H 'A: b' --data-binary 'm s="it'\''s"'"#
        );
    }
}
