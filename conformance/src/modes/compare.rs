//! Two servers side by side: the answers of the first are what the second is judged by, instead of those of the cases.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::random;
use super::shrink::shrink;
use crate::case::{Answer, BodyRule, Case, HeaderRule, Step};
use crate::chosen::Chosen;
use crate::client::{Response, Target};
use crate::known::Known;
use crate::report::{self, Report};
use crate::settings::Settings;
use crate::{case_file, clauses, run};

/// Headers that name a server or a request, and differ on purpose.
const OWN_HEADERS: [&str; 3] = ["X-Influxdb-Version", "Request-Id", "Date"];

/// The most differences of random requests that are made smaller.
const SHRUNK_MAX: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The server whose answers are expected, as a URL.
    first: Target,
    /// The server that is judged, as a URL.
    second: Target,
    #[command(flatten)]
    chosen: Chosen,
    /// Send this many random requests instead of those of the cases.
    #[arg(long, value_name = "N", conflicts_with_all = ["area", "level", "ids", "cases"])]
    random: Option<usize>,
    /// Draws the random requests: the same number, the same requests.
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "random")]
    seed: u64,
    /// Write each difference of random requests, made as small as possible, as a case file into this folder.
    #[arg(long, value_name = "DIR", requires = "random")]
    save: Option<PathBuf>,
    /// An administrator of both servers, if authentication is on.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// The administrator's password.
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// How many cases run at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Seconds to wait for an answer.
    #[arg(long, default_value_t = 30)]
    timeout: u64,
    /// Show differences of equivalent answers too.
    #[arg(long)]
    verbose: bool,
    /// Write a JSON report.
    #[arg(long, value_name = "FILE")]
    report_json: Option<PathBuf>,
}

/// The two servers.
#[derive(Debug)]
pub(super) struct Pair {
    first: Settings,
    second: Settings,
}

/// What a comparison showed.
struct Comparison {
    report: Report,
    /// Why cases were not compared.
    skipped: Vec<String>,
}

