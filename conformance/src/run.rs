//! Runs cases against a target, several at once, and collects their outcomes.
//!
//! Cases with names of their own run side by side, in any order. Exclusive cases follow, one at a time. A lock on this machine keeps the
//! exclusive cases of one run apart from all cases of another one against the same target. At the end, everything is dropped that
//! begins with the mark of the run.

use futures_util::StreamExt as _;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;

use crate::attempt::{self, Attempt};
use crate::case::{Case, Request};
use crate::claims;
use crate::client::{self, NoAnswer, Response, Target};
use crate::names::RunMark;
use crate::report::{Outcome, Report};
pub use crate::settings::{Held, Settings};
use crate::turn::Turn;

/// Runs the cases, and passes each outcome to `progress` when it is known. The report has them in the order of `cases`.
pub async fn run(settings: &Settings, cases: &[&Case], progress: impl FnMut(&Outcome)) -> Report {
    let attempt = |number: usize| async move { Attempt::new(settings, cases[number], number).run().await };
    let outcomes = in_turns(settings, cases, attempt, progress).await;
    clean(settings).await;
    Report {
        target: settings.target.to_string(),
        server: version(settings).await,
        profile: settings.profile,
        selection: None,
        outcomes,
    }
}

/// The answers to the steps of a case, or why it was not run.
pub type Answers = Result<Vec<Result<Response, NoAnswer>>, String>;

/// Runs the cases without judging them.
pub async fn answers(settings: &Settings, cases: &[&Case], progress: impl FnMut(&Answers)) -> Vec<Answers> {
    let replay = |number: usize| async move { Attempt::new(settings, cases[number], number).replay().await };
    let answers = in_turns(settings, cases, replay, progress).await;
    clean(settings).await;
    answers
}

/// Does a job for each case, by its number: first for those that can run side by side, then for the exclusive ones.
async fn in_turns<T, F: Future<Output = T>>(
    settings: &Settings,
    cases: &[&Case],
    job: impl Fn(usize) -> F,
    mut progress: impl FnMut(&T),
) -> Vec<T> {
    let mut order: Vec<usize> = (0..cases.len()).collect();
    if let Some(seed) = settings.shuffle {
        order.shuffle(&mut rand::rngs::SmallRng::seed_from_u64(seed));
    }
    let is_exclusive = |number: &usize| settings.mark.is_none() || cases[*number].exclusive;
    let (exclusive, shared): (Vec<usize>, Vec<usize>) = order.into_iter().partition(is_exclusive);
    let mut done: Vec<(usize, T)> = Vec::with_capacity(cases.len());
    for (numbers, jobs) in [(shared, settings.jobs.max(1)), (exclusive, 1)] {
        if numbers.is_empty() {
            continue;
        }
        let turn = Turn::take(&settings.target, jobs == 1).await;
        let numbered = numbers.into_iter().map(|number| {
            let job = job(number);
            async move { (number, job.await) }
        });
        let mut running = futures_util::stream::iter(numbered).buffer_unordered(jobs);
        while let Some((number, result)) = running.next().await {
            progress(&result);
            done.push((number, result));
        }
        drop(turn);
    }
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Drops every database and user that the run made and its cases have left behind.
pub async fn clean(settings: &Settings) {
    let Some(mark) = &settings.mark else { return };
    let (databases, users) = names(settings).await.unwrap_or_default();
    let is_own = |name: &String| mark.is_of(name);
    attempt::drop_all(settings, databases.into_iter().filter(is_own), users.into_iter().filter(is_own)).await;
}

/// Why a target cannot be judged at all.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The target does not answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The target refuses the credentials, or their absence.
    #[error("{0} refuses the runner: give an administrator's --user and --password, or --token")]
    Refused(Target),
}

/// Checks that the target answers, and returns the databases and users that it holds.
pub async fn inspect(settings: &Settings) -> Result<Held, Unfit> {
    if claims::is_write_only(&settings.claims) {
        client::send(&settings.target, &ping(), settings.answer_limit).await?;
        return Ok(Held::default());
    }
    let (databases, users) = names(settings).await?;
    let databases = databases.into_iter().filter(|name| name != "_internal" && !RunMark::is_of_any(name));
    Ok(Held { databases: databases.collect(), users: users.into_iter().filter(|n| !RunMark::is_of_any(n)).collect() })
}

