//! Runs cases against a target, one after another, and collects their outcomes.
//!
//! Everything that a case owns is dropped before and after it. Its preparation must succeed; then its steps are judged up to the first that
//! fails, since later steps build on earlier ones.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::case::{Case, Need, Owned, Profile, Request, Step};
use crate::client::{self, NoAnswer, Response, Target};
use crate::report::{Outcome, Report, StepOutcome};
use crate::verdict::{self, Verdict};

/// How to run cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server that is judged.
    pub target: Target,
    /// The name and password of an administrator, if authentication is on.
    pub credentials: Option<(String, String)>,
    /// The profile whose answers are expected.
    pub profile: Profile,
    /// The settings that the target was started with. If there are any, only cases that need some of them apply; otherwise, only cases that
    /// need none.
    pub config: toml::Table,
    /// The time limit for an answer.
    pub answer_limit: Duration,
    /// How long a step with `eventually` is repeated.
    pub patience: Duration,
}

impl Settings {
    /// Returns settings with the default limits.
    pub fn new(target: Target) -> Settings {
        Settings {
            target,
            credentials: None,
            profile: Profile::default(),
            config: toml::Table::new(),
            answer_limit: Duration::from_secs(30),
            patience: Duration::from_secs(5),
        }
    }
}

/// Runs the cases, and passes each outcome to `progress` when it is known.
pub async fn run(settings: &Settings, cases: &[&Case], mut progress: impl FnMut(&Outcome)) -> Report {
    let mut outcomes = Vec::with_capacity(cases.len());
    for case in cases {
        let outcome = run_case(settings, case).await;
        progress(&outcome);
        outcomes.push(outcome);
    }
    Report { target: settings.target.to_string(), server: server(settings).await, profile: settings.profile, outcomes }
}

/// Why a target cannot be judged at all.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The target does not answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The target refuses the credentials, or their absence.
    #[error("{0} refuses the runner: give an administrator's --user and --password")]
    Refused(Target),
    /// The target has databases or users that the cases would drop.
    #[error("the cases would drop what {0} holds: {1} (--drop-existing runs them all the same)")]
    Occupied(Target, String),
}

/// Checks that the target answers, and has nothing that the cases would drop.
pub async fn inspect(settings: &Settings, cases: &[&Case]) -> Result<(), Unfit> {
    let mut found = Vec::new();
    let databases: BTreeSet<_> = cases.iter().flat_map(|case| &case.owns.databases).collect();
    let users: BTreeSet<_> = cases.iter().flat_map(|case| &case.owns.users).collect();
    for (statement, kind, owned) in [("SHOW DATABASES", "database", databases), ("SHOW USERS", "user", users)] {
        let request = as_admin(settings, query(statement));
        let response = client::send(&settings.target, &request, settings.answer_limit).await?;
        if response.status == 401 || response.status == 403 {
            return Err(Unfit::Refused(settings.target.clone()));
        }
        let names = first_column(&response);
        found.extend(owned.iter().filter(|name| names.contains(*name)).map(|name| format!("{kind} `{name}`")));
    }
    if found.is_empty() { Ok(()) } else { Err(Unfit::Occupied(settings.target.clone(), found.join(", "))) }
}

/// Runs a case without judging it, and returns the answers to its steps.
pub async fn replay(settings: &Settings, case: &Case) -> Result<Vec<Response>, String> {
    drop_owned(settings, &case.owns).await;
    prepare(settings, case).await.map_err(|(_, reason)| reason)?;
    let mut responses = Vec::with_capacity(case.steps.len());
    for step in &case.steps {
        let request = credited(settings, case, step);
        responses
            .push(client::send(&settings.target, &request, settings.answer_limit).await.map_err(|e| e.to_string())?);
    }
    drop_owned(settings, &case.owns).await;
    Ok(responses)
}

/// Creates the first administrator of a server that has authentication on and no users yet, and returns the server's answer.
pub async fn create_administrator(
    target: &Target,
    (user, password): (&str, &str),
    limit: Duration,
) -> Result<Response, NoAnswer> {
    let statement = format!("CREATE USER {} WITH PASSWORD '{password}' WITH ALL PRIVILEGES", quoted(user));
    client::send(target, &query(&statement), limit).await
}

