//! The command that compares two servers: with the requests of the cases, or with random ones.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use super::pair::{Comparison, Pair};
use super::random;
use super::shrink::shrink;
use crate::case::Case;
use crate::chosen::Chosen;
use crate::client::Target;
use crate::known::Known;
use crate::report::{self, Report};
use crate::settings::Settings;
use crate::{case_file, clauses, run};

/// The most cases of random requests that are made smaller.
const SHRUNK_MAX: usize = 10;

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
        println!("\n{} times there was nothing to compare with, such as: {}", skipped.len(), skipped[0]);
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
            let text = case_file::write("A difference between two servers", "quirk", std::slice::from_ref(&small));
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Starts a server that answers statements with a sum in its own way.
    async fn server(own: &'static str) -> Settings {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, own));
            }
        });
        Settings::new(target)
    }

    async fn answer(mut stream: TcpStream, own: &str) {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, _)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if bytes.len() >= head.len() + 4 + length.unwrap_or(0) {
                    let is_silent = head.contains("first");
                    let body = if head.contains("sum") { own } else { "{\"results\":[{}]}" };
                    let status = if head.starts_with("POST /write") { 204 } else { 200 };
                    let body = if status == 204 { "" } else { body };
                    if !is_silent {
                        let answer = format!("HTTP/1.1 {status} OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                    return;
                }
            }
            match stream.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn queries(case: &Case) -> Vec<&str> {
        case.steps.iter().map(|step| step.request.target.as_str()).collect()
    }

    #[tokio::test]
    async fn differences_of_random_requests_are_found_and_made_small() {
        let one = "{\"results\":[{\"a\":1}]}";
        let same = Pair { first: server(one).await, second: server(one).await };
        let suite = random::suite(3, 200);
        let cases: Vec<&Case> = suite.cases.iter().collect();
        let comparison = same.compare(&cases).await.unwrap();
        assert!(comparison.report.outcomes.iter().all(|outcome| outcome.verdict == crate::verdict::Verdict::Exact));
        // What the first server does not answer is left out.
        let silent = cases.iter().flat_map(|case| queries(case)).filter(|target| target.contains("first")).count();
        assert!(silent > 0 && comparison.skipped.len() == silent);

        let pair = Pair { first: same.first, second: server("{\"results\":[{\"a\":2}]}").await };
        let comparison = pair.compare(&cases).await.unwrap();
        for (case, outcome) in cases.iter().zip(&comparison.report.outcomes) {
            let differs = queries(case).iter().any(|target| target.contains("sum") && !target.contains("first"));
            assert_eq!(outcome.verdict.is_failure(), differs, "{:?}", queries(case));
        }
        let failed = comparison.report.outcomes.iter().position(|outcome| outcome.verdict.is_failure()).unwrap();
        let small = shrink(&pair, cases[failed]).await.unwrap().unwrap();
        let [target] = queries(&small)[..] else { panic!("{small:?}") };
        assert!(target.contains("sum") && !target.contains("%20"), "{target}");
        assert!(small.preparation[2..].iter().all(|write| write.body == b"m f=1 0\n"));
    }
}