/// Returns the databases and the users of the target. They are empty if it cannot list them.
async fn names(settings: &Settings) -> Result<(Vec<String>, Vec<String>), Unfit> {
    let mut lists = [Vec::new(), Vec::new()];
    for (statement, list) in ["SHOW DATABASES", "SHOW USERS"].into_iter().zip(&mut lists) {
        let response = attempt::as_administrator(settings, statement).await?;
        if response.status == 401 || response.status == 403 {
            return Err(Unfit::Refused(settings.target.clone()));
        }
        *list = attempt::first_column(&response);
    }
    let [databases, users] = lists;
    Ok((databases, users))
}

/// Runs a case without judging it, and returns the answers to its steps.
pub async fn replay(settings: &Settings, case: &Case) -> Result<Vec<Response>, String> {
    let answers = Attempt::new(settings, case, 0).replay().await?;
    answers.into_iter().map(|answer| answer.map_err(|error| error.to_string())).collect()
}

/// Creates the first administrator of a server that has authentication on and no users yet, and returns the server's answer.
pub async fn create_administrator(
    target: &Target,
    (user, password): (&str, &str),
    limit: std::time::Duration,
) -> Result<Response, NoAnswer> {
    let statement = format!("CREATE USER {} WITH PASSWORD '{password}' WITH ALL PRIVILEGES", attempt::quoted(user));
    client::send(target, &attempt::query(&statement), limit).await
}

fn ping() -> Request {
    Request { verb: "GET".to_owned(), target: "/ping".to_owned(), headers: Vec::new(), body: Vec::new() }
}