async fn run_case(settings: &Settings, case: &Case) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::new(case);
    if let Some(reason) = inapplicable(settings, case) {
        outcome.verdict = Verdict::NotApplicable;
        outcome.reason = Some(reason);
        return outcome;
    }
    drop_owned(settings, &case.owns).await;
    if case.needs.contains(&Need::Empty) && !is_empty(settings).await {
        outcome.verdict = Verdict::NotApplicable;
        outcome.reason = Some("needs a target without databases and users".to_owned());
        return outcome;
    }
    if let Err((verdict, reason)) = prepare(settings, case).await {
        outcome.verdict = verdict;
        outcome.reason = Some(reason);
    } else {
        outcome.verdict = Verdict::Exact;
        for step in &case.steps {
            let step = run_step(settings, case, step).await;
            let failed = step.verdict.is_failure();
            outcome.verdict = outcome.verdict.max(step.verdict);
            outcome.steps.push(step);
            if failed {
                break;
            }
        }
    }
    drop_owned(settings, &case.owns).await;
    outcome.milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    outcome
}

/// Returns why a case does not apply to the target, if it does not.
fn inapplicable(settings: &Settings, case: &Case) -> Option<String> {
    if case.needs.contains(&Need::Auth) && settings.credentials.is_none() {
        return Some("needs authentication, and the credentials of an administrator (--user, --password)".to_owned());
    }
    for (section, wanted) in &case.config {
        if !contains(settings.config.get(section), wanted) {
            return Some(format!("needs a target with the settings {} (--target-config)", one_line(&case.config)));
        }
    }
    if case.config.is_empty() && !settings.config.is_empty() {
        return Some("needs a target with default settings".to_owned());
    }
    None
}

/// Whether a setting, or each setting of a section, has the wanted value.
fn contains(actual: Option<&toml::Value>, wanted: &toml::Value) -> bool {
    match (actual, wanted) {
        (Some(toml::Value::Table(actual)), toml::Value::Table(wanted)) => {
            wanted.iter().all(|(key, wanted)| contains(actual.get(key), wanted))
        }
        (actual, wanted) => actual == Some(wanted),
    }
}