/// Compares two servers. The exit status is 1 if an answer differs.
pub(super) async fn compare(args: CompareArgs) -> anyhow::Result<ExitCode> {
    let pair = Pair { first: args.settings(&args.first).await?, second: args.settings(&args.second).await? };
    let suite = match args.random {
        None => args.chosen.suite()?,
        Some(requests) => random::suite(args.seed, requests),
    };
    let cases = args.chosen.of(&suite);
    if cases.is_empty() {
        bail!("no case is selected");
    }
    let Comparison { report, skipped } = pair.compare(&cases).await?;
    let clauses = clauses::embedded();
    report::print(&mut std::io::stdout().lock(), &report, &Known::default(), &clauses, args.verbose)?;
    if !skipped.is_empty() {
        println!("\n{} cases were not compared, such as: {}", skipped.len(), skipped[0]);
    }
    if let Some(path) = &args.report_json {
        std::fs::write(path, serde_json::to_string_pretty(&report)? + "\n")
            .with_context(|| path.display().to_string())?;
    }
    if args.random.is_some() {
        args.show_smaller(&pair, &report, &suite.cases).await?;
    }
    let differs = report.outcomes.iter().any(|outcome| outcome.verdict.is_failure());
    Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl CompareArgs {
    async fn settings(&self, target: &Target) -> anyhow::Result<Settings> {
        let mut settings = Settings {
            credentials: self.user.clone().zip(self.password.clone()),
            answer_limit: Duration::from_secs(self.timeout),
            jobs: usize::from(self.jobs),
            ..Settings::new(target.clone())
        };
        settings.held = run::inspect(&settings).await?;
        Ok(settings)
    }

    /// Makes the differences of random requests smaller, and shows them as cases.
    async fn show_smaller(&self, pair: &Pair, report: &Report, cases: &[Case]) -> anyhow::Result<()> {
        if let Some(folder) = &self.save {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let failed =
            |case: &&Case| report.outcomes.iter().any(|outcome| outcome.id == case.id && outcome.verdict.is_failure());
        for case in cases.iter().filter(failed).take(SHRUNK_MAX) {
            let Some(small) = shrink(pair, case).await? else {
                println!("\n{} differs no longer", case.id);
                continue;
            };
            let text = case_file::write("A difference between two servers", "quirk", &[small.clone()]);
            match &self.save {
                None => write!(std::io::stdout().lock(), "\n{text}")?,
                Some(folder) => {
                    let path = folder.join(format!("{}.toml", small.id));
                    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
                    println!("{} is written", path.display());
                }
            }
        }
        Ok(())
    }
}

impl Pair {
    async fn compare(&self, cases: &[&Case]) -> anyhow::Result<Comparison> {
        let bar = ProgressBar::new(2 * cases.len() as u64)
            .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}")?);
        let answers = run::answers(&self.first, cases, |_| bar.inc(1)).await;
        let (mut answered, mut skipped) = (Vec::new(), Vec::new());
        for (case, answers) in cases.iter().zip(answers) {
            match answers {
                Ok(answers) => answered.push(with_answers(case, &answers)),
                Err(reason) => skipped.push(format!("{}: {reason}", case.id)),
            }
        }
        let mut report = run::run(&self.second, &answered.iter().collect::<Vec<_>>(), |outcome| {
            bar.set_message(outcome.id.to_string());
            bar.inc(1);
        })
        .await;
        bar.finish_and_clear();
        let first = run::server(&self.first).await;
        report.server = format!("{} beside {first} at {}", report.server, self.first.target);
        Ok(Comparison { report, skipped })
    }

    /// Returns the case with the answers of the first server, up to the first step to which the second one gives another answer;
    /// `None` if there is none.
    pub(super) async fn difference(&self, case: &Case) -> anyhow::Result<Option<Case>> {
        let Some(Ok(answers)) = run::answers(&self.first, &[case], |_| {}).await.pop() else { return Ok(None) };
        let mut answered = with_answers(case, &answers);
        let report = run::run(&self.second, &[&answered], |_| {}).await;
        let Some(outcome) = report.outcomes.first() else { return Ok(None) };
        let Some(at) = outcome.steps.iter().position(|step| step.verdict.is_failure()) else { return Ok(None) };
        answered.steps.truncate(at + 1);
        Ok(Some(answered))
    }
}

/// Returns a case that expects these answers.
fn with_answers(case: &Case, answers: &[Response]) -> Case {
    let mut case = case.clone();
    for (step, answer) in case.steps.iter_mut().zip(answers) {
        (step.expected, step.alternative) = (expected(step, answer), None);
    }
    case
}

/// Returns the answer that is expected after this one was given. What a case lets vary may vary.
fn expected(step: &Step, given: &Response) -> Answer {
    let admitted = std::iter::once(&step.expected).chain(step.alternative.as_ref().map(|other| &other.answer));
    let rules = |(name, rule): &(String, HeaderRule)| {
        let actual = given.header(name);
        let rule = match (rule, actual) {
            (HeaderRule::Matches(regex), Some(actual)) if regex.is_match(&actual) => rule.clone(),
            (_, Some(actual)) => HeaderRule::Exactly(actual),
            (_, None) => HeaderRule::Absent,
        };
        (name.clone(), rule)
    };
    let compared = |headers: &[(String, HeaderRule)]| -> Vec<_> {
        let is_compared = |name: &str| !OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
        headers.iter().filter(|(name, _)| is_compared(name)).map(rules).collect()
    };
    let varies = admitted.clone().filter_map(|answer| answer.body.as_ref()).find_map(|body| match body {
        BodyRule::Matches(_) if body.admits(&given.body) => Some(body.clone()),
        _ => None,
    });
    Answer {
        status: given.status,
        headers: compared(&step.expected.headers),
        common_headers: compared(&step.expected.common_headers),
        body: Some(varies.unwrap_or_else(|| BodyRule::Exactly(given.body.to_vec()))),
    }
}