/// Returns the version that the target reports.
pub async fn version(settings: &Settings) -> String {
    let answer = client::send(&settings.target, &ping(), settings.answer_limit).await;
    answer.ok().and_then(|response| response.header("x-influxdb-version")).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::case::tests::case;
    use crate::claims::Claim;
    use crate::verdict::Verdict;

    #[tokio::test]
    async fn an_unreachable_target_gives_no_answer() {
        let settings = Settings::new("http://127.0.0.1:1".parse().unwrap());
        let report = run(&settings, &[&case("")], |_| {}).await;
        assert_eq!(report.outcomes[0].verdict, Verdict::NoAnswer);
    }

    /// Starts a server that gives these answers, one per request, and then repeats the last one. Returns settings for it and its requests.
    async fn scripted(answers: &'static [&'static str]) -> (Settings, std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let settings = Settings { mark: None, ..Settings::new(target) };
        let requests = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = requests.clone();
        tokio::spawn(async move {
            for i in 0.. {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap_or_default();
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                let line = text.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
                let body = text.split("\r\n\r\n").nth(1).unwrap_or_default();
                log.lock().unwrap().push(format!("{line} {body}").trim_end().to_owned());
                let _ = stream.write_all(answers[i.min(answers.len() - 1)].as_bytes()).await;
            }
        });
        (settings, requests)
    }

    const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";
    const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    const FAILED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"results\":[{\"error\":\"full\"}]}";

    const LISTED: &str =
        "HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n{\"results\":[{\"series\":[{\"values\":[[\"other\"]]}]}]}";

    #[tokio::test]
    async fn a_case_that_needs_an_empty_target_does_not_apply_to_one_that_holds_something() {
        for (answers, verdict) in [(&[OK, OK, OK], Verdict::Exact), (&[OK, LISTED, OK], Verdict::NotApplicable)] {
            let (settings, _) = scripted(answers).await;
            let report = run(&settings, &[&case("needs = ['empty']")], |_| {}).await;
            assert_eq!(report.outcomes[0].verdict, verdict);
        }
    }

    #[tokio::test]
    async fn what_a_case_owns_is_dropped_before_and_after_it() {
        let (settings, requests) = scripted(&[OK]).await;
        let report = run(&settings, &[&case("owns = { databases = ['d'], users = ['u'] }")], |_| {}).await;
        assert_eq!(report.outcomes[0].verdict, Verdict::Exact);
        let drops = ["POST /query q=DROP+DATABASE+%22d%22", "POST /query q=DROP+USER+%22u%22"];
        // The last request asks for the version.
        let expected = [&drops[..], &["GET /ping"], &drops[..], &["GET /ping"]].concat();
        assert_eq!(*requests.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn a_step_that_holds_eventually_is_repeated_until_it_does() {
        let (settings, requests) = scripted(&[BUSY, BUSY, OK]).await;
        let mut case = case("");
        case.steps[0].eventually = true;
        let report = run(&settings, &[&case], |_| {}).await;
        assert_eq!(report.outcomes[0].verdict, Verdict::Exact);
        assert_eq!(requests.lock().unwrap().len(), 4);
        let (mut settings, _) = scripted(&[BUSY]).await;
        settings.patience = Duration::ZERO;
        assert_eq!(run(&settings, &[&case], |_| {}).await.outcomes[0].verdict, Verdict::Differs);
    }

    #[tokio::test]
    async fn a_preparation_must_succeed() {
        for answer in [&[BUSY], &[FAILED]] {
            let (settings, _) = scripted(answer).await;
            let mut case = case("");
            case.preparation.push(attempt::query("CREATE DATABASE d"));
            let outcome = run(&settings, &[&case], |_| {}).await.outcomes.remove(0);
            assert_eq!((outcome.verdict, outcome.steps.len()), (Verdict::Differs, 0));
            assert!(outcome.reason.unwrap().starts_with("preparation `POST /query` was refused with "));
        }
    }

    #[tokio::test]
    async fn a_target_that_only_takes_points_may_refuse_queries() {
        const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        let (mut settings, _) = scripted(&[REFUSED, REFUSED, OK]).await;
        settings.claims = vec![Claim::WriteOnly];
        assert_eq!(inspect(&settings).await.unwrap(), Held::default());
        let mut case = case("");
        case.preparation.push(attempt::query("CREATE DATABASE d"));
        assert_eq!(run(&settings, &[&case], |_| {}).await.outcomes[0].verdict, Verdict::Exact);
        case.steps[0].request = attempt::query("SELECT f FROM m");
        let outcome = run(&settings, &[&case], |_| {}).await.outcomes.remove(0);
        assert_eq!((outcome.verdict, outcome.steps.len()), (Verdict::NotApplicable, 0));
    }

    #[tokio::test]
    async fn a_target_that_wants_credentials_is_not_judged() {
        const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
        let (settings, _) = scripted(&[REFUSED]).await;
        assert!(matches!(inspect(&settings).await, Err(Unfit::Refused(_))));
        let (settings, _) = scripted(&[LISTED, OK]).await;
        let held = Held { databases: ["other".to_owned()].into(), ..Held::default() };
        assert_eq!(inspect(&settings).await.unwrap(), held);
    }

    #[tokio::test]
    async fn the_names_of_a_run_are_its_own_and_dropped_at_the_end() {
        let (mut settings, requests) = scripted(&[OK]).await;
        settings.mark = Some(RunMark::random());
        let case = case("owns = { databases = ['d'] }");
        assert_eq!(run(&settings, &[&case], |_| {}).await.outcomes[0].verdict, Verdict::Exact);
        let requests = requests.lock().unwrap().clone();
        assert!(requests[0].starts_with("POST /query q=DROP+DATABASE+%22fx") && requests[0].ends_with("0_d%22"));
        assert_eq!(requests[3..], ["POST /query q=SHOW+DATABASES", "POST /query q=SHOW+USERS", "GET /ping"]);
    }

    #[tokio::test]
    async fn the_report_has_the_order_of_the_cases_whatever_the_order_of_the_run() {
        let (mut settings, _) = scripted(&[OK]).await;
        (settings.mark, settings.shuffle) = (Some(RunMark::random()), Some(7));
        let cases: Vec<Case> = (0..20).map(|_| case("")).collect();
        let mut cases: Vec<&Case> = cases.iter().collect();
        let last = case("exclusive = true");
        cases.insert(0, &last);
        let report = run(&settings, &cases, |_| {}).await;
        assert_eq!(report.outcomes.len(), 21);
    }
}