fn one_line(config: &toml::Table) -> String {
    toml::to_string(config).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn prepare(settings: &Settings, case: &Case) -> Result<(), (Verdict, String)> {
    for request in &case.preparation {
        let line = format!("{} {}", request.verb, request.target);
        match client::send(&settings.target, &as_admin(settings, request.clone()), settings.answer_limit).await {
            Err(error) => return Err((Verdict::NoAnswer, format!("preparation `{line}`: {error}"))),
            Ok(response) if response.status >= 300 || has_error(&response) => {
                let body = String::from_utf8_lossy(&response.body).trim_end().to_owned();
                let reason = format!("preparation `{line}` was refused with {}: {body}", response.status);
                return Err((Verdict::Differs, reason));
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

async fn run_step(settings: &Settings, case: &Case, step: &Step) -> StepOutcome {
    let deadline = Instant::now() + settings.patience;
    // The report shows the request of the case, without the administrator's credentials.
    let request = credited(settings, case, step);
    loop {
        let outcome = match client::send(&settings.target, &request, settings.answer_limit).await {
            Ok(response) => StepOutcome::judged(&step.request, verdict::judge(step, &response, settings.profile)),
            Err(error) => StepOutcome::unanswered(&step.request, &error),
        };
        if !step.eventually || !outcome.verdict.is_failure() || Instant::now() >= deadline {
            return outcome;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns a step's request with the credentials to send. Cases about authentication have their own.
fn credited(settings: &Settings, case: &Case, step: &Step) -> Request {
    if case.needs.contains(&Need::Auth) { step.request.clone() } else { as_admin(settings, step.request.clone()) }
}

/// Drops what a case owns. The answers do not matter, since it may not exist.
async fn drop_owned(settings: &Settings, owned: &Owned) {
    let databases = owned.databases.iter().map(|name| format!("DROP DATABASE {}", quoted(name)));
    let users = owned.users.iter().map(|name| format!("DROP USER {}", quoted(name)));
    for statement in databases.chain(users) {
        let _ = client::send(&settings.target, &as_admin(settings, query(&statement)), settings.answer_limit).await;
    }
}

/// Whether the target has no users, and no databases except its own.
async fn is_empty(settings: &Settings) -> bool {
    for statement in ["SHOW DATABASES", "SHOW USERS"] {
        let request = as_admin(settings, query(statement));
        match client::send(&settings.target, &request, settings.answer_limit).await {
            Ok(response) if first_column(&response).iter().all(|name| name == "_internal") => {}
            _ => return false,
        }
    }
    true
}

async fn server(settings: &Settings) -> String {
    let ping = Request { verb: "GET".to_owned(), target: "/ping".to_owned(), headers: Vec::new(), body: Vec::new() };
    let answer = client::send(&settings.target, &ping, settings.answer_limit).await;
    answer.ok().and_then(|response| response.header("x-influxdb-version")).unwrap_or_else(|| "unknown".to_owned())
}

fn as_admin(settings: &Settings, request: Request) -> Request {
    match &settings.credentials {
        Some((user, password)) => request.with_credentials(user, password),
        None => request,
    }
}

fn query(statement: &str) -> Request {
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("q", statement).finish();
    Request {
        verb: "POST".to_owned(),
        target: "/query".to_owned(),
        headers: vec![("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: body.into_bytes(),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Whether a `/query` answer contains an error, which is sent with status 200.
fn has_error(response: &Response) -> bool {
    let results = |document: &serde_json::Value| document.get("results").and_then(|r| r.as_array()).cloned();
    let documents = verdict::documents(&response.body).unwrap_or_default();
    documents.iter().filter_map(results).flatten().any(|result| result.get("error").is_some())
}

/// Returns the first column of the first series of an answer.
fn first_column(response: &Response) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let rows = document.pointer("/results/0/series/0/values").and_then(|rows| rows.as_array()).cloned();
    rows.unwrap_or_default().iter().filter_map(|row| row.get(0)?.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(extra: &str) -> Case {
        let text = format!(
            "about = 'x'\nlevel = 'observed'\n[[case]]\nid = 'a.b'\nabout = 'y'\nclauses = ['a.1']\n{extra}\n\
             [[case.step]]\nrequest = 'GET /ping'\nresponse.status = 204\n"
        );
        crate::case::parse_file("f.toml", &text).unwrap().remove(0)
    }

    #[test]
    fn a_case_applies_where_its_needs_and_settings_are_met() {
        let plain = case("");
        let auth = case("needs = ['auth']");
        let limited = case("config = { http = { max-row-limit = 3 } }");
        let mut settings = Settings::new("http://localhost:1".parse().unwrap());
        let applies =
            |settings: &Settings| [&plain, &auth, &limited].map(|case| inapplicable(settings, case).is_none());
        assert_eq!(applies(&settings), [true, false, false]);
        settings.credentials = Some(("u".to_owned(), "p".to_owned()));
        assert_eq!(applies(&settings), [true, true, false]);
        settings.config = toml::from_str("http = { max-row-limit = 3, realm = 'x' }").unwrap();
        assert_eq!(applies(&settings), [false, false, true]);
        settings.config = toml::from_str("http = { max-row-limit = 4 }").unwrap();
        assert_eq!(applies(&settings), [false, false, false]);
    }

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
        let settings = Settings::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
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
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"results\":[{\"series\":[{\"values\":[[\"other\"]]}]}]}";

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
            case.preparation.push(query("CREATE DATABASE d"));
            let outcome = run(&settings, &[&case], |_| {}).await.outcomes.remove(0);
            assert_eq!((outcome.verdict, outcome.steps.len()), (Verdict::Differs, 0));
            assert!(outcome.reason.unwrap().starts_with("preparation `POST /query` was refused with "));
        }
    }

    #[tokio::test]
    async fn a_target_that_wants_credentials_or_holds_data_is_not_judged() {
        const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
        const HOLDS_D: &str = "HTTP/1.1 200 OK\r\nContent-Length: 51\r\n\r\n\
                               {\"results\":[{\"series\":[{\"values\":[[\"c\"],[\"d\"]]}]}]}";
        let owner = case("owns = { databases = ['d'] }");
        let (settings, _) = scripted(&[REFUSED]).await;
        assert!(matches!(inspect(&settings, &[&owner]).await, Err(Unfit::Refused(_))));
        let (settings, _) = scripted(&[HOLDS_D]).await;
        assert!(
            matches!(inspect(&settings, &[&owner]).await, Err(Unfit::Occupied(_, names)) if names == "database `d`")
        );
        assert!(inspect(&settings, &[&case("owns = { databases = ['e'] }")]).await.is_ok());
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted(r#"a"b\"#), r#""a\"b\\""#);
    }
}
